"""Photos of a labelled folder in shuffled batches."""

from pathlib import Path

import numpy as np
import pytest
import torch

from seje_ray.calibration.folder_photos import FolderPhotos
from seje_ray.calibration.image_categorizer import fit_image_categorizer
from seje_ray.calibration.photo_batches import LabelledPhotos
from seje_ray.calibration.photos import PhotoBatches
from seje_ray.recipe1m.labelled_photos import read_labelled_folder
from seje_ray.recipe1m.pixels import PixelSpec
from seje_ray.recipe1m.records import DataError
from tests.unit.calibration.conftest import noisy_jpeg
from tests.unit.calibration.tiny_networks import TinyBackbone, accuracy

PIXELS = PixelSpec(resize=18, crop=16)
COLOURS = {"plum_cake": (30, 30, 200), "tomato_soup": (200, 30, 30)}


@pytest.fixture
def labelled(tmp_path):
    """Thirty photos of each of two classes, told apart by colour."""
    generator = np.random.default_rng(0)
    for label, colour in COLOURS.items():
        (tmp_path / label).mkdir()
        for number in range(30):
            path = tmp_path / label / f"{number}.jpg"
            path.write_bytes(noisy_jpeg(colour, generator))
    return tmp_path


def photos_of(folder, split="train", **settings):
    files = getattr(read_labelled_folder(folder), split)
    return FolderPhotos(files, **{"pixels": PIXELS, "batch_size": 5, "seed": 0, **settings})


def ids_of(batches):
    return [int(id_) for batch in batches for id_ in batch.category_ids]


def test_an_epoch_holds_every_photo_once_with_its_label(labelled):
    photos = photos_of(labelled)

    batches = list(photos.epoch(0))

    assert sorted(ids_of(batches)) == ids_of(photos.in_order())
    assert len(batches) == photos.num_batches
    assert photos.num_photos == {1: ids_of(batches).count(1), 2: ids_of(batches).count(2)}
    assert sum(photos.num_photos.values()) == len(photos) == len(ids_of(batches))
    for batch in [*batches, *photos.in_order()]:
        means = batch.pixels.mean(axis=(2, 3))
        assert ((means[:, 2] > means[:, 0]) == (batch.category_ids == 1)).all()  # cake is blue
        assert batch.pixels.shape[1:] == (3, 16, 16)


def test_photos_of_a_class_do_not_stay_together(labelled):
    """The files are ordered by class; a batch of ten has one class in 1 of 500 orders."""
    for batch in photos_of(labelled, batch_size=10).epoch(0):
        assert len(batch.category_ids) < 10 or len(set(batch.category_ids.tolist())) == 2


def test_seed_and_epoch_decide_order_and_crops_and_threads_do_not(labelled):
    def first_pixels(seed, epoch, num_threads=2):
        photos = photos_of(labelled, seed=seed, num_threads=num_threads)
        return next(iter(photos.epoch(epoch))).pixels.tobytes()

    assert first_pixels(1, 0) == first_pixels(1, 0) == first_pixels(1, 0, num_threads=1)
    assert first_pixels(1, 0) != first_pixels(1, 1)
    assert first_pixels(1, 0) != first_pixels(2, 0)


def test_undecodable_photos_are_left_out_and_counted_once(labelled):
    """Four files broken in four ways; two epochs and a pass in order count them once each."""
    photos = photos_of(labelled)
    broken = [file for file in photos._files if file.category_id == 1][:4]
    whole = len(photos)
    paths = [Path(file.path) for file in broken]
    paths[0].write_bytes(b"")
    paths[1].write_bytes(b"no photo")
    paths[2].write_bytes(paths[2].read_bytes()[:-60])
    paths[3].unlink()

    passes = [photos.epoch(0), photos.epoch(1), photos.in_order()]
    batches = [list(batches) for batches in passes]

    assert [len(ids_of(b)) for b in batches[2:]] == [whole - 4]
    assert all(whole - 6 <= len(ids_of(b)) <= whole - 4 for b in batches[:2])  # a rest of one
    assert photos.rejected == {"missing_file": 1, "truncated_image": 1, "undecodable_image": 2}
    assert len(photos.rejects) == 4
    assert not any((batch.pixels > 240).all(axis=(1, 2, 3)).any() for b in batches for batch in b)


def test_a_fit_goes_on_without_the_undecodable_and_tells_the_classes(labelled):
    photos = photos_of(labelled)
    for file in photos._files[::7]:
        Path(file.path).write_bytes(b"")
    names = read_labelled_folder(labelled).names

    categorizer = fit_image_categorizer(
        TinyBackbone(), photos, names, epochs=8, learning_rate=0.1, seed=0, freeze_backbone=False
    )

    assert names == ("background", "plum cake", "tomato soup")
    assert accuracy(categorizer, photos_of(labelled, "test")) == 1.0
    assert set(photos.rejected) == {"undecodable_image"}


@pytest.mark.parametrize("freeze_backbone", [False, True])
def test_a_folder_where_nothing_can_be_decoded_is_one_line(labelled, freeze_backbone):
    photos = photos_of(labelled)
    for file in photos._files:
        Path(file.path).write_bytes(b"")

    with pytest.raises(DataError, match=rf"among {len(photos)} .*undecodable_image: {len(photos)}"):
        fit_image_categorizer(
            TinyBackbone(), photos, ("background", "a", "b"), epochs=1, learning_rate=0.1, seed=0,
            freeze_backbone=freeze_backbone,
        )  # fmt: skip


def test_a_broken_photo_of_a_shard_is_left_out_too(photo_shards):
    """The third of 24 photos; a shard's photos were decoded once, so this is damage on disk."""
    photos = PhotoBatches(photo_shards, lambda title, id_: 1, pixels=PIXELS, batch_size=5, seed=0)
    listed = list(photos._listed())

    class WithDamage(PhotoBatches):
        def _listed(self):
            for number, photo in enumerate(listed):
                damaged = type(photo)(photo.id, lambda: b"damage", photo.category_id)
                yield damaged if number == 2 else photo

    damaged = WithDamage(photo_shards, lambda title, id_: 1, pixels=PIXELS, batch_size=5, seed=0)

    assert len(ids_of(damaged.in_order())) == len(listed) - 1
    assert damaged.rejected == {"undecodable_image": 1}
    assert [reject.id for reject in damaged.rejects] == [listed[2].id]


def test_without_photos_there_are_no_batches():
    photos: LabelledPhotos = FolderPhotos([], pixels=PIXELS, batch_size=2, seed=0)

    assert (len(photos), photos.num_batches) == (0, 0)
    assert list(photos.epoch(0)) == list(photos.in_order()) == []
    fitted = fit_image_categorizer(
        TinyBackbone(), photos, ("background",), epochs=1, learning_rate=0.1, seed=0,
        freeze_backbone=False,
    )  # fmt: skip
    assert fitted.predict(torch.zeros(1, 3, 16, 16)).tolist() == [[1.0]]
