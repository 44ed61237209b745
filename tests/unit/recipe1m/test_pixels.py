"""Crops as the batches that networks see."""

import io

import numpy as np
import torch
from PIL import Image

from seje_ray.recipe1m.pixels import PixelSpec, whole_size_of


def test_crops_become_a_batch_of_bytes_with_the_channels_last_in_memory():
    crops = [np.arange(12, dtype=np.uint8).reshape(2, 2, 3) + 100 * n for n in range(2)]

    batch = torch.from_numpy(PixelSpec(resize=4, crop=2).stack(crops))

    assert (batch.shape, batch.dtype) == ((2, 3, 2, 2), torch.uint8)
    assert batch.is_contiguous(memory_format=torch.channels_last)
    assert batch[1, 2].tolist() == [[102, 105], [108, 111]]  # blue of the second


def test_no_crops_become_an_empty_batch():
    """What a worker has of a batch smaller than the number of workers."""
    assert PixelSpec(resize=4, crop=2).stack([]).shape == (0, 3, 2, 2)


def test_a_crop_is_the_one_of_the_networks_own_interpolation():
    """Centred and drawn crops of an enlarged photo, which bicubic keeps sharper."""
    noise = np.random.default_rng(0).integers(0, 255, (16, 16, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).save(buffer, "JPEG", quality=100)
    jpeg = buffer.getvalue()
    smooth, sharp = PixelSpec(40, 32), PixelSpec(40, 32, "bicubic")

    for seed in (None, 1):
        crops = [
            spec.crop_of(jpeg, seed if seed is None else np.random.default_rng(seed))
            for spec in (smooth, sharp)
        ]
        assert crops[0].astype(int).std() < crops[1].astype(int).std()


def test_a_whole_photo_is_a_rectangle_of_the_given_size():
    """Width and height, for evaluation and for training; a batch of none keeps the shape."""
    buffer = io.BytesIO()
    Image.new("RGB", (40, 20), (200, 0, 0)).save(buffer, "JPEG")
    spec = PixelSpec(40, 32, whole_size=(64, 32))

    crops = [spec.crop_of(buffer.getvalue(), g) for g in (None, np.random.default_rng(0))]

    assert spec.stack(crops).shape == (2, 3, 32, 64)
    assert spec.stack([]).shape == (0, 3, 32, 64)


def test_whole_photos_have_about_the_pixels_of_a_crop_in_whole_strides():
    """By hand: 224 gives 258.7 x 194.0; no side is below one stride."""
    assert whole_size_of(224) == (256, 192)
    assert whole_size_of(8) == (32, 32)
    for crop in range(96, 600):
        width, height = whole_size_of(crop)
        assert width % 32 == height % 32 == 0
        assert 0.75 < width * height / crop**2 < 1.35
        assert 1 <= width / height <= 1.7
