"""Shards in memory: read once while they are in use, and kept as far as there is room."""

from seje_ray.training.open_shards import OpenShards


def shards_of():
    read = []

    def opened(number):
        read.append(number)
        return f"shard {number}"

    return OpenShards(opened), read


def test_what_is_in_use_stays_and_all_else_goes():
    """By hand: nothing is kept beside what is asked for."""
    shards, read = shards_of()

    assert shards.take([4, 2, 4], 0) == {4: "shard 4", 2: "shard 2"}
    assert list(shards.take([2, 3], 0)) == [2, 3]
    shards.take([4], 0)
    assert read == [4, 2, 3, 4]


def test_the_latest_are_kept():
    """With room for three: 1 goes when 4 comes, since 2 and 3 were in use after it."""
    shards, read = shards_of()
    for number in (1, 2, 3, 2, 4, 3, 2):
        shards.take([number], 3)
    assert read == [1, 2, 3, 4]
    shards.take([1], 3)
    assert read[-1] == 1


def test_what_is_in_use_may_be_more_than_what_is_kept():
    """None of them goes for another of them."""
    shards, read = shards_of()
    for _ in range(2):
        assert list(shards.take([1, 2, 3, 4], 2)) == [1, 2, 3, 4]
    assert read == [1, 2, 3, 4]


def test_room_is_made_before_a_shard_is_read():
    """Memory never holds one more."""
    held = []
    shards = OpenShards(lambda number: held.append(len(shards)))
    for number in range(5):
        shards.take([number], 2)
    assert max(held) == 1
