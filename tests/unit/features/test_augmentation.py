"""Random changes of photos: torchvision's operations, the caller's draws."""

import numpy as np
import pytest
import torch
from torchvision.transforms import v2

from seje_ray.features.augmentation import NARROW, WIDE, augmented

PIXELS = torch.randint(255, (3, 24, 32), generator=torch.Generator().manual_seed(0)).to(torch.uint8)


@pytest.mark.parametrize("kind", ["rand_augment", "trivial"])
def test_a_draw_decides_the_photo(kind):
    """Equal generators give equal bytes, others other ones; global random state is unused."""
    state = torch.get_rng_state()
    photos = [augmented(PIXELS, kind, np.random.default_rng(seed)) for seed in range(30)]

    assert torch.equal(torch.get_rng_state(), state)
    for seed, photo in enumerate(photos):
        assert (photo.shape, photo.dtype) == (PIXELS.shape, torch.uint8)
        again = augmented(PIXELS, kind, np.random.default_rng(seed))
        assert torch.equal(photo, again)
    assert len({photo.numpy().tobytes() for photo in photos}) > 15


def test_crop_and_flip_alone_change_nothing_more_and_draw_nothing():
    """As before there were others."""
    generator = np.random.default_rng(1)

    assert augmented(PIXELS, "crop_flip", generator) is PIXELS
    assert generator.random() == np.random.default_rng(1).random()


@pytest.mark.parametrize("operations", [NARROW, WIDE])
def test_strength_0_changes_nothing(operations):
    """But for the two operations that know no strength."""
    for name, operation in operations.items():
        if name not in ("auto_contrast", "equalize"):
            assert torch.equal(operation(PIXELS, 0.0), PIXELS), name


def test_operations_are_those_of_torchvision():
    """RandAugment's and TrivialAugmentWide's names, and what its own kernels do at full range."""
    assert len(NARROW) == len(v2.RandAugment._AUGMENTATION_SPACE)
    assert WIDE.keys() == NARROW.keys()
    full = {
        "rotate": ("Rotate", -30.0),
        "brightness": ("Brightness", 0.9),
        "shear_x": ("ShearX", 0.3),
        "color": ("Color", 0.9),
        "posterize": ("Posterize", 4),
        "sharpness": ("Sharpness", 0.9),
    }
    twin = v2.RandAugment()
    for name, (theirs, magnitude) in full.items():
        strength = -1.0 if magnitude < 0 else 1.0
        expected = twin._apply_image_or_video_transform(
            PIXELS, theirs, magnitude, v2.InterpolationMode.NEAREST, {torch.Tensor: None}
        )
        assert torch.equal(NARROW[name](PIXELS, strength), expected), name
