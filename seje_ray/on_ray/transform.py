"""Stage ``transform``: recipes with photos, and the fitted calibrator -> ``calibrated/``.

A Ray Data pipeline of five operators. Text runs in CPU actors, networks in actors that hold a
GPU where there is one; each shard passes as one row and is committed as one file.
"""

import functools
import json
from collections import Counter
from pathlib import Path
from typing import Any

import click
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import torch

from seje_ray.artifact import (
    Artifact,
    Plan,
    begin,
    build_manifest,
    finish,
    finished,
    read_manifest,
    write_table,
)
from seje_ray.calibration.categories import Categories
from seje_ray.calibration.category_backoff import (
    CategoryBackoff,
    categories_of_classes,
    image_votes,
)
from seje_ray.calibration.corpus import recipe_text
from seje_ray.calibration.recipe_parts import COLUMNS as TEXT_COLUMNS
from seje_ray.calibration.recipe_parts import RecipeParts, part_vectors
from seje_ray.calibration.sentence_encoder import Steps
from seje_ray.calibration.text_model import TextModel, text_model_hash
from seje_ray.config import RunConfig, run_from_json, run_to_dict
from seje_ray.errors import ArtifactError
from seje_ray.features.backbones import (
    changed_network,
    network_settings,
    network_weights,
    plan_before,
)
from seje_ray.features.model import backbone_of, stored_backbone
from seje_ray.features.photos import PhotoExtractor
from seje_ray.features.texts import sentence_vectors_of, text_calibrator_of
from seje_ray.on_ray.components import text_files, text_section
from seje_ray.on_ray.connect import cores_per_network
from seje_ray.on_ray.shards import (
    SHARD,
    OnTables,
    accelerator_actors,
    cpu_actors,
    missing_shards,
    packed,
    run_shards,
    tasks,
    unpacked,
    with_shards,
)
from seje_ray.recipe1m.records import DataError
from seje_ray.schema import calibrated as calibrated_schema
from seje_ray.schema import vector
from seje_ray.workspace import Workspace

VOTES = "image_votes"  # column that only ``FillCategories`` reads
DONE = pa.schema([("shard", pa.string()), ("rows", pa.int64())])  # what the last stage gives


def transform(
    run: RunConfig, recipes: Artifact, calibrator: Artifact, workspace: Workspace
) -> Artifact:
    """Calibrate every recipe that has a photo; resumes by shard.

    Raises:
        DataError: If no train recipe has a photo.
        ArtifactError: If a row is missing in the result.
    """
    _require_pairs(recipes)
    plan = _plan(run, recipes, calibrator)
    folder = workspace.calibrated
    stored = stored_backbone(run)
    before = None if stored is None else plan_before(plan, "frozen", stored)
    known = finished(folder, plan, before)
    if known is not None:
        return known
    replaced = read_manifest(folder, "calibrated")
    if replaced is not None and (change := changed_network(replaced.plan, plan, "frozen")):
        click.echo(f"photos are calibrated again, since {change}", err=True)
    partial = begin(folder, plan)
    names = [path.name for path in recipes.shards()]
    todo = missing_shards(partial, names)
    items = [{"source": str(recipes.folder / n), "target": str(partial / n)} for n in todo]
    fitted: dict[str, Any] = {
        "calibrator": str(calibrator.folder),
        "run": json.dumps(run_to_dict(run)),
    }
    network = functools.partial(accelerator_actors, gpu_share=0.25)
    text = network if run.calibrate.rater == "bert" else cpu_actors
    is_given = run.calibrate.sentence_encoder.backend == "file"
    sentences = cpu_actors if is_given and not run.calibrate.text_vectors else network
    fills = run.calibrate.categories.backoff != "none"
    operators = [
        tasks(read_shards),
        text(OnTables, inner=AddTextFeatures, **fitted),
        sentences(OnTables, inner=AddSentenceVectors, **fitted),
        accelerator_actors(OnTables, inner=AddImageFeatures, gpu_share=0.5, **fitted),
        *([cpu_actors(OnTables, inner=FillCategories, **fitted)] if fills else []),
        tasks(commit_shards),
    ]
    run_shards("calibrating", items, operators, done=len(names) - len(todo))
    return _close(folder, partial, plan, run, recipes, calibrator)


def _require_pairs(recipes: Artifact) -> None:
    """Without a photo of a train recipe there is nothing to learn from."""
    with_image, rejected = recipes.manifest.facts["rows_with_image"], recipes.manifest.rejected
    if not with_image.get("train"):
        raise DataError(
            f"{recipes.folder}: expected train recipes with photos, found photos of "
            f"{sum(with_image.values()):,} of {recipes.num_rows():,} recipes, none of them train; "
            f"rejected: {dict(rejected) or 'nothing'}; rejects.parquet says where photos were "
            "looked for, and a Recipe1M folder names them in layer2.json"
        )


def _plan(run: RunConfig, recipes: Artifact, calibrator: Artifact) -> Plan:
    config, stored = run.calibrate, stored_backbone(run)
    section: dict[str, Any] = {
        **text_section(run),
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
    if stored is not None:
        section["frozen"] = network_settings(run, stored)
        inputs |= network_weights(stored)
    return Plan(kind="calibrated", section=section, inputs=inputs, seed=run.seed)


def _close(
    folder: Path,
    partial: Path,
    plan: Plan,
    run: RunConfig,
    recipes: Artifact,
    calibrator: Artifact,
) -> Artifact:
    """Check that every recipe with a photo is there, and write the manifest."""
    expected = recipes.manifest.facts["rows_with_image"]
    facts = calibrator.manifest.facts
    manifest = build_manifest(
        plan,
        partial,
        rejected={"no_image": recipes.num_rows() - sum(expected.values())},
        facts={
            "word_dim": facts["word_dim"],
            "sentence_dim": facts["sentence_dim"],
            "num_categories": facts["num_categories"],
            "vocabulary_hash": facts["vocabulary_hash"],
            "feature_dim": _feature_dim(run),
            "text_dim": _text_dim(partial),
            "image_features_of": _image_features_of(plan),
            "category_names": list(Categories.load(calibrator.folder / "text").names),
            "image_category_names": facts["image_category_names"],
            "counts": _counts(partial, run.calibrate.sentence_encoder.max_sentences),
        },
    )
    wrong = {p: (n, manifest.rows.get(p, 0)) for p, n in expected.items()}
    wrong = {p: counts for p, counts in wrong.items() if counts[0] != counts[1]}
    if wrong:
        shown = ", ".join(f"{p}: expected {n}, found {m}" for p, (n, m) in wrong.items())
        raise ArtifactError(f"{partial}: calibrated recipes are missing ({shown}); run it again")
    return finish(folder, plan, manifest)


def _image_features_of(plan: Plan) -> dict[str, Any] | None:
    """The network whose features are stored: how it sees photos, and what its weights were."""
    stored: dict[str, Any] | None = plan.section["frozen"]
    return None if stored is None else stored | {"weights_hash": plan.inputs.get("weights")}


def _feature_dim(run: RunConfig) -> int | None:
    stored = stored_backbone(run)
    return backbone_of(stored, load_weights=False).feature_dim if stored is not None else None


def _text_dim(folder: Path) -> int | None:
    """H of the stored text vectors; None where there are none."""
    schema = pq.read_schema(next(iter(folder.glob("*-*.parquet"))))
    return _vector_dim(schema, TEXT_COLUMNS[0])


def _vector_dim(schema: pa.Schema, column: str) -> int | None:
    """Dimensions of the vectors of a column of lists; None where there is no such column."""
    if column not in schema.names:
        return None
    dim: int = schema.field(column).type.value_type.list_size
    return dim


def _counts(folder: Path, max_sentences: int) -> dict[str, int]:
    """What the report tells about the text features."""
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


def read_shards(rows: pa.Table) -> pa.Table:
    """Ray Data stage: each named shard's recipes with a photo; no row where it holds none."""
    tables = [pq.read_table(source) for source in rows["source"].to_pylist()]
    tables = [t.filter(pc.greater(pc.list_value_length(t["images"]), 0)) for t in tables]
    is_filled = pa.array([table.num_rows > 0 for table in tables])
    return with_shards(rows, [packed(table) for table in tables]).filter(is_filled)


class AddTextFeatures:
    """Ray Data stage: text columns -> key terms with scores, f_term, and the category."""

    def __init__(self, calibrator: str, run: str) -> None:
        config = run_from_json(run, "the driver's run").calibrate
        torch.set_num_threads(1)
        self._calibrator = text_calibrator_of(config, Path(calibrator), _device())

    def __call__(self, table: pa.Table) -> pa.Table:
        """Append the columns to one shard."""
        texts = table.drop_columns(["images"]).to_pylist()
        features = self._calibrator.features([recipe_text(row) for row in texts])
        vectors = np.array([f.key_term_vector for f in features], dtype=np.float32)
        dim = self._calibrator.word_vectors.dim
        columns = {
            "key_terms": pa.array([f.key_terms for f in features], pa.list_(pa.string())),
            "key_term_scores": pa.array(
                [f.key_term_scores for f in features], pa.list_(pa.float32())
            ),
            "num_missing_terms": pa.array([f.num_missing_terms for f in features], pa.int32()),
            "num_rescued_lines": pa.array([f.num_rescued_lines for f in features], pa.int32()),
            "num_unknown_lines": pa.array([f.num_unknown_lines for f in features], pa.int32()),
            "key_term_vector": vectors_array(vectors.reshape(-1, dim)),
            "category_id": pa.array([f.category_id for f in features], pa.int32()),
            "category_source": pa.array([f.category_source for f in features], pa.string()),
        }
        return _with_columns(table, columns)


class AddSentenceVectors:
    """Ray Data stage: instructions -> f_sent; title, ingredients and steps -> text vectors."""

    def __init__(self, calibrator: str, run: str) -> None:
        torch.set_num_threads(cores_per_network())
        config = run_from_json(run, "the driver's run").calibrate
        self._max_sentences = config.sentence_encoder.max_sentences
        self._sentence_vectors = sentence_vectors_of(config, Path(calibrator), _device())
        self._text_model = None
        if config.text_vectors:
            self._text_model = TextModel(str(config.text_model), _device())

    def __call__(self, table: pa.Table) -> pa.Table:
        """Append the columns to one shard."""
        ids, instructions = table["id"].to_pylist(), table["instructions"].to_pylist()
        recipes = [
            Steps(id_, steps[: self._max_sentences])
            for id_, steps in zip(ids, instructions, strict=True)
        ]
        vectors, is_missing = self._sentence_vectors.of(recipes)
        counts = [len(recipe.sentences) for recipe in recipes]
        num_missing = [int(part.sum()) for part in np.split(is_missing, np.cumsum(counts)[:-1])]
        columns = {
            "sentence_vectors": ragged_array(vectors, counts),
            "num_missing_sentences": pa.array(num_missing, pa.int32()),
        }
        if self._text_model is not None:
            columns |= self._text_vectors(self._text_model, table)
        return _with_columns(table, columns)

    def _text_vectors(self, model: TextModel, table: pa.Table) -> dict[str, pa.Array]:
        rows = table.select(["title", "ingredients", "instructions"]).to_pylist()
        recipes = [RecipeParts.of(**row, max_steps=self._max_sentences) for row in rows]
        found = part_vectors(model, recipes)
        return {
            name: ragged_array(part.vectors, part.counts)
            for name, part in zip(TEXT_COLUMNS, found, strict=True)
        }


class AddImageFeatures:
    """Ray Data stage: photos -> their category, f_cat, and frozen backbone features."""

    def __init__(self, calibrator: str, run: str) -> None:
        cores = cores_per_network()
        torch.set_num_threads(cores)
        config = run_from_json(run, "the driver's run")
        self._extractor = PhotoExtractor(
            config, Path(calibrator), _device(), num_threads=max(2, cores)
        )
        self._category_names = None
        if config.calibrate.categories.backoff == "nearest_and_photos":
            self._category_names = Categories.load(Path(calibrator) / "text").names

    def __call__(self, table: pa.Table) -> pa.Table:
        """Append the columns to one shard."""
        rows = table["images"].to_pylist()
        counts = [len(images) for images in rows]
        features = self._extractor.extract([image["jpeg"] for images in rows for image in images])
        offsets = _offsets(counts)
        columns = {
            "image_category_ids": pa.ListArray.from_arrays(
                offsets, pa.array(features.category_ids, pa.int32())
            ),
            "image_category_vectors": ragged_array(features.category_vectors, counts),
        }
        if self._category_names is not None:
            votes = image_votes(
                features.probabilities,
                np.array(counts),
                categories_of_classes(self._extractor.class_names, self._category_names),
                len(self._category_names),
            )
            columns[VOTES] = vectors_array(votes)
        if features.pooled is not None:
            columns["image_features"] = ragged_array(features.pooled, counts)
        return _with_columns(table, columns)


class FillCategories:
    """Ray Data stage: categories of recipes that have none, from f_term and photos."""

    def __init__(self, calibrator: str, run: str) -> None:
        self._backoff = CategoryBackoff.load(Path(calibrator) / "category_backoff")

    def __call__(self, table: pa.Table) -> pa.Table:
        """Replace the category columns of one shard."""
        votes = _matrix(table[VOTES]) if VOTES in table.column_names else None
        ids, sources = self._backoff.fill(
            table["category_id"].to_numpy(),
            table["category_source"].to_pylist(),
            _matrix(table["key_term_vector"]),
            votes,
        )
        columns = {
            "category_id": pa.array(ids, pa.int32()),
            "category_source": pa.array(sources, pa.string()),
        }
        return _with_columns(table.drop_columns(list(columns)), columns)


def _matrix(column: pa.ChunkedArray) -> np.ndarray:
    """A column of vectors as rows."""
    flat = column.combine_chunks().flatten().to_numpy()
    return np.asarray(flat).reshape(len(column), -1)


def commit_shards(rows: pa.Table) -> pa.Table:
    """Ray Data stage: write each calibrated shard; give one row about it."""
    done = []
    for target, shard in zip(rows["target"].to_pylist(), rows[SHARD], strict=True):
        table = unpacked(shard)
        schema = calibrated_schema(
            table.schema.field("key_term_vector").type.list_size,
            table.schema.field("sentence_vectors").type.value_type.list_size,
            _vector_dim(table.schema, "image_features"),
            _vector_dim(table.schema, TEXT_COLUMNS[0]),
        )
        write_table(Path(target), table.select(schema.names).cast(schema))
        done.append({"shard": Path(target).name, "rows": table.num_rows})
    return pa.Table.from_pylist(done, DONE)


def vectors_array(rows: np.ndarray) -> pa.FixedSizeListArray:
    """Rows (n, dim) as a column of vectors."""
    flat = pa.array(np.ascontiguousarray(rows, dtype=np.float32).reshape(-1))
    return pa.FixedSizeListArray.from_arrays(flat, type=vector(rows.shape[1]))


def ragged_array(rows: np.ndarray, counts: list[int]) -> pa.ListArray:
    """Rows (sum(counts), dim) as a column of lists of vectors."""
    return pa.ListArray.from_arrays(_offsets(counts), vectors_array(rows))


def _offsets(counts: list[int]) -> pa.Array:
    return pa.array(np.concatenate([[0], np.cumsum(counts)]), pa.int32())


def _with_columns(table: pa.Table, columns: dict[str, pa.Array]) -> pa.Table:
    for name, column in columns.items():
        table = table.append_column(name, column)
    return table


def _device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
