"""ONNX files give the package's numbers, for any number of rows."""

from pathlib import Path

import numpy as np
import pytest
import torch

from seje_ray.config.backbone import BackboneConfig
from seje_ray.export.examples import as_plain, examples_of
from seje_ray.export.folder import export_run
from seje_ray.export.onnx_encoders import (
    IMAGE,
    RECIPE,
    ImageOnnx,
    require_onnx,
    run_onnx,
    write_encoder,
)
from seje_ray.export.photo_side import ImageNetwork, PhotoParts, view_settings
from seje_ray.export.recipe_side import ExportError
from seje_ray.export.seje_encoder import load
from seje_ray.export.seje_encoder.photos import as_jpeg, view_of
from seje_ray.features.encoder import Encoder
from seje_ray.features.model import backbone_of, photos_of, pixels_of
from seje_ray.models.heads import ImageHead, joint_head
from tests.tiny import tiny_run

pytest.importorskip("onnxruntime", reason="needs the extra export")
pytest.importorskip("onnxscript", reason="needs the extra export")


def test_both_encoders_give_the_packages_numbers(cookbook, trained, tmp_path):
    """Of several recipes at once, padded, and of one without steps: LSTM, f_term, f_cat."""
    found = export_run(trained, cookbook, tmp_path / "model", onnx=True)
    assert found.onnx_difference is not None
    assert found.onnx_difference <= 1e-5
    model = load(found.folder)
    pairs = examples_of(
        Encoder.load(trained.best_checkpoint, cookbook, "cpu"), cookbook.open_calibrated()
    )

    photos = [model.photo_inputs(photo) for photo in pairs.photos]
    together = {name: np.concatenate([one[name] for one in photos]) for name in photos[0]}
    rows = run_onnx(found.folder / IMAGE, together)
    np.testing.assert_allclose(rows, pairs.image_embeddings, atol=1e-5)

    plain = {"title": "Soup", "ingredients": ["peas"]}
    inputs = [model.recipe_inputs(as_plain(pairs.recipes[0])), model.recipe_inputs(plain)]
    steps = [one.pop("sentence_vectors")[0] for one in inputs]
    longest = max(map(len, steps))
    padded = {name: np.concatenate([one[name] for one in inputs]) for name in inputs[0]} | {
        "sentence_vectors": np.stack([np.pad(s, ((0, longest - len(s)), (0, 0))) for s in steps])
    }
    rows = run_onnx(found.folder / RECIPE, padded)
    expected = [pairs.recipe_embeddings[0], model.embed_recipes([plain])[0].numpy()]
    np.testing.assert_allclose(rows, expected, atol=1e-5)


def test_a_text_tower_is_told_to_be_left_out():
    """Its shapes depend on the texts."""
    require_onnx(tiny_run())
    text = (
        "model.recipe_encoder=text",
        "calibrate.text_model=x",
        "calibrate.text_tokens.store=true",
    )
    with pytest.raises(ExportError, match=r"--onnx: model.recipe_encoder text .*leave --onnx out"):
        require_onnx(tiny_run(*text))


@pytest.mark.slow
def test_real_photos_have_the_same_embeddings(shared_data: Path, tmp_path):
    """A published network on the crop and the whole of each photo, and mirrored; within 1e-4."""
    weights = shared_data / "weights" / "tf_efficientnet_lite0.safetensors"
    files = sorted((shared_data / "cookbook" / "images").rglob("*.jpg"))[:6]
    if not weights.is_file() or not files:
        pytest.skip("needs the weights and the photos")
    config = BackboneConfig(
        name="timm/tf_efficientnet_lite0", weights=str(weights), resize=224, crop=224,
        views=("crop", "whole"), flip=True,
    )  # fmt: skip
    backbone, views = backbone_of(config).eval(), pixels_of(config)
    torch.manual_seed(0)
    head = joint_head("residual", 2 * backbone.feature_dim + 3, 32, hidden_dim=8, dropout=0.1)
    network = ImageNetwork(backbone, config, photos_of(config), views)
    parts = PhotoParts(network, None, None, None, are_one=False)
    images = ImageOnnx(parts, ImageHead(head).eval(), 3, "hard")
    jpegs = [as_jpeg(path, 256) for path in files]
    seen = [np.stack([view_of(jpeg, view_settings(view)) for jpeg in jpegs]) for view in views]
    inputs = {
        name: pixels.transpose(0, 3, 1, 2).astype(np.float32)
        for name, pixels in zip(("crop", "whole"), seen, strict=True)
    }

    write_encoder(tmp_path / IMAGE, images, {name: x[:1] for name, x in inputs.items()}, {})

    with torch.inference_mode():
        expected = images(*(torch.from_numpy(pixels) for pixels in inputs.values()))
    found = run_onnx(tmp_path / IMAGE, inputs)
    assert np.abs(found - expected.numpy()).max() <= 1e-4
    assert np.abs(found[0] - found[1]).max() > 1e-2
