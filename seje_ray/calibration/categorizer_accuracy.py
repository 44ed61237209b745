"""Accuracy and confusion matrix of an image categorizer.

Letters: B photos, C categories with background.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from seje_ray.artifact import write_json
from seje_ray.calibration.image_categorizer import ImageCategorizer
from seje_ray.calibration.photo_batches import LabelledPhotos
from seje_ray.distributed.collectives import gather_objects, sum_over_workers
from seje_ray.distributed.process import LocalProcess, Process
from seje_ray.errors import DivergedError

TOP = 5


@dataclass(frozen=True)
class Confusion:
    """Predictions of photos whose category is known."""

    counts: np.ndarray  # (C, C) int64: row is the photo's category, column the predicted one
    num_in_top_5: int  # photos whose category is among the five likeliest

    def save(self, folder: Path) -> None:
        """Write ``confusion.json`` into an existing folder: counts of the pairs that occur."""
        rows, columns = np.nonzero(self.counts)
        cells = [
            [int(row), int(column), int(self.counts[row, column])]
            for row, column in zip(rows, columns, strict=True)
        ]
        stored = {
            "num_categories": len(self.counts),
            "cells": cells,
            "num_in_top_5": self.num_in_top_5,
        }
        write_json(folder / "confusion.json", stored)

    @classmethod
    def load(cls, folder: Path) -> "Confusion":
        """Read what ``save`` wrote."""
        stored = json.loads((folder / "confusion.json").read_text(encoding="utf-8"))
        counts = np.zeros((stored["num_categories"],) * 2, np.int64)
        for row, column, number in stored["cells"]:
            counts[row, column] = number
        return cls(counts, stored["num_in_top_5"])

    @property
    def num_photos(self) -> int:
        """Photos that were predicted."""
        return int(self.counts.sum())

    @property
    def top_1(self) -> float:
        """Share of the photos whose likeliest category is their own; NaN if there are none."""
        return float(np.trace(self.counts)) / self.num_photos if self.num_photos else float("nan")

    @property
    def top_5(self) -> float:
        """Share of the photos with their category among the five likeliest; NaN without any."""
        return self.num_in_top_5 / self.num_photos if self.num_photos else float("nan")


def categorizer_accuracy(
    categorizer: ImageCategorizer, photos: LabelledPhotos, worker: Process | None = None
) -> Confusion:
    """Predict the centre crops of held-out photos; each worker predicts its rows of each batch.

    Args:
        categorizer: Moved to the worker's device and set to evaluate.
        photos: Their categories are numbers of ``categorizer.names``.
        worker: Which of the processes that predict together this is; None: the only one, on the
            CPU.

    Returns:
        What all workers counted, the same on each.

    Raises:
        DivergedError: If a probability is NaN.
    """
    worker = worker or LocalProcess()
    device = worker.device
    categorizer.to(device).eval()
    own = confusion_of(
        (
            (
                categorizer.predict(torch.from_numpy(b.pixels).to(device)).cpu().numpy(),
                b.category_ids,
            )
            for b in photos.in_order(worker)
            if len(b.pixels) > 0
        ),
        len(categorizer.names),
    )
    counts = sum_over_workers(torch.from_numpy(own.counts).to(device)).cpu().numpy()
    return Confusion(counts, sum(gather_objects(own.num_in_top_5)))


def confusion_of(
    predictions: Iterable[tuple[np.ndarray, np.ndarray]], num_categories: int
) -> Confusion:
    """Count predictions.

    A category without any probability is in no top five, so a categorizer that was never fitted
    is never right.

    Args:
        predictions: Probabilities (B, C) and true category ids (B,), batch by batch.
        num_categories: C.

    Raises:
        DivergedError: If a probability is NaN or infinite.
    """
    counts = np.zeros((num_categories, num_categories), np.int64)
    num_in_top_5 = 0
    for probabilities, category_ids in predictions:
        if not np.isfinite(probabilities).all():
            raise DivergedError("the image categorizer gave a probability that is not finite")
        ranked = np.argsort(-probabilities, axis=1, kind="stable")[:, :TOP]
        np.add.at(counts, (category_ids, ranked[:, 0]), 1)
        is_possible = np.take_along_axis(probabilities, ranked, axis=1) > 0
        num_in_top_5 += int(((ranked == category_ids[:, None]) & is_possible).sum())
    return Confusion(counts, num_in_top_5)
