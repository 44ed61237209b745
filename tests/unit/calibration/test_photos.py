"""Labelled photos in shuffled batches."""

import numpy as np
import pytest

from seje_ray.calibration.photos import PhotoBatches
from seje_ray.recipe1m.pixels import PixelSpec

PIXELS = PixelSpec(resize=18, crop=16)
IDS = {"Tomato Soup": 1, "Plum Cake": 2}


def category_of(title, id_):
    return IDS.get(title, 0)


def photos_of(shards, **settings):
    return PhotoBatches(
        shards, category_of, pixels=PIXELS, **{"batch_size": 5, "seed": 0, **settings}
    )


def ids_of(batches):
    return [int(id_) for batch in batches for id_ in batch.category_ids]


def test_photos_of_recipes_with_a_category_are_counted(photo_shards):
    """Recipes 0..11 have 1, 2, 3, 1, 2, 3, ... photos; even ones are soup.

    Soup: 0, 2, 4, 6, 8, 10 -> 1 + 3 + 2 + 1 + 3 + 2 = 12; cake: 1, 3, ... -> 2 + 1 + 3 + 2 + 1 + 3.
    """
    photos = photos_of(photo_shards)

    assert photos.num_photos == {1: 12, 2: 12}
    assert len(photos) == 24


@pytest.mark.parametrize("shuffle_size", [1, 7, 100])
@pytest.mark.parametrize("batch_size", [2, 5, 24, 100])
def test_an_epoch_holds_every_photo_once(photo_shards, batch_size, shuffle_size):
    photos = photos_of(photo_shards, batch_size=batch_size, shuffle_size=shuffle_size)

    batches = list(photos.epoch(0))

    assert sorted(ids_of(batches)) == [1] * 12 + [2] * 12
    assert len(batches) == photos.num_batches
    assert all(batch.pixels.shape[1:] == (3, 16, 16) for batch in batches)
    assert all(batch.pixels.dtype == np.uint8 for batch in batches)


def test_a_batch_of_one_photo_is_left_out_where_there_are_others(photo_shards):
    photos = photos_of(photo_shards, batch_size=23)

    assert [len(batch.category_ids) for batch in photos.epoch(0)] == [23]
    assert photos.num_batches == 1


def test_labels_belong_to_their_photos(photo_shards):
    """Soup is red (channel 0), cake blue (channel 2), in every order."""
    photos = photos_of(photo_shards)

    for batch in [*photos.epoch(0), *photos.in_order()]:
        means = batch.pixels.mean(axis=(2, 3))
        assert ((means[:, 0] > means[:, 2]) == (batch.category_ids == 1)).all()


def test_seed_and_epoch_decide_order_and_crops_and_threads_do_not(photo_shards):
    def first_pixels(seed, epoch, num_threads=2):
        photos = photos_of(photo_shards, seed=seed, num_threads=num_threads)
        return next(iter(photos.epoch(epoch))).pixels.tobytes()

    assert first_pixels(1, 0) == first_pixels(1, 0) == first_pixels(1, 0, num_threads=1)
    assert first_pixels(1, 0) != first_pixels(1, 1)
    assert first_pixels(1, 0) != first_pixels(2, 0)


def test_photos_in_order_are_centre_crops(photo_shards):
    first, again = (list(photos_of(photo_shards, seed=seed).in_order()) for seed in (0, 1))

    # First shard: even rows, all of them soup; second shard: odd rows, cake.
    assert ids_of(first) == [1] * 12 + [2] * 12
    for one, other in zip(first, again, strict=True):
        assert one.pixels.tobytes() == other.pixels.tobytes()


def test_without_shards_or_categories_there_are_no_photos(photo_shards):
    assert len(PhotoBatches([], category_of, pixels=PIXELS, batch_size=2, seed=0)) == 0
    nothing = PhotoBatches(photo_shards, lambda title, id_: 0, pixels=PIXELS, batch_size=2, seed=0)
    assert (len(nothing), nothing.num_batches, list(nothing.epoch(0))) == (0, 0, [])
    assert list(nothing.in_order()) == []
