"""Pairs of a calibrated artifact, as one process of a training reads them."""

from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass

import torch

from seje_ray.artifact import Artifact
from seje_ray.calibration.lexical import Lexicon
from seje_ray.config import RunConfig
from seje_ray.distributed.process import Process
from seje_ray.errors import ArtifactError
from seje_ray.features.backbones import as_settings
from seje_ray.features.checkpoint import Origin
from seje_ray.features.inputs import Reads, text_shape_of
from seje_ray.features.model import photos_of, pixel_spec
from seje_ray.features.texts import lexicon_of
from seje_ray.models.libraries import network_config
from seje_ray.recipe1m.pixels import PixelSpec
from seje_ray.training.pairs import PairLoader
from seje_ray.training.subset import bank_rows, nested_rows
from seje_ray.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Loaders:
    """Sources of the pairs of both partitions."""

    train: PairLoader
    val: PairLoader
    lexicon: Lexicon | None = None  # that a new model's lexical bag begins with


def origin_of(run: RunConfig, calibrated: Artifact) -> Origin:
    """Origin of a checkpoint: its data, and how its own backbone sees photos."""
    facts = dict(calibrated.manifest.facts)
    photos = network = None
    if not run.model.freeze_backbone:
        photos = as_settings(photos_of(run.model.backbone))
        network = network_config(run.model.backbone.name)
    return Origin(calibrated.content_hash, facts["vocabulary_hash"], facts, photos, network)


def loaders_of(
    run: RunConfig,
    calibrated: Artifact,
    process: Process,
    elsewhere: Callable[[], Executor] | None = None,
) -> Loaders:
    """Train and val pairs of a calibrated artifact, and what a new model of them begins with.

    Args:
        run: The run.
        calibrated: Its data.
        process: That reads them.
        elsewhere: Begins what decodes photos in other processes; None for threads of this one.

    Raises:
        ArtifactError: If a partition holds fewer than two pairs.
    """
    require_pairs(calibrated)
    pixels = pixel_spec(run)
    train, val = (
        loader_of(run, calibrated, partition, pixels, process, elsewhere=elsewhere)
        for partition in ("train", "val")
    )
    return Loaders(train, val, lexicon_for(run, calibrated))


def require_pairs(calibrated: Artifact) -> None:
    """Refuse data that no training can rank.

    Raises:
        ArtifactError: If train or val holds fewer than two pairs.
    """
    for partition in ("train", "val"):
        if calibrated.num_rows(partition) < 2:
            raise ArtifactError(
                f"{calibrated.folder}: expected at least 2 recipes with photos in partition "
                f"{partition!r}, found {calibrated.num_rows(partition)}; add some and run "
                "`seje-ray calibrate`"
            )


def lexicon_for(run: RunConfig, calibrated: Artifact) -> Lexicon | None:
    """What the model's lexical bag begins with; None where it has none.

    Raises:
        ArtifactError: If the calibrator was fitted anew since: its terms have other numbers.
    """
    if not Reads.of(run.model).lexical:
        return None
    return lexicon_of(Workspace.of(calibrated).open_calibrator_of(calibrated).folder)


def loader_of(
    run: RunConfig,
    calibrated: Artifact,
    partition: str,
    pixels: PixelSpec | None,
    process: Process,
    *,
    is_bank: bool = False,
    elsewhere: Callable[[], Executor] | None = None,
) -> PairLoader:
    """Pairs of one partition; of train, as many as the run wants, or the bank's of these."""
    rows = None
    if partition == "train":
        draw = bank_rows if is_bank else nested_rows
        rows = draw(calibrated.num_rows("train"), run.train.max_pairs, run.seed)
    return PairLoader(
        calibrated.paths(partition),
        pixels,
        global_batch_size=run.train.global_batch_size,
        rank=process.rank,
        world_size=process.world_size,
        seed=run.seed,
        shuffle_window=run.train.shuffle_window,
        num_threads=max(2, torch.get_num_threads()),
        reads=Reads.of(run.model),
        augmentation=run.train.augmentation,
        text_shape=text_shape_of(run.model, calibrated.manifest.facts),
        rows=rows,
        partial_texts=run.train.partial_texts if partition == "train" and not is_bank else 0.0,
        counts=calibrated.counts(partition),
        bring=calibrated.bring,
        elsewhere=elsewhere,
        device=process.device if run.train.decode == "device" else None,
    )
