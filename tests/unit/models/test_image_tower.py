"""Image towers of published dual encoders."""

import numpy as np
import pytest
import torch
from PIL import Image

from seje_ray.models.image_backbone import create_backbone
from seje_ray.models.libraries import BackboneError, published

pytest.importorskip("transformers", reason="needs the extra text")
import transformers

from seje_ray.hub import PublishedModelError
from seje_ray.models.hugging_face import read_config, read_dual_encoder
from tests.text_models import SIDE, tiny_bert, tiny_clip, tiny_siglip


def photos(number=3):
    return torch.randint(0, 256, (number, 3, SIDE, SIDE), dtype=torch.uint8)


@pytest.mark.parametrize(
    ("make", "library"), [(tiny_clip, "CLIPModel"), (tiny_siglip, "SiglipModel")]
)
def test_pooled_features_are_the_librarys_of_photos_it_prepared(tmp_path, make, library):
    """Both prepare the same pixels; the projection of the library follows."""
    name = f"transformers/{make(tmp_path)}"
    model = getattr(transformers, library).from_pretrained(tmp_path)
    processor = transformers.AutoImageProcessor.from_pretrained(tmp_path)
    backbone = create_backbone(name, weights="download", image_size=SIDE).eval()
    pixels = photos()
    images = [Image.fromarray(np.asarray(p.permute(1, 2, 0))) for p in pixels]

    found = backbone(pixels)

    prepared = processor(images, return_tensors="pt")["pixel_values"]
    expected = model.vision_model(prepared).pooler_output
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)
    projection = read_dual_encoder(str(tmp_path)).image_projection
    joint = found if projection is None else found @ projection.T
    torch.testing.assert_close(
        joint, model.get_image_features(prepared).pooler_output, atol=1e-5, rtol=1e-4
    )
    assert found.shape[1] == backbone.feature_dim
    assert published(name).interpolation == "bicubic"


def test_it_is_built_without_its_folder_from_its_configuration(tmp_path):
    folder = tiny_clip(tmp_path)
    config, seen = read_config(str(folder)), published(f"transformers/{folder}")
    whole = create_backbone(f"transformers/{folder}", weights="download", image_size=SIDE)

    again = create_backbone(
        "transformers/gone", weights=None, image_size=SIDE, photos=seen, network=config
    )
    again.load_state_dict(whole.state_dict())

    pixels = photos()
    torch.testing.assert_close(again.eval()(pixels), whole.eval()(pixels))


def test_what_does_not_fit_is_one_clear_error(tmp_path):
    for name, make in (("clip", tiny_clip), ("bert", tiny_bert)):
        (tmp_path / name).mkdir()
        make(tmp_path / name)
    clip, bert = (f"transformers/{tmp_path / name}" for name in ("clip", "bert"))
    with pytest.raises(BackboneError, match=rf"images of {SIDE} pixels, found backbone\.crop 64"):
        create_backbone(clip, weights=None, image_size=64)
    with pytest.raises(BackboneError, match=r"expected backbone\.weights download"):
        create_backbone(clip, weights="file.safetensors", image_size=SIDE)
    with pytest.raises(PublishedModelError, match="such as CLIP or SigLIP, found bert"):
        create_backbone(bert, weights=None, image_size=SIDE)
    with pytest.raises(PublishedModelError, match="expected a folder of config"):
        create_backbone("transformers/no/such", weights=None, image_size=SIDE)
    with pytest.raises(PublishedModelError, match="found bert"):
        read_dual_encoder(str(tmp_path / "bert"))


def test_temperature_and_bias_are_the_models(tmp_path):
    folder = tiny_siglip(tmp_path)
    model = transformers.SiglipModel.from_pretrained(folder).requires_grad_(False)
    found = read_dual_encoder(str(folder))
    assert found.logit_scale == pytest.approx(float(model.logit_scale.exp()))
    assert found.logit_bias == pytest.approx(float(model.logit_bias))
    assert (found.image_projection, found.text_projection) == (None, None)
