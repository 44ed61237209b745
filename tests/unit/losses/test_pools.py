import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from seje_ray.losses.distances import pairwise_distances
from seje_ray.losses.pools import MiningPools, pool_bounds


def pools_of(num_candidates, mining_pool, first=0, last=None):
    own = range(first, num_candidates if last is None else last)
    return MiningPools.of(own, num_candidates, mining_pool)


@pytest.mark.parametrize(
    ("num_candidates", "pool", "bounds"),
    [
        (10, None, [0, 10]),
        (10, 10, [0, 10]),
        (10, 9, [0, 5, 10]),
        (10, 4, [0, 3, 6, 10]),  # three pools are needed; thirds of 10, rounded down
        (4, 3, [0, 2, 4]),
        (2, 3, [0, 2]),
    ],
)
def test_bounds_by_hand(num_candidates, pool, bounds):
    assert pool_bounds(num_candidates, pool) == bounds


@given(num_candidates=st.integers(2, 5000), pool=st.integers(3, 5000))
def test_pools_are_nearly_equal_as_few_as_can_be_and_never_lonely(num_candidates, pool):
    bounds = pool_bounds(num_candidates, pool)

    sizes = [stop - start for start, stop in itertools.pairwise(bounds)]
    assert (bounds[0], bounds[-1]) == (0, num_candidates)
    assert max(sizes) <= pool
    assert max(sizes) - min(sizes) <= 1
    assert min(sizes) >= 2
    assert (len(sizes) - 1) * pool < num_candidates


def test_a_pool_that_could_leave_one_row_alone_is_refused():
    """Of an odd batch, pools of two would leave one recipe without a negative."""
    with pytest.raises(ValueError, match="at least 3 rows, got 2"):
        pool_bounds(5, 2)


def test_columns_of_a_worker_inside_two_pools_by_hand():
    """Pools 0-2, 3-5 and 6-9; the worker holds 4 to 7, that is two rows of each of two pools."""
    pools = pools_of(10, 4, 4, 8)

    assert pools.is_own.int().tolist() == [[0, 1, 0, 0], [0, 0, 1, 0], [1, 0, 0, 0], [0, 1, 0, 0]]
    assert pools.is_padding.int().tolist() == [[0, 0, 0, 1]] * 2 + [[0, 0, 0, 0]] * 2
    assert torch.equal(pools.excluded, pools.is_own | pools.is_padding)
    assert pools.rows(torch.tensor([0, 2, 0, 3])).tolist() == [3, 5, 6, 9]
    assert (
        pools.values(torch.arange(10) * 10)[:, :3].tolist()
        == [[30, 40, 50]] * 2 + [[60, 70, 80]] * 2
    )
    distances = pools.compare(
        pairwise_distances, torch.arange(4.0, 8)[:, None], torch.arange(10.0)[:, None]
    )
    assert distances[0, :3].tolist() == [1, 0, 1]  # 4 from 3, 4 and 5
    assert distances[3].tolist() == [1, 0, 1, 2]  # 7 from 6, 7, 8 and 9
    assert pools.own(distances).tolist() == [0, 0, 0, 0]


@given(
    num_candidates=st.integers(2, 40),
    pool=st.one_of(st.none(), st.integers(3, 45)),
    data=st.data(),
)
def test_every_anchor_sees_its_pool_and_no_more(num_candidates, pool, data):
    first = data.draw(st.integers(0, num_candidates - 1))
    last = data.draw(st.integers(first + 1, num_candidates))
    pools = pools_of(num_candidates, pool, first, last)
    numbers = torch.arange(float(num_candidates))[:, None]
    bounds = pool_bounds(num_candidates, pool)

    distances = pools.compare(pairwise_distances, numbers[first:last], numbers)
    values = pools.values(torch.arange(num_candidates)).expand(distances.shape)

    for i, row in enumerate(range(first, last)):
        (start,) = [a for a, b in itertools.pairwise(bounds) if a <= row < b]
        stop = bounds[bounds.index(start) + 1]
        here = ~pools.is_padding[i]
        assert values[i][here].tolist() == list(range(start, stop))
        assert distances[i][here].tolist() == [abs(row - n) for n in range(start, stop)]
        assert values[i][pools.is_own[i]].tolist() == [row]
        assert pools.rows(pools.own_columns)[i] == row


def test_what_is_held_does_not_grow_with_the_global_batch():
    """100 anchors that begin and end inside pools, among 100 and among 100,000 candidates."""
    pools = pools_of(100_000, 100, 5_050, 5_150)

    assert pools.is_own.shape == (100, 100)
    assert pools.pool_anchors.shape == (2, 50)
    assert pools.pool_candidates.shape == (2, 100)


def test_in_one_pool_nothing_is_copied():
    rows = torch.arange(10.0)[:, None]

    def seen(anchors, candidates):
        assert anchors.data_ptr() == rows[3:5].data_ptr()
        assert candidates.data_ptr() == rows[3:].data_ptr()
        return pairwise_distances(anchors, candidates)

    pools_of(10, 4, 3, 5).compare(seen, rows[3:5], rows)
