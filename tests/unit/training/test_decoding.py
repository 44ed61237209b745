"""Photos decoded by threads and in other processes: the same pixels, in the same order."""

import io
import multiprocessing
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from itertools import chain

import numpy as np
import pytest
from PIL import Image, UnidentifiedImageError

from seje_ray.recipe1m.pixels import PixelSpec
from seje_ray.training.decoding import PHOTOS_PER_TASK, Decoders, decoded
from seje_ray.training.pairs import PairLoader
from tests.unit.training.tiny_data import write_shards

CROP, WHOLE = PixelSpec(40, 32), PixelSpec(40, 32, "bicubic", whole_size=(64, 32))


class LentProcesses(ProcessPoolExecutor):
    """Somewhere else, which outlives the loaders that it is lent to: to start it takes seconds."""

    def shutdown(self, wait=True, *, cancel_futures=False):
        """Stay."""

    def end(self):
        super().shutdown()


@pytest.fixture(scope="module")
def elsewhere():
    process = LentProcesses(1, mp_context=multiprocessing.get_context("spawn"))
    yield process
    process.end()


def photos(count, *, drawn=True):
    """Noise, each with a generator that has drawn before."""
    found = []
    for number in range(count):
        generator = np.random.default_rng(number)
        buffer = io.BytesIO()
        pixels = generator.integers(0, 255, (48, 60, 3), np.uint8)
        Image.fromarray(pixels).save(buffer, "JPEG")
        found.append((buffer.getvalue(), generator if drawn else None))
    return found


@pytest.mark.parametrize("spec", [CROP, WHOLE], ids=["crop", "whole"])
@pytest.mark.parametrize("augmentation", ["crop_flip", "rand_augment", "trivial"])
@pytest.mark.parametrize("drawn", [True, False])
def test_a_batch_is_the_same_wherever_it_is_decoded(elsewhere, spec, augmentation, drawn):
    """Of several tasks, the last one short; and as one photo after another gives it."""
    count = 2 * PHOTOS_PER_TASK + 3
    here = Decoders(spec, augmentation, 2)
    there = Decoders(spec, augmentation, 2, lambda: elsewhere)
    with ThreadPoolExecutor(2) as threads:
        by_threads = here.begin(photos(count, drawn=drawn), threads)()
    by_others = there.begin(photos(count, drawn=drawn), elsewhere)()

    assert by_threads.equal(by_others)
    alone = [decoded(spec, augmentation, photo)[0] for photo in photos(count, drawn=drawn)]
    np.testing.assert_array_equal(by_threads.permute(0, 2, 3, 1), alone)
    assert len(by_threads.unique(dim=0)) == count


def test_batches_of_a_loader_are_the_same(elsewhere, tmp_path):
    """An epoch and a validation, of the second of two workers."""
    shards = write_shards(tmp_path, "train", [30, 25, 29])

    def batches(executor):
        loader = PairLoader(
            shards, PixelSpec(20, 16), global_batch_size=40, rank=1, world_size=2, seed=3,
            augmentation="rand_augment", elsewhere=executor,
        )  # fmt: skip
        return list(chain(loader.epoch(0), loader.in_order()))

    here, there = batches(None), batches(lambda: elsewhere)
    assert [len(batch.ids) for batch in here] == [20, 20, 40, 4]
    for one, other in zip(here, there, strict=True):
        assert one.ids == other.ids
        assert one.images.equal(other.images)


def test_what_goes_wrong_elsewhere_is_raised_here(elsewhere):
    """By the batch that waits for it."""
    decoders = Decoders(CROP, "crop_flip", 2, lambda: elsewhere)
    finished = decoders.begin([(b"no photo", None)], elsewhere)
    with pytest.raises(UnidentifiedImageError):
        finished()


def test_no_photos_make_an_empty_batch(elsewhere):
    decoders = Decoders(CROP, "crop_flip", 2, lambda: elsewhere)
    assert decoders.begin([], elsewhere)().shape == (0, 3, 32, 32)
