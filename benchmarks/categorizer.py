"""Accuracy of an image categorizer on the held-out photos of a labelled folder.

``seje-ray data synth --food101 --recipes 2000 --out food && python -m benchmarks.categorizer food``
"""

import argparse
import time
from pathlib import Path

import torch

from seje_ray.calibration.categorizer_accuracy import categorizer_accuracy
from seje_ray.calibration.folder_photos import FolderPhotos
from seje_ray.calibration.image_categorizer import fit_image_categorizer
from seje_ray.models.image_backbone import create_backbone
from seje_ray.recipe1m.labelled_photos import read_labelled_folder
from seje_ray.recipe1m.pixels import PixelSpec
from seje_ray.report.confusion import confusion_picture


def main() -> None:
    """Fit, test, print."""
    options = _options()
    torch.set_num_threads(options.threads)
    labelled = read_labelled_folder(options.folder)
    print(f"{len(labelled.train)} train, {len(labelled.test)} test photos, {labelled.rejected}")
    torch.manual_seed(options.seed)
    backbone = create_backbone(options.backbone, weights=options.weights, image_size=options.crop)
    pixels = PixelSpec(round(options.crop * 8 / 7), options.crop)
    train, test = (
        FolderPhotos(
            photos,
            pixels=pixels,
            batch_size=options.batch_size,
            seed=options.seed,
            num_threads=options.threads,
        )
        for photos in (labelled.train, labelled.test)
    )
    start_s = time.monotonic()
    categorizer = fit_image_categorizer(
        backbone,
        train,
        labelled.names,
        epochs=options.epochs,
        learning_rate=options.learning_rate,
        freeze_backbone=options.freeze,
        seed=options.seed,
    )
    fit_s = time.monotonic() - start_s
    for number, means in enumerate(categorizer.history, start=1):
        print(f"epoch {number}: loss {means['loss']:.3f}, accuracy {means['accuracy']:.1%}")
    confusion = categorizer_accuracy(categorizer, test)
    print(
        f"{options.backbone} at {options.crop} pixels, {options.epochs} epochs in {fit_s:.0f} s: "
        f"top-1 {confusion.top_1:.1%}, top-5 {confusion.top_5:.1%} of {confusion.num_photos} "
        f"held-out photos of {len(labelled.names) - 1} classes; "
        f"undecodable: {train.rejected | test.rejected or 'none'}"
    )
    if options.picture is not None:
        options.picture.write_text(confusion_picture(confusion, labelled.names), encoding="utf-8")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--backbone", default="timm/test_resnet")
    parser.add_argument("--weights", help="none, or a .safetensors file")
    parser.add_argument("--crop", type=int, default=64, help="pixels")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--learning-rate", type=float, default=3e-3)
    parser.add_argument("--freeze", action="store_true")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--picture", type=Path, help="SVG of the confusion matrix")
    return parser.parse_args()


if __name__ == "__main__":
    main()
