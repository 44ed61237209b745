"""What a run expects of its calibrated data, and what its loss adds to the model."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from seje_ray.artifact import Artifact, Manifest, Plan
from seje_ray.config import LossConfig, RunConfig, TrainConfig, run_to_dict
from seje_ray.config.loss import InfoNceConfig, SigmoidConfig
from seje_ray.distributed.dropout import GlobalDropout
from seje_ray.errors import ArtifactError
from seje_ray.features.model import (
    FeatureDims,
    autocast,
    build_logit_scale,
    build_model,
    cpu_computes_bf16,
    require_features,
)
from seje_ray.models.recipe_lstm import RecipeLstm
from seje_ray.models.recipe_transformer import RecipeTransformer
from tests.unit.training.tiny_data import origin, tiny_run


def calibrated(image_features_of):
    plan = Plan(kind="calibrated", section={}, inputs={}, seed=0)
    facts = {"image_features_of": image_features_of}
    manifest = Manifest(plan=plan, seje_ray_version="0", facts=facts)
    return Artifact(Path("c"), manifest, manifest.content_hash)


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


def test_a_transformer_needs_text_vectors():
    """What calibration did not store is told with the command that stores it."""
    run = tiny_run(recipe_encoder="transformer")
    found = calibrated(run_to_dict(run)["model"]["backbone"])

    with pytest.raises(ArtifactError, match=r"expected text vectors .*text_vectors=true"):
        require_features(run, found)
    facts = {**found.manifest.facts, "text_dim": 7}
    require_features(run, replace(found, manifest=replace(found.manifest, facts=facts)))


def test_the_run_says_which_recipe_encoder_and_its_shape():
    dims = FeatureDims.of(origin().facts)
    lstm, transformer = (
        build_model(tiny_run(recipe_encoder=kind), dims).recipe_encoder.tower
        for kind in ("lstm", "transformer")
    )

    assert isinstance(lstm, RecipeLstm)
    assert isinstance(transformer, RecipeTransformer)
    assert transformer.steps.linear.weight.shape == (8, dims.text_dim)
    assert len(transformer.steps.blocks) == 1


@pytest.mark.parametrize("head", ["projection", "residual"])
def test_both_heads_drop_out_what_the_run_says(head):
    model = build_model(tiny_run(head=head, dropout=0.25), FeatureDims.of(origin().facts))

    for side in (model.image_head.projection, model.recipe_encoder.projection):
        found = [m.p for m in side.modules() if isinstance(m, GlobalDropout)]
        assert found
        assert set(found) == {0.25}


def model_of(**loss):
    run = tiny_run()
    return build_model(replace(run, loss=LossConfig(**loss)), FeatureDims.of(origin().facts))


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("soft_margin", set()),
        ("adamine", set()),
        ("info_nce", {"logit_scale.log_scale"}),
        ("sigmoid", {"logit_scale.log_scale", "logit_scale.bias"}),
    ],
)
def test_a_loss_adds_only_what_it_learns(kind, names):
    """All other weights are those of the default kind, bit for bit."""
    expected, found = model_of().state_dict(), model_of(kind=kind).state_dict()

    assert found.keys() - expected.keys() == names
    assert all(torch.equal(found[name], value) for name, value in expected.items())


def test_constants_of_the_loss_are_where_learning_starts():
    info_nce = build_logit_scale(
        LossConfig(kind="info_nce", info_nce=InfoNceConfig(logit_scale=3.0, max_logit_scale=5.0))
    )
    sigmoid = build_logit_scale(
        LossConfig(kind="sigmoid", sigmoid=SigmoidConfig(logit_scale=4.0, logit_bias=-2.0))
    )

    assert float(info_nce()[0].detach()) == pytest.approx(3.0)
    with torch.no_grad():
        info_nce.log_scale.add_(1.0)
    assert float(info_nce()[0].detach()) == pytest.approx(5.0)
    assert [float(value.detach()) for value in sigmoid()] == pytest.approx([4.0, -2.0])


@pytest.mark.parametrize(
    ("precision", "on_cpus", "expected"),
    [("bf16", True, True), ("bf16", False, False), ("fp32", True, False)],
)
def test_a_cpu_takes_bf16_only_where_the_run_says_so_and_it_can(precision, on_cpus, expected):
    run = RunConfig(train=TrainConfig(precision=precision, precision_on_cpus=on_cpus))

    found = autocast(run, torch.device("cpu"))

    assert found._enabled == (expected and cpu_computes_bf16())
