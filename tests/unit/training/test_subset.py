"""Fewer train pairs: nested draws, the same for any number of workers."""

import numpy as np
import pyarrow.parquet as pq
from hypothesis import given
from hypothesis import strategies as st

from seje_ray.training.pairs import PairLoader
from seje_ray.training.subset import bank_rows, nested_rows
from tests.unit.training.tiny_data import write_shards


def loader(paths, max_pairs, *, rank=0, world_size=1, seed=3):
    return PairLoader(
        paths,
        None,
        global_batch_size=4,
        rank=rank,
        world_size=world_size,
        seed=seed,
        rows=nested_rows(sum(pq.read_metadata(path).num_rows for path in paths), max_pairs, seed),
    )


def ids_of(batches):
    return [recipe for batch in batches for recipe in batch.ids]


@given(st.integers(0, 60), st.integers(1, 70), st.integers(1, 70), st.integers(0, 3))
def test_fewer_rows_are_among_those_of_more(num_rows, few, more, seed):
    """Rising, without repeats, within range, and as many as asked for and there are."""
    few, more = sorted((few, more))
    small, large = nested_rows(num_rows, few, seed), nested_rows(num_rows, more, seed)

    assert len(small) == min(few, num_rows)
    assert np.all(np.diff(small) > 0)
    assert set(small) <= set(large) <= set(range(num_rows))


def test_another_seed_draws_other_rows_and_no_limit_takes_all():
    """Of 100 rows 50 are hardly ever the same ones twice."""
    assert nested_rows(100, 50, 0).tolist() != nested_rows(100, 50, 1).tolist()
    assert nested_rows(5, None, 0).tolist() == [0, 1, 2, 3, 4]


def test_a_training_on_fewer_pairs_sees_these_only(tmp_path):
    """Every epoch the same ten of 21, over shard limits; the rest of a batch of 4 is left out."""
    paths = write_shards(tmp_path, "train", [7, 5, 9])
    everything = ids_of(loader(paths, None).in_order())
    wanted = {everything[row] for row in nested_rows(21, 10, 3)}
    some = loader(paths, 10)

    assert (some.num_rows, some.num_steps) == (10, 2)
    assert set(ids_of(some.in_order())) == wanted
    assert ids_of(some.in_order(max_pairs=3)) == ids_of(some.in_order())[:3]
    for epoch in range(3):
        seen = ids_of(some.epoch(epoch))
        assert len(set(seen)) == len(seen) == 8
        assert set(seen) <= wanted


def test_several_workers_share_the_same_fewer_pairs(tmp_path):
    """Two workers' rows of each step, put together, are those of one worker."""
    paths = write_shards(tmp_path, "train", [7, 5, 9])
    parts = [list(loader(paths, 10, rank=rank, world_size=2).epoch(1)) for rank in range(2)]
    for one, *several in zip(loader(paths, 10).epoch(1), *parts, strict=True):
        assert list(one.ids) == ids_of(several)


def test_a_shard_without_a_drawn_pair_is_passed_over(tmp_path):
    """Two pairs of three shards of one."""
    paths = write_shards(tmp_path, "train", [1, 1, 1])
    assert len(set(ids_of(loader(paths, 2).epoch(0)))) == 2


def test_a_bank_is_spread_over_the_pairs_that_are_used(monkeypatch):
    """Three of the five of eleven, first, middle and last; all of them where that is few enough."""
    monkeypatch.setattr("seje_ray.training.subset.MAX_BANK", 3)
    used = nested_rows(11, 5, 0)
    assert bank_rows(11, 5, 0).tolist() == used[[0, 2, 4]].tolist()
    assert bank_rows(11, 2, 0).tolist() == nested_rows(11, 2, 0).tolist()
