"""Photos of any kind: an upright RGB JPEG, or a reason; never a white picture."""

import io

import numpy as np
import pytest
from PIL import Image

from seje_ray.recipe1m.images import decode, load_image, to_jpeg
from seje_ray.recipe1m.pixels import PixelSpec
from seje_ray.recipe1m.records import ImageFile, Reject

RED, BLUE = (200, 30, 30), (30, 30, 200)


def halves(width, height, mode="RGB"):
    """Left half red, right half blue."""
    image = Image.new("RGB", (width, height), RED)
    image.paste(BLUE, (width // 2, 0, width, height))
    return image.convert(mode)


def encoded(image, kind="PNG", **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def colour(pixel, expected, tolerance=12):
    return np.abs(np.asarray(pixel, int) - expected).max() <= tolerance


@pytest.mark.parametrize(
    ("mode", "kind"),
    [("RGB", "PNG"), ("RGB", "JPEG"), ("CMYK", "JPEG"), ("P", "PNG"), ("P", "GIF"),
     ("RGBA", "PNG"), ("RGB", "WEBP"), ("RGB", "BMP"), ("RGB", "TIFF")],
)  # fmt: skip
def test_every_mode_and_format_keeps_its_colours(mode, kind):
    """Left red, right blue, whatever the file."""
    data = encoded(halves(64, 48, mode), kind)

    image = decode(to_jpeg(data, shorter_side=256))

    assert image.size == (64, 48)
    assert colour(image.getpixel((8, 24)), RED, 30)
    assert colour(image.getpixel((56, 24)), BLUE, 30)


@pytest.mark.parametrize("mode", ["L", "I;16", "F"])
def test_greys_of_any_depth_are_not_clipped_to_white(mode):
    """A 16-bit grey of half intensity is half grey."""
    values = {"L": np.uint8(128), "I;16": np.uint16(32768), "F": np.float32(0.5)}[mode]
    image = Image.fromarray(np.full((40, 40), values))

    found = decode(to_jpeg(encoded(image, "TIFF"), shorter_side=256))

    assert colour(found.getpixel((20, 20)), (128, 128, 128), 3)


def test_transparent_parts_become_white_and_opaque_ones_stay():
    """A cut-out dish on a transparent ground."""
    image = Image.new("RGBA", (40, 40), (0, 0, 0, 0))
    image.paste((*RED, 255), (0, 0, 20, 40))
    found = decode(to_jpeg(encoded(image), shorter_side=256))
    assert colour(found.getpixel((5, 20)), RED, 25)
    assert colour(found.getpixel((35, 20)), (255, 255, 255))


def test_greys_beyond_16_bits_are_scaled_to_their_top():
    """32-bit integers of half the largest value are half grey."""
    values = np.full((40, 40), 500_000, np.int32)
    values[:20] = 1_000_000
    found = decode(to_jpeg(encoded(Image.fromarray(values), "TIFF"), shorter_side=256))
    assert colour(found.getpixel((20, 30)), (128, 128, 128), 3)


def test_a_photo_that_is_transparent_all_over_is_rejected():
    """It would be a white picture."""
    clear = Image.new("RGBA", (40, 40), (*RED, 0))
    assert to_jpeg(encoded(clear), shorter_side=256)[0] == "blank_image"
    palette = Image.new("P", (40, 40), 0)
    assert to_jpeg(encoded(palette, "GIF", transparency=0), shorter_side=256)[0] == "blank_image"


def test_the_camera_orientation_is_applied():
    """EXIF 6: the camera was turned by 90 degrees, so left becomes top."""
    exif = Image.Exif()
    exif[0x0112] = 6
    found = decode(to_jpeg(encoded(halves(64, 48), "JPEG", exif=exif), shorter_side=256))
    assert found.size == (48, 64)
    assert colour(found.getpixel((24, 8)), RED, 30)
    assert colour(found.getpixel((24, 56)), BLUE, 30)


@pytest.mark.parametrize(
    ("size", "expected"), [((400, 200), (200, 100)), ((200, 400), (100, 200)), ((90, 80), (90, 80))]
)
def test_the_shorter_side_is_limited_and_never_enlarged(size, expected):
    """The ratio of sides stays."""
    found = decode(to_jpeg(encoded(halves(*size)), shorter_side=100))
    assert found.size == expected


@pytest.mark.parametrize("size", [(15, 40), (2000, 200)])
def test_absurd_dimensions_are_rejected(size):
    """Too small to show food, or a banner."""
    assert to_jpeg(encoded(halves(*size)), shorter_side=64)[0] == "absurd_dimensions"


def test_a_bomb_is_rejected_before_it_is_decoded():
    """A few kilobytes that would become 100 megapixels."""
    data = encoded(Image.new("1", (10_000, 10_000)))
    assert len(data) < 50_000
    assert to_jpeg(data, shorter_side=64)[0] == "absurd_dimensions"


@pytest.mark.parametrize("tenth", range(10))
def test_a_truncated_photo_is_never_half_a_photo(tenth):
    """Cut at every tenth: a reason, no picture."""
    noise = np.random.default_rng(1).integers(0, 255, (80, 80, 3), dtype=np.uint8)
    data = encoded(Image.fromarray(noise), "JPEG")

    reason, _ = to_jpeg(data[: len(data) * tenth // 10], shorter_side=64)

    assert reason in {"truncated_image", "undecodable_image"}


def test_every_fault_of_a_file_has_its_reason(tmp_path):
    """Missing, a folder, empty, text; the detail names the path."""
    (tmp_path / "empty.jpg").write_bytes(b"")
    (tmp_path / "text.jpg").write_text("not a photo")
    (tmp_path / "folder.jpg").mkdir()
    reasons = {
        "missing": "missing_file",
        "folder": "unreadable_file",
        "empty": "undecodable_image",
        "text": "undecodable_image",
    }
    for name, reason in reasons.items():
        path = tmp_path / f"{name}.jpg"
        found = load_image(ImageFile(name, str(path)), shorter_side=64)
        assert isinstance(found, Reject)
        assert (found.id, found.reason) == (name, reason)
        assert str(path) in found.detail


def test_a_name_that_no_file_can_have_is_a_reject(tmp_path):
    """A NUL in a path is a ValueError to the system."""
    found = load_image(ImageFile("x", str(tmp_path / "a\0.jpg")), shorter_side=64)
    assert (found.id, found.reason) == ("x", "unreadable_file")


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's, about the metadata it skips
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP", "TIFF", "BMP", "AVIF"])
def test_a_flipped_byte_anywhere_gives_a_photo_or_a_reason(kind):
    """No byte makes Pillow's own errors escape, those of the EXIF block included."""
    if f".{kind.lower()}" not in Image.registered_extensions():
        pytest.skip(f"this Pillow cannot write {kind}")
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "soup"
    options = {"exif": exif} if kind in ("JPEG", "PNG", "WEBP") else {}
    data = encoded(halves(64, 48), kind, **options)
    for position in range(0, len(data), 3):
        broken = bytearray(data)
        broken[position] ^= 0xFF
        found = to_jpeg(bytes(broken), shorter_side=32)
        assert isinstance(found, bytes | tuple)


def test_a_crop_is_the_centre():
    """A 200 x 100 photo at 100: pixels 50 to 150, of which the crop takes the middle 80."""
    jpeg = to_jpeg(encoded(halves(200, 100)), shorter_side=100)

    crop = PixelSpec(100, 80).crop_of(jpeg, None)

    assert crop.shape == (80, 80, 3)
    assert crop.dtype == np.uint8
    # The border between red and blue, at 100 of 200, is at 100 - 50 - 10 = 40 of 80.
    assert colour(crop[40, 34], RED, 30)
    assert colour(crop[40, 46], BLUE, 30)
    expected = np.asarray(decode(jpeg).crop((60, 10, 140, 90)))
    assert np.abs(crop.astype(int) - expected).mean() < 1


def test_a_crop_of_a_training_is_a_window_of_the_central_square_that_the_generator_chose():
    """Against a plain twin: decode, cut the square, cut the window, flip."""
    noise = np.random.default_rng(3).integers(0, 255, (6, 9, 3), dtype=np.uint8)
    picture = Image.fromarray(noise).resize((90, 60), Image.Resampling.BICUBIC)
    jpeg = to_jpeg(encoded(picture), shorter_side=60)
    flips = []
    for seed in range(40):
        crop = PixelSpec(60, 48).crop_of(jpeg, np.random.default_rng(seed))
        twin = np.random.default_rng(seed)
        left, top = twin.integers(0, 13, size=2)
        square = np.asarray(decode(jpeg).crop((15, 0, 75, 60)))
        window = square[top : top + 48, left : left + 48]
        flips.append(twin.random() < 0.5)
        expected = window[:, ::-1] if flips[-1] else window
        assert np.abs(crop.astype(int) - expected).mean() < 1
    assert 8 < sum(flips) < 32


def test_a_squashed_photo_shows_all_of_it():
    """A wide and a high photo, half red and half blue, in one size, as Pillow scales them."""
    for size in ((200, 60), (60, 200)):
        jpeg = to_jpeg(encoded(halves(*size)), shorter_side=60)

        photo = PixelSpec(60, 48, whole_size=(64, 32)).crop_of(jpeg, None)

        assert (photo.shape, photo.dtype) == ((32, 64, 3), np.uint8)
        expected = decode(jpeg).resize((64, 32), Image.Resampling.BILINEAR)
        assert np.abs(photo.astype(int) - np.asarray(expected)).mean() < 1
        assert colour(photo[16, 1], RED, 30)
        assert colour(photo[16, 62], BLUE, 30)


def test_a_window_of_a_squashed_photo_has_the_shares_that_the_generator_chose():
    """Against a plain twin: decode, cut the window, scale, flip; some seed flips, some does not."""
    noise = np.random.default_rng(3).integers(0, 255, (6, 9, 3), dtype=np.uint8)
    picture = Image.fromarray(noise).resize((90, 60), Image.Resampling.BICUBIC)
    jpeg = to_jpeg(encoded(picture), shorter_side=60)
    flips = []
    for seed in range(20):
        spec = PixelSpec(60, 48, whole_size=(64, 32))  # at least 48 / 60 of each side
        window = spec.crop_of(jpeg, np.random.default_rng(seed))
        twin = np.random.default_rng(seed)
        shares = twin.uniform(0.8, 1, size=2)
        left, top = twin.random(2) * (1 - shares) * (90, 60)
        right, low = left + shares[0] * 90, top + shares[1] * 60
        flips.append(twin.random() < 0.5)
        expected = np.asarray(
            decode(jpeg).resize((64, 32), Image.Resampling.BILINEAR, box=(left, top, right, low))
        )
        expected = expected[:, ::-1] if flips[-1] else expected
        assert np.abs(window.astype(int) - expected).mean() < 1
    assert 2 < sum(flips) < 18


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
def test_a_crop_is_scaled_as_pillow_scales_the_whole_photo(interpolation):
    """Against a plain twin: scale the whole photo, cut its centre; the other way differs."""
    noise = np.random.default_rng(4).integers(0, 255, (30, 30, 3), dtype=np.uint8)
    jpeg = to_jpeg(encoded(Image.fromarray(noise)), shorter_side=30)
    scaled = decode(jpeg).resize((60, 60), Image.Resampling[interpolation.upper()])
    expected = np.asarray(scaled.crop((10, 10, 50, 50))).astype(int)

    crop = PixelSpec(60, 40, interpolation).crop_of(jpeg, None)
    drawn = PixelSpec(60, 60, interpolation).crop_of(jpeg, np.random.default_rng(0)).astype(int)

    assert np.abs(crop - expected).max() <= 1
    whole = np.asarray(scaled).astype(int)
    assert min(np.abs(drawn - whole).max(), np.abs(drawn[:, ::-1] - whole).max()) <= 1
    others = {"bilinear", "bicubic"} - {interpolation}
    other = PixelSpec(60, 40, others.pop()).crop_of(jpeg, None)
    assert np.abs(other - expected).max() > 10


def test_heic_is_read_by_its_plug_in_and_named_without_it(monkeypatch):
    """A phone's photo; the line says what to install."""
    from pillow_heif import from_pillow

    buffer = io.BytesIO()
    from_pillow(Image.new("RGB", (64, 48), "red")).save(buffer, quality=90)
    found = to_jpeg(buffer.getvalue(), shorter_side=48)
    assert isinstance(found, bytes), found
    red, green, blue = decode(found).getpixel((32, 24))
    assert red > 200 > 60 > max(green, blue)

    for module in ("images", "photo_formats"):
        monkeypatch.setattr(f"seje_ray.recipe1m.{module}.reads_heic", lambda: False)
    reason, detail = to_jpeg(b"\0\0\0\x18ftypheic" + b"\0" * 64, shorter_side=48)
    assert (reason, "seje-ray[heic]" in detail) == ("undecodable_image", True)
