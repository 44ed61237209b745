"""Shards of a store that are brought before they are read."""

from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType

from seje_ray.store.mirror import is_mirrored
from seje_ray.store.objects import NUM_THREADS


class ShardsAhead:
    """Brings the shards of batches to come while those before are computed with.

    Beside the shards of a batch as many are on their way, of the batches after it: where each
    lane of an epoch has one open, about the next one of each. Shards of this machine's disk are
    there already.
    """

    def __init__(
        self,
        shards: Sequence[Path],
        bring: Callable[[Path], object],
        needs: Iterator[Collection[int]],
    ) -> None:
        """Begin with nothing; used as a context, at whose end nothing more is brought.

        Args:
            shards: By their number.
            bring: Called in threads, once for a shard; again where that failed.
            needs: Numbers of the shards of each batch, in the order of the batches.
        """
        self._shards, self._bring = shards, bring
        self._needs = needs if any(map(is_mirrored, shards)) else None
        self._later: deque[Collection[int]] = deque()  # needs that were looked at
        self._asked: dict[int, Future[object]] = {}
        self._unused: set[int] = set()  # asked for, and of later batches alone
        self._threads = ThreadPoolExecutor(NUM_THREADS)

    def __enter__(self) -> "ShardsAhead":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._threads.shutdown(cancel_futures=True)

    def wait_for_next(self) -> None:
        """Wait until the shards of the next batch are here.

        Raises:
            StoreError: If one of them cannot be brought.
        """
        if self._needs is None:
            return
        own = self._later.popleft() if self._later else next(self._needs)
        self._unused.difference_update(own)
        for number in own:
            self._ask(number)
        while len(self._unused) < len(own) and (later := next(self._needs, None)) is not None:
            self._later.append(later)
            self._unused.update(number for number in later if number not in self._asked)
            for number in later:
                self._ask(number)
        for number in own:
            self._asked[number].result()

    def _ask(self, number: int) -> None:
        known = self._asked.get(number)
        if known is None or (known.done() and known.exception() is not None):
            self._asked[number] = self._threads.submit(self._bring, self._shards[number])
