"""Orders of an epoch: windows against the loop that drew them, and which order a training has."""

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seje_ray.random_streams import Stream, generator
from seje_ray.training.epoch_order import epoch_order, order_kind

SEED = 3


def order_of(kind, counts, batch_size, window, epoch=0):
    return epoch_order(kind, counts, batch_size=batch_size, window=window, seed=SEED, epoch=epoch)


def steps_of(order, num_steps, batch_size):
    return [order.step(step, range(batch_size)) for step in range(num_steps)]


def windows_twin(counts, window, epoch):
    """One generator draws the shards, then the rows of each window; all pairs, one by one."""
    draws = generator(Stream.PAIR_ORDER, SEED, epoch)
    shards = draws.permutation(len(counts)).tolist()
    while shards:
        own, shards = shards[:window], shards[window:]
        rows = [(n, row) for n in own for row in range(counts[n])]
        yield from (rows[position] for position in draws.permutation(len(rows)))


@given(
    counts=st.lists(st.integers(0, 6), min_size=1, max_size=9).filter(any),
    batch_size=st.integers(1, 8),
    window=st.integers(1, 10),
    epoch=st.integers(0, 3),
)
def test_windows_are_drawn_as_ever(counts, batch_size, window, epoch):
    """A checkpoint of an older version goes on where it stood: the same pairs in each step."""
    size = min(batch_size, sum(counts))
    pairs = list(windows_twin(counts, window, epoch))
    num_steps = len(pairs) // size
    order = order_of("windows", counts, size, window, epoch)

    found = steps_of(order, num_steps, size)
    assert [pair for step in found for pair in step] == pairs[: num_steps * size]
    assert [set(order.shards(step, range(size))) for step in range(num_steps)] == [
        {shard for shard, _ in step} for step in found
    ]
    if num_steps > 1 and size > 2:
        assert order.step(1, range(1, size - 1)) == found[1][1:-1]


@pytest.mark.parametrize("num_shards", [1, 31, 32])
def test_what_one_window_holds_is_shuffled_as_a_whole(num_shards):
    """A plain permutation of all rows: any two of them can meet."""
    assert order_kind(num_shards, 32) == "windows"
    counts = [4] * num_shards
    [found] = steps_of(order_of("windows", counts, 4 * num_shards, 32), 1, 4 * num_shards)
    assert sorted(found) == [(n, row) for n in range(num_shards) for row in range(4)]


def test_more_shards_than_a_window_come_in_lanes():
    assert order_kind(33, 32) == "lanes"


def mates(steps):
    """For each pair of each step, how many others of its step are of its shard."""
    return [
        n - 1
        for step in steps
        for n in Counter(shard for shard, _ in step).values()
        for _ in range(n)
    ]


@pytest.mark.parametrize("num_shards", [17, 40, 160])
def test_lanes_mix_no_less_than_windows(num_shards):
    """Of 64 rows a shard, batches of 48 in 16 lanes: 3 of each lane, two lanes of a shard at most.

    So a pair has at most 5 of its own shard beside it, and on average no more than in windows,
    whose last one may hold a single shard.
    """
    counts, size, window = [64] * num_shards, 48, 16
    num_steps = sum(counts) // size
    lanes, windows = (
        mates(steps_of(order_of(kind, counts, size, window), num_steps, size))
        for kind in ("lanes", "windows")
    )

    assert max(lanes) <= 5 < max(windows)
    assert np.mean(lanes) <= np.mean(windows)


def test_a_lane_goes_through_a_shard_in_a_random_order():
    """Not in that of the file, whose neighbours may be alike: rows lie (64 + 1) / 3 apart."""
    counts = [64] * 40
    steps = steps_of(order_of("lanes", counts, 48, 16), 53, 48)

    pairs = [pair for step in steps for pair in pairwise(step)]
    distances = [abs(a - b) for (one, a), (other, b) in pairs if one == other]
    assert 20 < np.mean(distances) < 23
