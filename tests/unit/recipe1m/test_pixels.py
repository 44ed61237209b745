"""Crops as the batches that networks see."""

import numpy as np
import torch

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
