"""The order of an epoch: against a plain twin, and what a worker has to read for it."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seje_ray.random_streams import Stream, generator
from seje_ray.training.lanes import LaneOrder, own_part

COUNTS = st.lists(st.integers(0, 9), min_size=1, max_size=12).filter(any)
CASES = {
    "counts": COUNTS,
    "batch_size": st.integers(1, 12),
    "num_lanes": st.integers(1, 7),
    "world_size": st.integers(1, 6),
    "epoch": st.integers(0, 3),
}


def order_of(counts, batch_size, num_lanes, epoch, seed=3):
    return LaneOrder(counts, batch_size=batch_size, num_lanes=num_lanes, seed=seed, epoch=epoch)


def twin(counts, batch_size, num_lanes, epoch, seed=3):
    """All pairs in one list, cut into lists of their own, from which each step takes some."""
    shards = generator(Stream.PAIR_ORDER, seed, epoch).permutation(len(counts)).tolist()
    pairs = []
    for n in shards:
        rows = generator(Stream.PAIR_ORDER, seed, epoch, n).permutation(counts[n])
        pairs += [(n, row) for row in rows.tolist()]
    num_steps, num_lanes = len(pairs) // batch_size, min(num_lanes, batch_size)
    lanes = []
    for lane in range(num_lanes):
        width = (lane + 1) * batch_size // num_lanes - lane * batch_size // num_lanes
        own, pairs = pairs[: width * num_steps], pairs[width * num_steps :]
        lanes.append((width, own if lane % 2 == 0 else own[::-1]))
    steps = []
    for _ in range(num_steps):
        steps.append([pair for width, own in lanes for pair in own[:width]])
        lanes = [(width, own[width:]) for width, own in lanes]
    return steps


@given(**CASES)
def test_workers_together_walk_the_plain_order(counts, batch_size, num_lanes, world_size, epoch):
    """Each asks for its own positions of any step alone; what it gets is the twin's."""
    size = min(batch_size, sum(counts))
    expected = twin(counts, size, num_lanes, epoch)
    parts = [own_part(size, rank, world_size) for rank in range(world_size)]

    for step in reversed(range(len(expected))):  # from the last: nothing is walked through
        order = order_of(counts, size, num_lanes, epoch)
        found = [order.step(step, part) for part in parts]
        assert [pair for own in found for pair in own] == expected[step]
        assert [order.shards(step, part) for part in parts] == [
            sorted({shard for shard, _ in own}) for own in found
        ]


@given(**CASES)
def test_a_worker_reads_a_shard_once(counts, batch_size, num_lanes, world_size, epoch):
    """The steps that need a shard follow one another, whatever lanes share it."""
    size = min(batch_size, sum(counts))
    order = order_of(counts, size, num_lanes, epoch)
    for rank in range(world_size):
        steps = {}
        for step in range(sum(counts) // size):
            part = own_part(size, rank, world_size)
            for shard in order.shards(step, part):
                steps.setdefault(shard, []).append(step)
        assert all(b == a + 1 for found in steps.values() for a, b in pairwise(found))


@given(total=st.integers(0, 40), world_size=st.integers(1, 9))
def test_parts_are_as_equal_as_they_can_be(total, world_size):
    """Side by side in rank order, from 0 to the end."""
    parts = [own_part(total, rank, world_size) for rank in range(world_size)]

    assert [n for part in parts for n in part] == list(range(total))
    assert {len(part) for part in parts} <= {total // world_size, -(-total // world_size)}


def test_lanes_by_hand():
    """Six pairs of one shard, two lanes, batches of three: one forth by 1, one back by 2."""
    drawn = generator(Stream.PAIR_ORDER, 3, 0, 0).permutation(6).tolist()
    order = order_of([6], 3, 2, 0)

    found = [[row for _, row in order.step(step, range(3))] for step in range(2)]
    assert found == [[drawn[0], drawn[5], drawn[4]], [drawn[1], drawn[3], drawn[2]]]


@pytest.mark.parametrize("world_size", [1, 2, 4, 8])
def test_workers_hold_about_one_shard_per_lane_and_read_their_share(world_size):
    """Of 128 shards of 10 pairs in 16 lanes, 8 shards each: a step needs one of a lane."""
    order = order_of([10] * 128, 32, 16, 0)
    read = []
    for rank in range(world_size):
        needed = [
            {n for n, _ in order.step(step, own_part(32, rank, world_size))} for step in range(40)
        ]
        assert max(map(len, needed)) <= 16 // world_size
        read.append(set.union(*needed))
    assert [len(shards) for shards in read] == [128 // world_size] * world_size


def test_every_epoch_and_seed_has_an_order_of_its_own():
    """Shards, and the rows within one."""
    orders = [order_of([5] * 4, 20, 4, epoch, seed) for epoch, seed in [(0, 0), (1, 0), (0, 1)]]
    found = [order.step(0, range(20)) for order in orders]

    assert all(sorted(pairs) == sorted(found[0]) for pairs in found)
    assert found[0] != found[1] != found[2] != found[0]
