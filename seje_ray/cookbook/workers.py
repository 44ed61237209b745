"""Work for one process or several, with results in order."""

import multiprocessing
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from itertools import islice
from typing import TypeVar

Task = TypeVar("Task")
Result = TypeVar("Result")

TASKS_AHEAD = 4  # per process, so that what waits to be taken stays small


def in_order(
    work: Callable[[Task], Result], tasks: Iterable[Task], num_processes: int
) -> Iterator[Result]:
    """Give ``work(task)`` of each task in order, a few ahead of the one that is taken.

    Args:
        work: A function at the top of a module, or a ``partial`` of one.
        tasks: Read as they are needed.
        num_processes: 1 stays in this process.
    """
    if num_processes == 1:
        yield from map(work, tasks)
        return
    rest = iter(tasks)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(num_processes, context, _leave_interrupts_to_the_parent) as pool:
        waiting: deque[Future[Result]] = deque()
        try:
            for task in islice(rest, TASKS_AHEAD * num_processes):
                waiting.append(pool.submit(work, task))
            while waiting:
                result = waiting.popleft().result()
                for task in islice(rest, 1):
                    waiting.append(pool.submit(work, task))
                yield result
        finally:
            pool.shutdown(cancel_futures=True)


def _leave_interrupts_to_the_parent() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
