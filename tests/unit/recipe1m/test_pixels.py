"""Crops as the batches that networks see."""

import io

import numpy as np
import torch
from PIL import Image

from seje_ray.recipe1m.pixels import PixelSpec


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
