"""A training on the towers of a dual encoder begins with its zero-shot result."""

import json
import shutil

import numpy as np
import pytest
import torch

from seje_ray.config import load_run
from seje_ray.errors import ConfigError
from seje_ray.features.checkpoint import load_model
from seje_ray.features.dual_encoder import require_published_shape
from seje_ray.features.model import pixels_of
from seje_ray.pipeline.baseline import measure_baselines
from seje_ray.pipeline.embed import embed_shard
from seje_ray.pipeline.evaluate import evaluate_run
from seje_ray.pipeline.gallery_choice import GalleryChoice
from seje_ray.pipeline.train import train
from seje_ray.pipeline.zero_shot import zero_shot
from tests.tiny import tiny_run
from tests.unit.pipeline.locally import EXECUTOR, calibrated_locally, copied, rows_of

pytest.importorskip("transformers", reason="needs the extra text")
import transformers

from seje_ray.models.hugging_face import read_dual_encoder
from tests.text_models import MAX_LENGTH, SIDE, tiny_clip, tiny_siglip

CPU = torch.device("cpu")
COMMON = (
    "calibrate.text_tokens.store=true",
    "model.recipe_encoder=text",
    "model.head=published",
    "model.dropout=0.0",
    "model.text.key_terms=true",
    "model.backbone.weights=download",
    f"model.backbone.crop={SIDE}",
    f"model.backbone.resize={SIDE}",
)
PARTS = ("recipes", "calibrator", "calibrated", "cookbook-120-0")


def recipe_text(row):
    """A recipe as the library's own tokenizer reads it, with our commas between ingredients."""
    return " ".join([row["title"], " , ".join(row["ingredients"]), *row["instructions"]])


def librarys_embeddings(folder, kind, rows, pixels):
    """Unit rows of ``get_image_features`` and ``get_text_features``; it prepares our windows."""
    model = getattr(transformers, kind).from_pretrained(folder).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    processor = transformers.AutoImageProcessor.from_pretrained(folder, use_fast=False)
    photos = [pixels.crop_of(row["images"][0]["jpeg"], None) for row in rows]
    tokens = tokenizer(
        [recipe_text(row) for row in rows], truncation=True, max_length=MAX_LENGTH,
        padding="max_length", return_tensors="pt",
    )  # fmt: skip
    with torch.inference_mode():
        images = model.get_image_features(**processor(photos, return_tensors="pt")).pooler_output
        texts = model.get_text_features(tokens["input_ids"]).pooler_output
    return (torch.nn.functional.normalize(found, dim=1).numpy() for found in (images, texts))


@pytest.mark.parametrize(
    ("make", "kind", "loss", "dim", "frozen"),
    [
        (tiny_clip, "CLIPModel", "info_nce", 12, False),
        (tiny_siglip, "SiglipModel", "sigmoid", 16, True),
    ],
)
def test_what_is_embedded_before_training_is_the_librarys_own_result(
    tmp_path, cookbook, calibrated, make, kind, loss, dim, frozen
):
    """Embeddings to 1e-4, from recipes and windows of photos; its temperature and bias, too.

    f_term and f_cat stand beside the towers, and add nothing before they have learnt.
    """
    own, folder = copied(cookbook, tmp_path, *PARTS), make(tmp_path / "model")
    run = tiny_run(
        *COMMON, f"model.dual_encoder={folder}", f"loss.kind={loss}", "train.num_epochs=1",
        f"model.embedding_dim={dim}", f"model.freeze_backbone={str(frozen).lower()}",
        "train.learning_rate=1e-12", "loss.discriminator_weight=0",
    )  # fmt: skip
    artifact = calibrated_locally(run, None, own).calibrated

    found = zero_shot(run, artifact, "test", CPU)

    rows = [row for row in rows_of(artifact) if row["partition"] == "test"]
    assert list(found.ids) == [row["id"] for row in rows]
    images, texts = librarys_embeddings(folder, kind, rows, pixels_of(run.model.backbone)[0])
    np.testing.assert_allclose(found.recipe_embeddings, texts, atol=1e-4)
    np.testing.assert_allclose(found.image_embeddings, images, atol=1e-4)

    [measured] = measure_baselines(["zero-shot"], run, own, partition="test", gallery_sizes=(10,))
    report = json.loads((measured.folder / "report.json").read_text())
    assert report["fit"]["dual_encoder"] == str(folder)
    assert measured.galleries

    trained = train(load_run(own.calibrated_run), own, EXECUTOR, name="still")
    evaluated = evaluate_run(
        trained, own, EXECUTOR, partition="test", choice=GalleryChoice(sizes=(10,))
    )
    assert [line.name for line in evaluated.galleries[0].lines][:2] == ["model", "zero-shot"]
    published = read_dual_encoder(str(folder))
    shutil.rmtree(folder)
    loaded = load_model(trained.best_checkpoint)
    parts = [embed_shard(loaded, path) for path in artifact.shards("test")]
    images, recipes = (np.concatenate(part) for part in zip(*parts, strict=True))
    np.testing.assert_allclose(recipes, found.recipe_embeddings, atol=1e-4)
    np.testing.assert_allclose(images, found.image_embeddings, atol=1e-4)
    scale = loaded.model.logit_scale.requires_grad_(False)
    assert float(scale.log_scale.exp()) == pytest.approx(published.logit_scale, rel=1e-3)
    if published.logit_bias is not None:
        assert float(scale.bias) == pytest.approx(-8.0, rel=1e-3)


def test_other_towers_have_no_zero_shot_result(calibrated):
    artifact = calibrated.calibrated
    with pytest.raises(ConfigError, match="towers of one dual encoder"):
        zero_shot(tiny_run(), artifact, "test", CPU)


def test_another_joint_space_is_refused(tmp_path, cookbook, calibrated):
    own, folder = copied(cookbook, tmp_path, *PARTS), tiny_clip(tmp_path / "model")
    named = (*COMMON, f"model.dual_encoder={folder}")
    run = tiny_run(*named, "model.embedding_dim=12")
    artifact = calibrated_locally(run, None, own).calibrated
    with pytest.raises(ConfigError, match=r"model\.embedding_dim: expected 12, .*found 13"):
        zero_shot(tiny_run(*named, "model.embedding_dim=13"), artifact, "test", CPU)


@pytest.mark.parametrize(("make", "dim"), [(tiny_clip, 12), (tiny_siglip, 16)])
def test_another_shape_is_refused_before_anything_is_calibrated(make, dim, tmp_path, cookbook):
    """Dimensions of the joint space and the side of photos; no weights are needed to know."""
    own, folder = copied(cookbook, tmp_path / "own", *PARTS), make(tmp_path / "model")
    (folder / "model.safetensors").unlink()
    named = (*COMMON, f"model.dual_encoder={folder}")
    require_published_shape(tiny_run(*named, f"model.embedding_dim={dim}"))
    with pytest.raises(ConfigError, match=rf"embedding_dim: expected {dim}, .* found 13"):
        calibrated_locally(tiny_run(*named, "model.embedding_dim=13"), None, own)
    size = f"model.backbone.resize={2 * SIDE}", f"model.backbone.crop={2 * SIDE}"
    with pytest.raises(ConfigError, match=rf"crop: expected {SIDE}, .* found {2 * SIDE}"):
        require_published_shape(tiny_run(*named, f"model.embedding_dim={dim}", *size))
