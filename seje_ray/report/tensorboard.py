"""A training in TensorBoard: curves, hardest pairs, the embeddings in space."""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.tensorboard import SummaryWriter

from seje_ray.artifact import Artifact, read_shard
from seje_ray.plain_text import as_cell
from seje_ray.report.hardest_pairs import hardest_pairs, picture
from seje_ray.report.photos import PairBook

FOLDER = "tensorboard"  # in that of a run
NUM_PAIRS_SHOWN = 8  # in a picture
NUM_PAIRS_IN_SPACE = 1000  # at most, in the projector; each is two points


class TrainingCurves:
    """Writes ``tensorboard/`` of a run; epochs are its steps."""

    def __init__(self, folder: Path, calibrated: Artifact, *, num_epochs: int) -> None:
        """``num_epochs``: those that are done; what was written of later ones is dropped."""
        self.folder = folder / FOLDER
        self._writer = SummaryWriter(str(self.folder), purge_step=num_epochs + 1)
        self._calibrated = calibrated

    def close(self) -> None:
        """Write what is left."""
        self._writer.close()

    def add_numbers(self, metrics: Mapping[str, float], timings: Mapping[str, float]) -> None:
        """All metrics under their keys, and where the time went under ``time/``."""
        epoch = int(metrics["epoch"])
        for key, value in metrics.items():
            self._writer.add_scalar(key, value, epoch)
        for key, value in timings.items():
            self._writer.add_scalar(f"time/{key}", value, epoch)
        self._writer.flush()

    def add_hardest_pairs(self, images: Tensor, recipes: Tensor, epoch: int) -> None:
        """A picture of val photos, each with its own title and the wrong one nearest to it.

        Args:
            images: Unit rows, shape (N, D), of the first val pairs in the order of the shards.
            recipes: Unit rows, shape (N, D).
            epoch: 1 for the first.
        """
        pairs = hardest_pairs(images, recipes, NUM_PAIRS_SHOWN)
        pixels = picture(pairs, PairBook(self._calibrated, "val"))
        self._writer.add_image("val/hardest_pairs", pixels, epoch, dataformats="HWC")

    def add_space(self, images: Tensor, recipes: Tensor, epoch: int) -> None:
        """Both embeddings of the first val pairs for the projector, with title and category."""
        num = min(len(images), NUM_PAIRS_IN_SPACE)
        about = _titles_and_categories(self._calibrated, num)
        rows = [[*pair, modality] for modality in ("image", "recipe") for pair in about]
        self._writer.add_embedding(
            torch.cat([images[:num], recipes[:num]]),
            metadata=rows,
            metadata_header=["title", "category", "modality"],
            global_step=epoch,
            tag="val",
        )


def _titles_and_categories(calibrated: Artifact, num: int) -> list[list[str]]:
    """Of the first ``num`` val pairs, as cells of a table of tabs."""
    names = calibrated.manifest.facts["category_names"]
    found: list[list[str]] = []
    for path in calibrated.paths("val"):
        table = read_shard(path, ["title", "category_id"])
        found += [
            [as_cell(row["title"]), as_cell(names[row["category_id"]])] for row in table.to_pylist()
        ]
        if len(found) >= num:
            break
    return found[:num]
