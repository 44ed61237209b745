"""Val pairs are shared among workers and come back in their order."""

import pytest
import torch

from seje_ray.training.pairs import PairLoader
from seje_ray.training.validation import dealt_order
from tests.unit.training.tiny_data import write_shards


def test_whole_batches_are_dealt_in_turn():
    """Seven pairs in batches of two for two workers: batches 0 and 2, then 1 and 3."""
    assert dealt_order(7, 2, 2).tolist() == [0, 1, 4, 5, 2, 3, 6]
    assert dealt_order(7, 2, 1).tolist() == list(range(7))
    assert dealt_order(0, 2, 3).tolist() == []


@pytest.mark.parametrize("num_workers", [1, 2, 3, 9])
@pytest.mark.parametrize("max_pairs", [None, 10, 2])
def test_the_order_is_that_in_which_the_loader_deals(tmp_path, num_workers, max_pairs):
    """Whatever the number of workers, rows go back to where one worker has them."""
    paths = write_shards(tmp_path, "val", [7, 5, 9])

    def ids(rank, world_size):
        loader = PairLoader(
            paths, None, global_batch_size=4, rank=rank, world_size=world_size, seed=0
        )
        return [recipe for batch in loader.in_order(max_pairs) for recipe in batch.ids]

    gathered = [r for rank in range(num_workers) for r in ids(rank, num_workers)]
    restored = [""] * len(gathered)
    for row, recipe in zip(dealt_order(len(gathered), 4, num_workers), gathered, strict=True):
        restored[row] = recipe

    assert restored == ids(0, 1)
    assert torch.equal(dealt_order(len(gathered), 4, 1), torch.arange(len(gathered)))
