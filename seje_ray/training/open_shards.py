"""Shards in memory."""

from collections import OrderedDict
from collections.abc import Callable, Iterable

from seje_ray.training.shard import Shard


class OpenShards:
    """Shards that are in use, and of others that were, the latest.

    Args:
        read: Reads the shard of a number.
    """

    def __init__(self, read: Callable[[int], Shard]) -> None:
        self._read = read
        self._shards: OrderedDict[int, Shard] = OrderedDict()  # the latest last

    def __len__(self) -> int:
        return len(self._shards)

    def take(self, numbers: Iterable[int], num_kept: int) -> dict[int, Shard]:
        """Shards by number: these are in use now, and those that were before are no longer.

        Args:
            numbers: Of shards.
            num_kept: As many stay in memory even if not all of them are in use.
        """
        wanted = list(dict.fromkeys(numbers))
        for number in wanted:
            if number in self._shards:
                self._shards.move_to_end(number)
        known = [number for number in wanted if number in self._shards]
        num_spare = max(num_kept, len(wanted)) - len(wanted)
        while len(self._shards) - len(known) > num_spare:  # before others are read
            self._shards.popitem(last=False)
        for number in wanted:
            if number not in self._shards:
                self._shards[number] = self._read(number)
        return {number: self._shards[number] for number in wanted}
