"""What a run expects of its calibrated data."""

from pathlib import Path

import pytest

from seje_ray.artifact import Artifact, Manifest, Plan
from seje_ray.config import run_to_dict
from seje_ray.errors import ArtifactError
from seje_ray.training.build import require_features
from tests.unit.training.tiny_data import tiny_run


def calibrated(image_features_of):
    plan = Plan(kind="calibrated", section={}, inputs={}, seed=0)
    facts = {"image_features_of": image_features_of}
    return Artifact(Path("c"), Manifest(plan=plan, seje_ray_version="0", facts=facts))


def test_a_frozen_backbone_needs_its_own_features_of_its_own_pixels():
    """Name, weights, resize and crop; only what differs is named."""
    run = tiny_run()
    own = run_to_dict(run)["model"]["backbone"]
    require_features(run, calibrated(own))

    expected = "expected pooled image features of crop 224, found crop 160; run `seje-ray calib"
    with pytest.raises(ArtifactError, match=expected):
        require_features(run, calibrated({**own, "crop": 160}))
    with pytest.raises(ArtifactError, match=r"of weights None, found weights w\.safetensors"):
        require_features(run, calibrated({**own, "weights": "w.safetensors"}))
    with pytest.raises(ArtifactError, match=r"of name torchvision/resnet50, .* found none"):
        require_features(run, calibrated(None))
