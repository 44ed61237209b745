"""Baselines: fitted on train, chosen on val, measured and reported as a training is."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from seje_ray.artifact import Artifact
from seje_ray.baselines.kinds import BaselineName, FittedName, candidates, chosen_on
from seje_ray.baselines.pairs import Pairs
from seje_ray.baselines.text_space import TextSpace
from seje_ray.config import RunConfig
from seje_ray.distributed.process import default_device
from seje_ray.errors import ArtifactError, ConfigError
from seje_ray.models.libraries import TRANSFORMERS
from seje_ray.pipeline.baseline_pairs import FirstPhotos, RawPairs, read_pairs
from seje_ray.pipeline.gallery_choice import GalleryChoice
from seje_ray.pipeline.zero_shot import zero_shot
from seje_ray.report.evaluation import GalleryLines, evaluate
from seje_ray.report.report import Evaluated, write_report
from seje_ray.retrieval.embeddings import Embeddings
from seje_ray.training.subset import nested_rows
from seje_ray.workspace import Workspace

MAX_TRAIN_PAIRS = 50_000  # drawn by the seed from more: 256 MB of 1,280 features
MAX_VAL_PAIRS = 10_000
TEXT_DIM = 512


@dataclass(frozen=True, slots=True)
class MeasuredBaseline:
    """The measured galleries, what val chose, and where the report lies."""

    name: str
    settings: dict[str, float]
    galleries: list[GalleryLines]
    folder: Path


def measure_baselines(
    names: Sequence[BaselineName],
    run: RunConfig,
    workspace: Workspace,
    *,
    partition: str,
    gallery_sizes: tuple[int, ...] = (),
    max_pairs: int | None = None,
) -> Iterator[MeasuredBaseline]:
    """Fit baselines on a calibrated workspace, one after another, and write their reports.

    Args:
        names: Which.
        run: Of the calibration; its seed draws, its ``evaluate`` is the protocol.
        workspace: Where the calibrated data lies, and the reports will.
        partition: val or test, to measure on.
        gallery_sizes: Pairs per gallery; empty takes the run's.
        max_pairs: Train pairs to fit on; None for all, ``MAX_TRAIN_PAIRS`` at most. Every train
            text may be read for TF-IDF, as calibration reads them.

    Raises:
        ArtifactError: If there are too few pairs, or their texts share no words.
        ConfigError: If there is nothing that a baseline could measure.

    Source: docs/method.md, rule 6.8.
    """
    fitted = [name for name in names if name != "zero-shot"]
    if "zero-shot" in names:
        _require_dual_encoder(run)
    calibrated = workspace.open_calibrated("train", "val", partition)
    _require_pairs(calibrated, partition)
    if fitted:
        data = _Data.read(run, workspace, calibrated, partition, max_pairs)
        for name in fitted:
            yield _measured(name, data, run, workspace, gallery_sizes)
    if "zero-shot" in names:
        yield _zero_shot(calibrated, partition, run, workspace, gallery_sizes)


def _require_dual_encoder(run: RunConfig) -> None:
    if not (
        run.model.recipe_encoder == "text" and run.model.backbone.name.startswith(TRANSFORMERS)
    ):
        raise ConfigError(
            "zero-shot: expected an image and a text tower of one published dual encoder (CLIP, "
            "SigLIP), found none in this run; calibrate with --config clip or siglip first"
        )


def _require_pairs(calibrated: Artifact, partition: str) -> None:
    for needed, least in (("train", 3), ("val", 2), (partition, 1)):
        found = calibrated.num_rows(needed)
        if found < least:
            raise ArtifactError(
                f"{calibrated.folder}: expected at least {least} recipes with photos in partition "
                f"{needed!r}, found {found}; add some and run `seje-ray calibrate`"
            )


@dataclass(frozen=True, slots=True)
class _Data:
    """Pairs of every partition that is needed, and where they come from."""

    calibrated: Artifact
    partition: str
    max_pairs: int | None
    features: str  # their source, in words
    train: Pairs
    val: Pairs
    measured: Pairs
    raw: RawPairs  # of ``measured``

    @classmethod
    def read(
        cls,
        run: RunConfig,
        workspace: Workspace,
        calibrated: Artifact,
        partition: str,
        max_pairs: int | None,
    ) -> "_Data":
        """Read and embed the texts, read or compute the photos' features."""
        num_train, num_val = calibrated.num_rows("train"), calibrated.num_rows("val")
        sample = nested_rows(num_train, MAX_TRAIN_PAIRS, run.seed)
        limit = MAX_TRAIN_PAIRS if max_pairs is None else min(max_pairs, MAX_TRAIN_PAIRS)
        used = nested_rows(num_train, limit, run.seed)
        train_texts = read_pairs(calibrated, "train", sample)
        space = _text_space(calibrated, train_texts.texts, run.seed)
        photos = FirstPhotos(run, workspace, calibrated)

        def pairs(part: str, rows: np.ndarray, raw: RawPairs) -> Pairs:
            return Pairs(raw.ids, photos.read(part, rows), space.embed(raw.texts))

        rows = np.arange(calibrated.num_rows(partition))
        raw = read_pairs(calibrated, partition, rows)
        val_rows = np.arange(min(num_val, MAX_VAL_PAIRS))
        chosen = np.flatnonzero(np.isin(sample, used))
        return cls(
            calibrated,
            partition,
            max_pairs,
            photos.source,
            pairs("train", used, train_texts.at(chosen)),
            pairs("val", val_rows, read_pairs(calibrated, "val", val_rows)),
            pairs(partition, rows, raw),
            raw,
        )


def _text_space(calibrated: Artifact, texts: Sequence[str], seed: int) -> TextSpace:
    try:
        return TextSpace.fit(texts, max_dim=TEXT_DIM, seed=seed)
    except ValueError as error:
        raise ArtifactError(
            f"{calibrated.folder}: the texts of the train recipes share no words ({error}); add "
            "recipes with a title, ingredients or steps and run `seje-ray calibrate`"
        ) from error


def _measured(
    name: FittedName,
    data: _Data,
    run: RunConfig,
    workspace: Workspace,
    gallery_sizes: tuple[int, ...],
) -> MeasuredBaseline:
    chosen = chosen_on(data.val, candidates(name, data.train))
    raw, settings = data.raw, chosen.candidate.settings
    embeddings = Embeddings(
        raw.ids, raw.image_ids, raw.titles, raw.category_ids, *chosen.candidate.embed(data.measured)
    )
    fit = {
        "settings": settings,
        "val_score": chosen.score,
        "train_pairs": len(data.train.ids),
        "max_pairs": data.max_pairs,
        "image_features": f"{data.features}, {data.train.images.shape[1]:,} numbers",
        "text_dimensions": data.train.texts.shape[1],
    }
    folder = name if data.max_pairs is None else f"{name}-{data.max_pairs}"
    return _reported(
        name, folder, embeddings, fit, data.calibrated, data.partition, run, workspace,
        gallery_sizes,
    )  # fmt: skip


def _zero_shot(
    calibrated: Artifact,
    partition: str,
    run: RunConfig,
    workspace: Workspace,
    gallery_sizes: tuple[int, ...],
) -> MeasuredBaseline:
    """The dual encoder of the run as it came."""
    embeddings = zero_shot(run, calibrated, partition, default_device())
    fit = {
        "settings": {},
        "train_pairs": 0,
        "max_pairs": None,
        "dual_encoder": run.calibrate.text_model,
    }
    return _reported(
        "zero-shot", "zero-shot", embeddings, fit, calibrated, partition, run, workspace,
        gallery_sizes,
    )  # fmt: skip


def _reported(
    name: str,
    folder_name: str,
    embeddings: Embeddings,
    fit: dict[str, Any],
    calibrated: Artifact,
    partition: str,
    run: RunConfig,
    workspace: Workspace,
    gallery_sizes: tuple[int, ...],
) -> MeasuredBaseline:
    """Measure embeddings by the protocol, and write the report."""
    plan = GalleryChoice(sizes=gallery_sizes).plan(len(embeddings.ids), run.evaluate, run.seed)
    galleries = evaluate(embeddings, plan, name=name)
    evaluated = Evaluated(
        name=name,
        partition=partition,
        run=run,
        recipes=workspace.open_recipes(),
        calibrated=calibrated,
        galleries=galleries,
        plan=plan,
        fit=fit,
    )
    folder = workspace.baseline(folder_name, partition)
    write_report(folder, evaluated, embeddings)
    return MeasuredBaseline(name, fit["settings"], galleries, folder)
