"""Batches made beside the caller while it computes."""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import TypeVar

Batch = TypeVar("Batch")
Begin = Callable[[int, Executor], Callable[[], Batch]]


def prefetched(
    numbers: range, begin: Begin[Batch], new_pool: Callable[[], Executor]
) -> Iterator[Batch]:
    """Batches in order; each is begun before the one before is finished, so the pool is not idle.

    While the caller has one, the next is finished, and the pool is at the one after.

    Args:
        numbers: Of the batches.
        begin: Called in order by one thread: gives a batch's work to a pool, and returns what
            waits for it and makes the batch, which the same thread calls.
        new_pool: Begins the pool, which is shut down at the end.
    """
    pool, ahead = new_pool(), ThreadPoolExecutor(1)
    begun: deque[Future[Callable[[], Batch]]] = deque()
    finished: deque[Future[Batch]] = deque()

    def finish() -> None:
        own = begun.popleft()
        finished.append(ahead.submit(lambda: own.result()()))

    try:
        for number in numbers:
            begun.append(ahead.submit(begin, number, pool))
            if len(begun) == 2:
                finish()
            if len(finished) == 2:
                yield finished.popleft().result()
        while begun:
            finish()
        while finished:
            yield finished.popleft().result()
    finally:  # of a caller that stops early, too: what is left is not made
        for executor in (ahead, pool):
            executor.shutdown(wait=False, cancel_futures=True)
        for executor in (ahead, pool):
            executor.shutdown()
