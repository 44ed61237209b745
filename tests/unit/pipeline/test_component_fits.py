"""Fits of components as a task runs them, in this one process: they need no Ray."""

import shutil

import pytest
import torch

from seje_ray.calibration.image_categorizer import ImageCategorizer
from seje_ray.cookbook import write_food101
from seje_ray.distributed.process import LocalProcess
from seje_ray.features.model import backbone_of
from seje_ray.pipeline.component_fits import FitInputs
from seje_ray.pipeline.image_fits import image_categorizer_fit
from tests.tiny import tiny_run


@pytest.mark.slow
def test_the_papers_network_is_fitted_on_a_labelled_folder(tmp_path):
    """WideResNet-50-2 on sixty drawn photos: two steps, then the twenty that are held out."""
    write_food101(tmp_path / "food101", num_photos=80, seed=0)
    run = tiny_run(
        f"calibrate.image_categorizer.photos={tmp_path / 'food101'}",
        "calibrate.image_categorizer.backbone.name=torchvision/wide_resnet50_2",
        "calibrate.image_categorizer.freeze_backbone=false",
        "calibrate.image_categorizer.batch_size=30",
    )
    told = []
    inputs = FitInputs(
        run, None, tmp_path, tmp_path / "state", LocalProcess(), lambda *step: told.append(step[:2])
    )

    fitted, facts = image_categorizer_fit(inputs)
    fitted.save(tmp_path)

    config = run.calibrate.image_categorizer.backbone
    loaded = ImageCategorizer.load(tmp_path, backbone_of(config, load_weights=False))
    assert facts["labelled_photos_rejected"] == {}
    assert told == [(1, 2), (2, 2)]
    assert fitted.confusion.num_photos == 20
    assert len(loaded.names) == 21
    assert sum(p.numel() for p in loaded.backbone.parameters()) == 66_834_240  # 68.9 M less fc
    pixels = torch.rand(2, 3, config.crop, config.crop)
    torch.testing.assert_close(loaded.predict(pixels), fitted.categorizer.predict(pixels))
    shutil.rmtree(tmp_path)  # weights and optimiser take a gigabyte
