"""f_cat: the category that a network sees in a photo, as a word vector.

Letters: B photos of this worker, C categories with background, F pooled features, E word-vector
dimensions.
"""

import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal, cast

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from seje_ray.artifact import write_json
from seje_ray.calibration.classifier_training import (
    ClassifierBatch,
    ClassifierTask,
    bf16_on_cuda,
    train_classifier,
)
from seje_ray.calibration.fit_epochs import History
from seje_ray.calibration.photo_batches import LabelledPhotos, PhotoBatch
from seje_ray.calibration.word_vectors import WordVectors
from seje_ray.console.report import Report
from seje_ray.distributed.collectives import gather_objects
from seje_ray.distributed.process import LocalProcess, Process, own_rows
from seje_ray.random_streams import Stream, generator, torch_seed


class CategoryLayer(nn.Linear):
    """From pooled features (B, F) to scores (B, C) float32; minus infinity for background."""

    def forward(self, features: Tensor) -> Tensor:
        """Scores (B, C)."""
        scores = super().forward(features).float()
        background = torch.zeros(self.out_features, dtype=torch.bool, device=scores.device)
        background[0] = True
        return scores.masked_fill(background, -torch.inf)


class ImageCategorizer(nn.Module):
    """A backbone and a linear layer over the categories of recipes.

    Category 0 is background: it is never trained and never predicted, except by a categorizer
    that saw no photo of any category, which predicts nothing else.

    Args:
        backbone: Gives (B, F) for (B, 3, height, width); has ``feature_dim`` F.
        names: C category names, background first.
    """

    def __init__(self, backbone: nn.Module, names: Sequence[str]) -> None:
        super().__init__()
        self.backbone = backbone
        self.names = tuple(names)
        self.layer = CategoryLayer(cast(int, backbone.feature_dim), len(self.names))
        self.history: History = []  # one entry per epoch
        self.is_fitted = False

    def forward(self, pixels: Tensor) -> Tensor:
        """Scores (B, C) of photos (B, 3, height, width), RGB in 0..255."""
        scores: Tensor = self.layer(self.backbone(pixels))
        return scores

    @torch.inference_mode()
    def predict(self, pixels: Tensor) -> Tensor:
        """Probabilities (B, C) float32 of photos (B, 3, height, width), RGB in 0..255.

        The column of background is 0; it is 1 where the categorizer was never fitted.
        """
        if not self.is_fitted:
            probabilities = torch.zeros(len(pixels), len(self.names), device=pixels.device)
            probabilities[:, 0] = 1
            return probabilities
        with bf16_on_cuda(pixels.device):
            scores = self(pixels)
        return torch.softmax(scores, dim=1)

    def save(self, folder: Path) -> None:
        """Write ``image_categorizer.safetensors`` and ``.json`` into an existing folder."""
        weights = {name: value.contiguous() for name, value in self.state_dict().items()}
        save_file(weights, folder / "image_categorizer.safetensors")
        stored = {"names": self.names, "history": self.history, "is_fitted": self.is_fitted}
        write_json(folder / "image_categorizer.json", stored)

    @classmethod
    def load(cls, folder: Path, backbone: nn.Module) -> "ImageCategorizer":
        """Read what ``save`` wrote into ``backbone`` and a new layer, onto the CPU."""
        stored = json.loads((folder / "image_categorizer.json").read_text(encoding="utf-8"))
        categorizer = cls(backbone, stored["names"])
        categorizer.load_state_dict(load_file(folder / "image_categorizer.safetensors"))
        categorizer.history = stored["history"]
        categorizer.is_fitted = stored["is_fitted"]
        return categorizer.eval()


def category_word_vectors(names: Sequence[str], word_vectors: WordVectors) -> np.ndarray:
    """Word vectors of category names, (C, E) float32.

    A name of several words is the mean of its words; zeros if no word is known, and for
    background, which comes first.

    Source: docs/method.md, rule 2.2.
    """
    vectors = np.zeros((len(names), word_vectors.dim), np.float32)
    for row, name in zip(vectors[1:], names[1:], strict=True):
        vector = word_vectors.vector(name)
        if vector is not None:
            row[:] = vector
    return vectors


def image_category_vectors(
    probabilities: np.ndarray,
    category_vectors: np.ndarray,
    mode: Literal["hard", "soft"] = "hard",
) -> np.ndarray:
    """f_cat of photos, (B, E) float32.

    Args:
        probabilities: (B, C), rows sum to 1.
        category_vectors: (C, E) of ``category_word_vectors``.
        mode: ``hard`` takes the vector of the likeliest category, ``soft`` the expected vector.

    Source: docs/method.md, rule 2.2.
    """
    if mode == "hard":
        hard: np.ndarray = category_vectors[probabilities.argmax(axis=1)]
        return hard
    soft: np.ndarray = probabilities.astype(np.float32) @ category_vectors
    return soft


def fit_image_categorizer(
    backbone: nn.Module,
    photos: LabelledPhotos,
    names: Sequence[str],
    *,
    epochs: int,
    learning_rate: float,
    freeze_backbone: bool,
    seed: int,
    worker: Process | None = None,
    state_folder: Path | None = None,
    progress: Report | None = None,
) -> ImageCategorizer:
    """Train a categorizer of photos on the categories of their recipes.

    AdamW with a one-cycle learning rate on the cross entropy. Where there are no two photos
    with a category, or ``epochs`` is 0, the categorizer comes back unfitted: it predicts
    background, whose vector is zeros.

    Several workers decode and compute their rows of each batch. Fine-tuned, they give what one
    gives where the backbone normalises over all their rows (``GlobalBatchNorm``).

    Args:
        backbone: Gives (B, F) for (B, 3, height, width); has ``feature_dim`` F.
        photos: Labelled photos of the train partition, the same on every worker.
        names: C category names, background first.
        epochs: Passes over the photos.
        learning_rate: Peak.
        freeze_backbone: Train the layer alone, on features of centre crops computed once.
        seed: Of the layer's weights, and of the order of frozen features.
        worker: Which of the processes that train together this is; None: the only one, on the
            CPU.
        state_folder: Where each finished epoch is kept; called again, training resumes there.
        progress: Called with (done, total, text); a unit is a batch.

    Source: docs/method.md, rule 2.1.
    """
    worker = worker or LocalProcess()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(torch_seed(Stream.CATEGORIZER_WEIGHTS, seed))
        categorizer = ImageCategorizer(backbone, names)
    categorizer.to(worker.device)
    if epochs == 0 or len(photos) < 2:
        return categorizer.eval()
    task = (
        _layer_alone(categorizer, photos, seed, worker, progress)
        if freeze_backbone
        else _fine_tuned(categorizer, photos, worker)
    )
    categorizer.history = train_classifier(
        task, epochs, learning_rate, seed, worker, state_folder, progress
    )
    categorizer.is_fitted = True
    return categorizer.eval()


def _fine_tuned(
    categorizer: ImageCategorizer, photos: LabelledPhotos, worker: Process
) -> ClassifierTask:
    def batches(epoch: int) -> Iterator[ClassifierBatch]:
        return map(_classifier_batch, photos.epoch(epoch, worker))

    return ClassifierTask(categorizer, batches, photos.num_batches)


def _classifier_batch(batch: PhotoBatch) -> ClassifierBatch:
    """Photos to train on; a black one of any category where all are other workers'."""
    pixels, category_ids = torch.from_numpy(batch.pixels), torch.from_numpy(batch.category_ids)
    if len(category_ids) > 0:
        return ClassifierBatch(pixels, category_ids, batch.num_photos)
    black, any_category = pixels.new_zeros(1, *pixels.shape[1:]), category_ids.new_ones(1)
    return ClassifierBatch(black, any_category, batch.num_photos, are_own=False)


def _layer_alone(
    categorizer: ImageCategorizer,
    photos: LabelledPhotos,
    seed: int,
    worker: Process,
    progress: Report | None,
) -> ClassifierTask:
    features, category_ids = _frozen_features(categorizer.backbone, photos, worker, progress)
    num_batches = math.ceil(len(features) / photos.batch_size)

    def batches(epoch: int) -> Iterator[ClassifierBatch]:
        order = generator(Stream.CATEGORIZER_FEATURES, seed, epoch).permutation(len(features))
        for rows in np.array_split(order, num_batches):
            part, are_own = own_rows(len(rows), worker)
            own = rows[part]
            yield ClassifierBatch(features[own], category_ids[own], len(rows), are_own)

    return ClassifierTask(categorizer.layer, batches, num_batches)


@torch.inference_mode()
def _frozen_features(
    backbone: nn.Module, photos: LabelledPhotos, worker: Process, progress: Report | None
) -> tuple[Tensor, Tensor]:
    """Pooled features (photos, F) of centre crops, and category ids, on the CPU.

    Each worker computes those of its photos and gets the others'.
    """
    backbone.eval()
    features, category_ids = [], []
    for batch in photos.in_order(worker):
        own = torch.empty(0, cast(int, backbone.feature_dim))
        if len(batch.pixels) > 0:
            with bf16_on_cuda(worker.device):
                pooled = backbone(torch.from_numpy(batch.pixels).to(worker.device))
            own = pooled.float().cpu()
        for part in gather_objects((own, torch.from_numpy(batch.category_ids))):
            features.append(part[0])
            category_ids.append(part[1])
        if progress is not None:
            progress(sum(map(len, category_ids)), len(photos), "pooled features")
    return torch.cat(features), torch.cat(category_ids)
