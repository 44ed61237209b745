"""Stage ``transform``: recipes with photos, and the fitted calibrator -> ``calibrated/``.

Each shard passes through the steps as one table and is committed as one file.
"""

from collections import Counter
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, assert_never

import click
import pyarrow.compute as pc
import pyarrow.parquet as pq

from seje_ray.artifact import Artifact, finished, outdated
from seje_ray.building import begin, build_manifest, finish
from seje_ray.calibration.categories import Categories
from seje_ray.calibration.recipe_parts import COLUMNS as TEXT_COLUMNS
from seje_ray.calibration.text_model import text_model_hash
from seje_ray.calibration.text_tokens import text_format_of, tokenizer_hash
from seje_ray.config import RunConfig
from seje_ray.errors import ArtifactError
from seje_ray.features.backbones import (
    changed_network,
    network_settings,
    network_weights,
    plan_before,
)
from seje_ray.features.model import backbone_of, stored_backbone
from seje_ray.features.texts import token_limits
from seje_ray.manifest import (
    Plan,
    manifest_in,
)
from seje_ray.pipeline.columns import vector_dim
from seje_ray.pipeline.components import language_section, text_files, text_section
from seje_ray.pipeline.executor import Session
from seje_ray.pipeline.stage import ShardStage, Step, shard_items
from seje_ray.pipeline.transform_steps import (
    AddImageFeatures,
    AddPartialTexts,
    AddSentenceVectors,
    AddTerms,
    AddTextFeatures,
    AddTextTokens,
    FillCategories,
    commit_calibrated,
    read_texts,
)
from seje_ray.recipe1m.records import DataError
from seje_ray.store.mirror import pull
from seje_ray.workspace import Workspace


def transform(
    run: RunConfig,
    recipes: Artifact,
    calibrator: Artifact,
    workspace: Workspace,
    session: Session,
) -> Artifact:
    """Calibrate every recipe that has a photo; resumes by shard.

    Raises:
        DataError: If no train recipe has a photo.
        ArtifactError: If a row is missing in the result.
    """
    _require_pairs(recipes)
    folder, plan = workspace.calibrated, _plan(run, recipes, calibrator)
    before = _plan_before(run, plan)
    known = finished(folder, plan, before, verify=workspace.verify)
    if known is not None:
        return known
    if (change := outdated(folder, plan.kind, workspace.verify)) is not None:
        click.echo(change, err=True)
    replaced = manifest_in(folder)
    if replaced is not None and (change := changed_network(replaced.plan, plan, "frozen")):
        click.echo(f"photos are calibrated again, since {change}", err=True)
    building = begin(folder, plan, before, lease=workspace.lease)
    names = recipes.names()
    items = shard_items(recipes, names, building, workspace.lease)
    session.run_shards(
        ShardStage(
            "calibrating",
            items,
            read_texts,
            commit_calibrated,
            _steps(run, workspace),
            num_done=len(names) - len(items),
        )
    )
    return _close(workspace, building, plan, run, recipes, calibrator)


def finished_calibrated(
    run: RunConfig, recipes: Artifact, calibrator: Artifact, workspace: Workspace
) -> Artifact | None:
    """The calibrated recipes, if nothing that decides them has changed."""
    plan = _plan(run, recipes, calibrator)
    before = _plan_before(run, plan)
    return finished(workspace.calibrated, plan, before, verify=workspace.verify)


def _steps(run: RunConfig, workspace: Workspace) -> list[Step]:
    """Texts on CPUs, networks on a GPU if there is one; all of them share a single GPU."""
    fills = run.calibrate.categories.backoff != "none"
    steps = [
        Step(partial(AddTextFeatures, run, workspace), gpu_share=_rater_share(run)),
        Step(partial(AddSentenceVectors, run, workspace), gpu_share=_sentences_share(run)),
        *([Step(partial(AddTextTokens, run))] if run.calibrate.text_tokens.store else []),
        *([Step(partial(AddTerms, workspace))] if run.calibrate.lexical.enabled else []),
        *(
            [Step(partial(AddPartialTexts, run, workspace), gpu_share=_rater_share(run))]
            if run.calibrate.partial_texts
            else []
        ),
        Step(partial(AddImageFeatures, run, workspace), gpu_share=0.5),
        *([Step(partial(FillCategories, run, workspace))] if fills else []),
    ]
    return [replace(step, reads=(workspace.calibrator,)) for step in steps]


def _rater_share(run: RunConfig) -> float:
    """Share of a GPU for the text model that rates key terms."""
    match run.calibrate.rater:
        case "bert":
            return 0.25
        case "tfidf" | "textrank":
            return 0.0
    assert_never(run.calibrate.rater)


def _sentences_share(run: RunConfig) -> float:
    """Share of a GPU for the sentence encoder, and the text model if its vectors are stored."""
    if run.calibrate.text_vectors:
        return 0.25
    backend = run.calibrate.sentence_encoder.backend
    match backend:
        case "skip_instructions" | "transformer":
            return 0.25
        case "file":
            return 0.0
    assert_never(backend)


def _require_pairs(recipes: Artifact) -> None:
    """Without a photo of a train recipe there is nothing to learn from."""
    with_image, rejected = recipes.manifest.facts["rows_with_image"], recipes.manifest.rejected
    known = recipes.manifest.facts.get("missing_photos")
    if not with_image.get("train"):
        raise DataError(
            f"{recipes.folder}: expected train recipes with photos, found photos of "
            f"{sum(with_image.values()):,} of {recipes.num_rows():,} recipes, none of them train; "
            f"rejected: {dict(rejected) or 'nothing'}; "
            + (
                known
                or "rejects.parquet says where photos were looked for, and a Recipe1M folder names "
                "them in layer2.json"
            )
        )


def _plan(run: RunConfig, recipes: Artifact, calibrator: Artifact) -> Plan:
    config, stored = run.calibrate, stored_backbone(run)
    section: dict[str, Any] = {
        **text_section(run),
        **language_section(run),
        "backoff": config.categories.backoff,
        "vector": config.image_categorizer.vector,
        "max_sentences": config.sentence_encoder.max_sentences,
        "frozen": None,
    }
    inputs = {"recipes": recipes.content_hash, "calibrator": calibrator.content_hash}
    inputs |= text_files(run)
    if config.text_vectors:
        section["text_vectors"] = True
        inputs["text_model"] = text_model_hash(str(config.text_model))
    if config.text_tokens.store:
        section["text_tokens"] = list(token_limits(config))
        inputs["tokenizer"] = tokenizer_hash(str(config.text_model))
    if config.partial_texts:
        section["partial_texts"] = True
    if stored is not None:
        section["frozen"] = network_settings(run, stored)
        inputs |= network_weights(stored)
    return Plan(kind="calibrated", section=section, inputs=inputs, seed=run.seed)


def _plan_before(run: RunConfig, plan: Plan) -> Plan | None:
    """The plan of a version before that gives the same content, if there is one."""
    stored = stored_backbone(run)
    return None if stored is None else plan_before(plan, "frozen", stored)


def _close(
    workspace: Workspace,
    building: Path,
    plan: Plan,
    run: RunConfig,
    recipes: Artifact,
    calibrator: Artifact,
) -> Artifact:
    """Check that every recipe with a photo is there, and write the manifest."""
    for folder in (building, workspace.calibrator):  # others have made what is there
        pull(folder, keeps_own=True)
    expected = recipes.manifest.facts["rows_with_image"]
    facts = calibrator.manifest.facts
    manifest = build_manifest(
        plan,
        building,
        rejected={"no_image": recipes.num_rows() - sum(expected.values())},
        facts={
            "word_dim": facts["word_dim"],
            "sentence_dim": facts["sentence_dim"],
            "num_categories": facts["num_categories"],
            "vocabulary_hash": facts["vocabulary_hash"],
            "feature_dim": _feature_dim(run),
            "text_dim": _text_dim(building),
            **_text_format(run),
            **({"lexical": facts["lexical"]} if run.calibrate.lexical.enabled else {}),
            **({"partial_texts": True} if run.calibrate.partial_texts else {}),
            "image_features_of": _image_features_of(plan),
            "category_names": list(Categories.load(workspace.component("text")).names),
            "image_category_names": facts["image_category_names"],
            "counts": _counts(building, run.calibrate.sentence_encoder.max_sentences),
        },
    )
    wrong = {p: (n, manifest.rows.get(p, 0)) for p, n in expected.items()}
    wrong = {p: counts for p, counts in wrong.items() if counts[0] != counts[1]}
    if wrong:
        shown = ", ".join(f"{p}: expected {n}, found {m}" for p, (n, m) in wrong.items())
        raise ArtifactError(f"{building}: calibrated recipes are missing ({shown}); run it again")
    return finish(workspace.calibrated, plan, manifest, workspace.lease)


def _image_features_of(plan: Plan) -> dict[str, Any] | None:
    """The network whose features are stored: how it sees photos, and what its weights were."""
    stored: dict[str, Any] | None = plan.section["frozen"]
    return None if stored is None else stored | {"weights_hash": plan.inputs.get("weights")}


def _feature_dim(run: RunConfig) -> int | None:
    stored = stored_backbone(run)
    if stored is None:
        return None
    return len(stored.views) * backbone_of(stored, load_weights=False).feature_dim


def _text_format(run: RunConfig) -> dict[str, Any]:
    """How the stored tokens are taken by their text model; empty if there are none."""
    config = run.calibrate
    if not config.text_tokens.store:
        return {}
    return {"text_format": text_format_of(str(config.text_model)).to_dict()}


def _text_dim(folder: Path) -> int | None:
    """H of the stored text vectors; None if there are none."""
    schema = pq.read_schema(next(iter(folder.glob("*-*.parquet"))))
    return vector_dim(schema, TEXT_COLUMNS[0])


def _counts(folder: Path, max_sentences: int) -> dict[str, int]:
    """Counts of the text features, for the report."""
    counts: Counter[str] = Counter()
    columns = [
        "ingredients", "key_terms", "num_missing_terms", "num_rescued_lines",
        "num_unknown_lines", "category_id", "instructions", "num_missing_sentences",
    ]  # fmt: skip
    for path in sorted(folder.glob("*-*.parquet")):
        table = pq.read_table(path, columns=columns)
        counts["recipes"] += table.num_rows
        counts["background"] += pc.sum(pc.equal(table["category_id"], 0)).as_py() or 0
        for name in ("missing_terms", "rescued_lines", "unknown_lines", "missing_sentences"):
            counts[name] += pc.sum(table[f"num_{name}"]).as_py() or 0
        counts["lines"] += pc.sum(pc.list_value_length(table["ingredients"])).as_py() or 0
        counts["key_terms"] += pc.sum(pc.list_value_length(table["key_terms"])).as_py() or 0
        sentences = pc.min_element_wise(pc.list_value_length(table["instructions"]), max_sentences)
        has_none = pc.and_(
            pc.greater(sentences, 0), pc.equal(sentences, table["num_missing_sentences"])
        )
        counts["sentences"] += pc.sum(sentences).as_py() or 0
        counts["recipes_without_sentences"] += pc.sum(has_none).as_py() or 0
    return dict(sorted(counts.items()))
