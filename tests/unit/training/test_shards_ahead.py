"""Shards of a store are asked for before they are read, and not all at once."""

from pathlib import Path
from threading import Event

import pytest

from seje_ray.errors import StoreError
from seje_ray.store.location import mirror_folder
from seje_ray.training.shards_ahead import ShardsAhead

FOLDER = mirror_folder("s3://bucket/path")
SHARDS = [FOLDER / f"train-{number:06d}.parquet" for number in range(9)]


class Store:
    """Notes what is asked for; refuses a shard as often as it is told to."""

    def __init__(self, **refused):
        self.asked, self.refused = [], {int(k[1:]): n for k, n in refused.items()}

    def bring(self, path):
        number = SHARDS.index(path)
        self.asked.append(number)
        if self.refused.get(number, 0):
            self.refused[number] -= 1
            raise StoreError(f"{number} is refused")


def test_as_many_are_on_their_way_as_are_in_use():
    """Two lanes, by hand: the second goes on to its next shard a step before the first."""
    needs = [{0, 1}, {0, 2}, {3, 2}, {3, 4}, {5, 6}]
    store, asked = Store(), []
    with ShardsAhead(SHARDS, store.bring, iter(needs)) as ahead:
        for _ in needs:
            ahead.wait_for_next()
            asked.append(len(ahead._asked))
    assert asked == [4, 5, 7, 7, 7]
    assert sorted(store.asked) == list(range(7))


def test_nothing_is_waited_for_but_the_next_batch():
    """What is on its way for later ones may take as long as it takes."""
    free = Event()

    def bring(path):
        if path != SHARDS[0]:
            free.wait(60)

    with ShardsAhead(SHARDS, bring, iter([[0], [1]])) as ahead:
        ahead.wait_for_next()
        assert not free.is_set()
        free.set()
        ahead.wait_for_next()


def test_what_failed_ahead_is_asked_for_again():
    """A store may be back by the time that a shard is needed; if not, that is the error."""
    store = Store(_1=1, _2=2)
    with ShardsAhead(SHARDS, store.bring, iter([[0], [1], [2]])) as ahead:
        ahead.wait_for_next()
        with pytest.raises(StoreError):
            ahead._asked[1].result()
        ahead.wait_for_next()
        with pytest.raises(StoreError):
            ahead._asked[2].result()
        with pytest.raises(StoreError, match="2 is refused"):
            ahead.wait_for_next()
    assert sorted(store.asked) == [0, 1, 1, 2, 2]


def test_a_disk_is_not_asked():
    """Its files are there."""
    store = Store()
    with ShardsAhead([Path("/data/train-000000.parquet")], store.bring, iter([[0]])) as ahead:
        ahead.wait_for_next()
    assert store.asked == []
