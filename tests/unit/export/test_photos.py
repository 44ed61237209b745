"""The loader sees of a photo what the package sees, and builds the same image networks."""

import io
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from seje_ray.config.backbone import BackboneConfig
from seje_ray.export.photo_side import ImageNetwork, network_settings, plain_weights, view_settings
from seje_ray.export.seje_encoder.photos import LibraryNetwork, as_jpeg, view_of
from seje_ray.features.model import backbone_of, photos_of, pixels_of
from seje_ray.recipe1m.images import to_jpeg
from seje_ray.recipe1m.pixels import PixelSpec


def photo_file(size, mode="RGB", kind="PNG", **options):
    """Bytes of a photo of chance, smooth enough that scaling matters."""
    depth = len(Image.new(mode, (1, 1)).getbands())
    generator = np.random.default_rng(0)
    coarse = generator.integers(0, 256, (9, 7, depth), dtype=np.uint8)
    bands = [Image.fromarray(coarse[..., n]).resize(size) for n in range(depth)]
    image = bands[0] if depth == 1 else Image.merge(mode, bands)
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def grey_16():
    buffer = io.BytesIO()
    values = np.linspace(0, 65535, 40 * 30).reshape(30, 40).astype(np.uint16)
    Image.fromarray(values).save(buffer, "PNG")
    return buffer.getvalue()


def turned():
    exif = Image.Exif()
    exif[0x0112] = 6  # as a phone held upright stores it
    return photo_file((60, 40), kind="JPEG", exif=exif)


FILES = {
    "small": photo_file((40, 33)),
    "large": photo_file((400, 300), kind="JPEG"),
    "tall": photo_file((50, 211)),
    "grey": photo_file((60, 50), "L"),
    "see-through": photo_file((60, 50), "RGBA"),
    "cmyk": photo_file((90, 80), "CMYK", "JPEG"),
    "16 bits": grey_16(),
    "turned": turned(),
}


@pytest.mark.parametrize("name", FILES)
def test_a_photo_is_prepared_as_the_package_does(name):
    """To the byte; then each view of it, to the pixel."""
    jpeg = to_jpeg(FILES[name], shorter_side=48)
    assert as_jpeg(FILES[name], 48) == jpeg
    for pixels in (
        PixelSpec(36, 32), PixelSpec(32, 32, "bicubic"), PixelSpec(36, 32, "bilinear", (64, 48))
    ):  # fmt: skip
        seen = view_of(jpeg, view_settings(pixels))
        np.testing.assert_array_equal(seen, pixels.crop_of(jpeg, None))


@pytest.mark.parametrize(
    "data", [b"", b"no photo", photo_file((8, 8)), photo_file((200, 17)), FILES["large"][:900]]
)
def test_what_is_no_photo_is_an_error_that_names_it(data, tmp_path):
    path = tmp_path / "dinner.jpg"
    path.write_bytes(data)
    with pytest.raises(ValueError, match=r"dinner\.jpg: expected a photo, found none \("):
        as_jpeg(path, 48)


@pytest.mark.parametrize(
    ("name", "crop"),
    [
        ("timm/test_resnet", 32),
        ("timm/test_vit", 160),
        (
            "torchvision/vgg11_bn",
            32,
        ),  # biases before BatchNorms, and dropouts around its classifier
        ("torchvision/mobilenet_v3_small", 24),  # smaller than the network takes
    ],
)
def test_a_network_of_a_library_gives_the_same_features(name, crop):
    """Built by the library alone, from the weights as they are exported."""
    config = BackboneConfig(name=name, resize=crop, crop=crop, flip=name.startswith("timm"))
    if name == "timm/test_resnet":
        config = replace(config, scales=(1.0, 1.25))
    torch.manual_seed(0)
    backbone = backbone_of(config).eval()
    with torch.no_grad():
        for norm in (m for m in backbone.modules() if isinstance(m, torch.nn.BatchNorm2d)):
            norm.running_mean.uniform_(-0.1, 0.1)
    network = ImageNetwork(backbone, config, photos_of(config), pixels_of(config))
    settings = network_settings(network)
    plain = LibraryNetwork(settings, plain_weights(backbone, settings), "cpu")
    pixels = torch.randint(0, 256, (1, 3, crop, crop), dtype=torch.uint8)

    with torch.inference_mode():
        torch.testing.assert_close(plain(pixels), backbone(pixels), rtol=1e-5, atol=1e-5)
