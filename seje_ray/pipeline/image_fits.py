"""Fitting of the calibrator's image categorizer on labelled photos."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from seje_ray.calibration.calibrator import FittedText
from seje_ray.calibration.categorizer_accuracy import Confusion, categorizer_accuracy
from seje_ray.calibration.folder_photos import FolderPhotos
from seje_ray.calibration.image_categorizer import ImageCategorizer, fit_image_categorizer
from seje_ray.calibration.photo_batches import ShuffledPhotos
from seje_ray.calibration.photos import PhotoBatches
from seje_ray.distributed.batch_norm import use_global_batch_norm
from seje_ray.features.model import backbone_of, pixels_of
from seje_ray.pipeline.component_fits import Facts, FitInputs, Fitted
from seje_ray.recipe1m.labelled_photos import read_labelled_folder
from seje_ray.recipe1m.pixels import PixelSpec


def image_categorizer_fit(inputs: FitInputs) -> tuple[Fitted, Facts]:
    """A classifier of photos, on all workers together, and its confusion on held-out photos."""
    config, seed = inputs.run.calibrate.image_categorizer, inputs.run.seed
    torch.manual_seed(seed)
    backbone = backbone_of(config.backbone)
    use_global_batch_norm(backbone)
    names, photos, held_out = _labelled_photos(inputs, pixels_of(config.backbone)[0])
    categorizer = fit_image_categorizer(
        backbone,
        photos,
        names,
        epochs=config.epochs,
        learning_rate=config.learning_rate,
        freeze_backbone=config.freeze_backbone,
        seed=seed,
        worker=inputs.worker,
        state_folder=inputs.state,
        progress=inputs.progress,
    )
    confusion = categorizer_accuracy(categorizer, held_out, inputs.worker)
    rejected = Counter(photos.rejected) + Counter(held_out.rejected)
    facts = {"image_category_names": list(names), "labelled_photos_rejected": dict(rejected)}
    return _Measured(categorizer, confusion), facts


def _labelled_photos(
    inputs: FitInputs, pixels: PixelSpec
) -> tuple[tuple[str, ...], ShuffledPhotos, ShuffledPhotos]:
    """Class names, and photos to fit and to measure on: of a folder, or of train and val."""
    config = inputs.run.calibrate.image_categorizer
    settings: dict[str, Any] = {
        "pixels": pixels,
        "batch_size": config.batch_size,
        "seed": inputs.run.seed,
        "num_threads": max(2, torch.get_num_threads()),
    }
    if config.photos is not None:
        folder = read_labelled_folder(Path(config.photos), seed=inputs.run.seed)
        fitted_on, measured_on = (
            FolderPhotos(files, **settings) for files in (folder.train, folder.test)
        )
        return folder.names, fitted_on, measured_on
    text = FittedText.load(inputs.workspace.component("text"))
    categories, language = text.categories, text.language
    train, val = (
        PhotoBatches(
            inputs.recipes.shards(partition),
            lambda title, id_: categories.of(language.content(title), id_)[0],
            **settings,
        )
        for partition in ("train", "val")
    )
    return categories.names, train, val


@dataclass(frozen=True, slots=True)
class _Measured:
    """A categorizer, and its confusion matrix on held-out photos."""

    categorizer: ImageCategorizer
    confusion: Confusion

    def save(self, folder: Path) -> None:
        self.categorizer.save(folder)
        self.confusion.save(folder)
