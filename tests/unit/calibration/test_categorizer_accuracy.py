"""Accuracy and confusions of an image categorizer."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from seje_ray.calibration.categorizer_accuracy import categorizer_accuracy, confusion_of
from seje_ray.calibration.image_categorizer import ImageCategorizer, fit_image_categorizer
from seje_ray.calibration.photos import PhotoBatches
from seje_ray.errors import DivergedError
from seje_ray.recipe1m.pixels import PixelSpec
from tests.unit.calibration.tiny_networks import Scaled, TinyBackbone

PIXELS = PixelSpec(resize=18, crop=16)
NAMES = ("background", "tomato soup", "plum cake")


def test_accuracy_and_confusions_by_hand():
    """Seven categories. Photo 0: right. 1: third best. 2: sixth best, so not in the top five."""
    rows = np.asarray(
        [
            [0, 0.6, 0.1, 0.1, 0.1, 0.05, 0.05],
            [0, 0.4, 0.3, 0.2, 0.06, 0.03, 0.01],
            [0, 0.4, 0.3, 0.2, 0.06, 0.03, 0.01],
        ]
    )
    confusion = confusion_of([(rows[:1], np.asarray([1])), (rows[1:], np.asarray([3, 6]))], 7)

    assert (confusion.num_photos, confusion.top_1, confusion.top_5) == (3, 1 / 3, 2 / 3)
    assert confusion.counts.shape == (7, 7)
    assert [tuple(cell) for cell in np.argwhere(confusion.counts)] == [(1, 1), (3, 1), (6, 1)]


def test_without_photos_accuracy_is_no_number():
    confusion = confusion_of([], 3)
    assert math.isnan(confusion.top_1)
    assert math.isnan(confusion.top_5)
    assert confusion.num_photos == 0


def test_a_constant_categorizer_is_right_as_often_as_chance():
    """Ten categories of one photo each, all equally likely: one right, five in the top five."""
    rows = np.hstack([np.zeros((10, 1)), np.full((10, 10), 0.1)])
    confusion = confusion_of([(rows, np.arange(1, 11))], 11)
    assert (confusion.top_1, confusion.top_5) == (0.1, 0.5)


def test_a_probability_that_is_no_number_raises():
    with pytest.raises(DivergedError, match="not finite"):
        confusion_of([(np.asarray([[0.0, np.nan]]), np.asarray([1]))], 2)


@pytest.fixture
def photos(photo_shards):
    ids = {"Tomato Soup": 1, "Plum Cake": 2}
    return PhotoBatches(
        photo_shards, lambda title, id_: ids.get(title, 0), pixels=PIXELS, batch_size=5, seed=1
    )


def test_a_categorizer_that_was_never_fitted_is_never_right(photos):
    confusion = categorizer_accuracy(ImageCategorizer(TinyBackbone(), NAMES), photos)

    assert (confusion.num_photos, confusion.top_1, confusion.top_5) == (24, 0.0, 0.0)
    assert confusion.counts[:, 0].tolist() == [0, 12, 12]


def test_predictions_are_counted_under_the_photos_category(photos):
    """A network that always sees plum cake: all soup is taken for cake, all cake is right."""
    backbone = nn.Sequential(Scaled(), nn.Flatten())
    backbone.feature_dim = 3 * 16 * 16
    categorizer = ImageCategorizer(backbone, NAMES)
    categorizer.is_fitted = True
    with torch.no_grad():
        categorizer.layer.weight.zero_()
        categorizer.layer.bias.copy_(torch.tensor([9.0, 0.0, 1.0]))

    confusion = categorizer_accuracy(categorizer, photos)

    assert confusion.counts.tolist() == [[0, 0, 0], [0, 0, 12], [0, 0, 12]]
    assert (confusion.top_1, confusion.top_5) == (0.5, 1.0)


def test_a_fitted_categorizer_is_right(photos):
    categorizer = fit_image_categorizer(
        TinyBackbone(), photos, NAMES, epochs=8, learning_rate=0.1, seed=0, freeze_backbone=True
    )
    assert categorizer_accuracy(categorizer, photos).top_1 == 1.0
