"""Times of an epoch: what is measured, and a file with one line per epoch."""

import time

import pytest
import torch

from seje_ray.training.timing import EpochClock, note_timings, read_timings

CPU = torch.device("cpu")


def slow(num, seconds):
    for n in range(num):
        time.sleep(seconds)
        yield n


def test_the_share_of_waiting_is_what_the_loader_takes():
    """Three batches that let wait and a step that does not: nearly all; and the other way."""
    waits, works = EpochClock(), EpochClock()
    assert list(waits.waiting(slow(3, 0.03))) == [0, 1, 2]
    for _ in works.waiting(range(3)):
        time.sleep(0.03)

    first, second = (
        clock.timings(global_batch_size=8, num_workers=1, device=CPU) for clock in (waits, works)
    )

    assert first["data_wait_share"] > 0.5 > second["data_wait_share"] >= 0
    assert first["steps"] == second["steps"] == 3
    for found in (first, second):
        assert found["train_s"] >= 0.09
        assert found["pairs_per_s"] == pytest.approx(24 / found["train_s"])
        assert found["pairs_per_s_per_worker"] == found["pairs_per_s"]


def test_an_epoch_of_which_no_step_is_left_has_no_speed():
    """Resumed after its last checkpoint: nothing to divide by."""
    clock = EpochClock()
    assert list(clock.waiting([])) == []
    found = clock.timings(global_batch_size=8, num_workers=1, device=CPU)
    assert (found["steps"], found["pairs_per_s"]) == (0, 0)


def test_an_epoch_that_is_done_again_replaces_its_line_and_later_ones(tmp_path):
    """After a kill Ray may not have noted the last epoch."""
    assert read_timings(tmp_path) == []
    for epoch, train_s in ((1, 1.0), (2, 2.0), (3, 3.0), (2, 4.0)):
        note_timings(tmp_path, epoch, {"train_s": train_s})

    assert read_timings(tmp_path) == [{"epoch": 1, "train_s": 1}, {"epoch": 2, "train_s": 4}]
