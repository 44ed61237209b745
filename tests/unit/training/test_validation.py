"""Val pairs are shared among workers and come back in their order."""

import pytest

from seje_ray.training.pairs import PairLoader
from tests.unit.training.tiny_data import write_shards


@pytest.mark.parametrize("num_workers", [1, 2, 3, 9])
@pytest.mark.parametrize("max_pairs", [None, 10, 2])
def test_rows_of_workers_in_rank_order_are_those_of_the_files(tmp_path, num_workers, max_pairs):
    """Whatever the number of workers; with nine, some have no batch."""
    paths = write_shards(tmp_path, "val", [7, 5, 9])

    def ids(rank, world_size):
        loader = PairLoader(
            paths, None, global_batch_size=4, rank=rank, world_size=world_size, seed=0
        )
        return [recipe for batch in loader.in_order(max_pairs) for recipe in batch.ids]

    gathered = [r for rank in range(num_workers) for r in ids(rank, num_workers)]
    assert gathered == ids(0, 1)
    assert len(gathered) == (max_pairs or 21)
