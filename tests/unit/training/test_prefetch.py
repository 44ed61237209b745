"""Batches that threads make ahead of their caller."""

import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from seje_ray.training.prefetch import prefetched

TWO_THREADS = partial(ThreadPoolExecutor, 2)


class Kitchen:
    """Begins and finishes numbers, and notes which."""

    def __init__(self, spoiled=None):
        self.begun, self.finished, self.spoiled = [], [], spoiled

    def begin(self, number, pool):
        self.begun.append(number)
        task = pool.submit(self.work, number)

        def finish():
            self.finished.append(number)
            return task.result()

        return finish

    def work(self, number):
        if number == self.spoiled:
            raise ValueError(f"number {number}")
        return number * number


@pytest.mark.parametrize("count", [0, 1, 2, 3, 9])
@pytest.mark.parametrize("num_threads", [1, 3])
def test_all_come_in_order(count, num_threads):
    """Each is begun once and finished once, by rising number."""
    kitchen = Kitchen()
    numbers = range(4, 4 + count)

    made = prefetched(numbers, kitchen.begin, partial(ThreadPoolExecutor, num_threads))
    assert list(made) == [n * n for n in numbers]
    assert kitchen.begun == kitchen.finished == list(numbers)


def test_at_most_two_are_made_ahead():
    """While the caller has number k, nothing after k + 2 is begun: memory has a bound."""
    kitchen = Kitchen()
    for k, _ in enumerate(prefetched(range(8), kitchen.begin, TWO_THREADS)):
        assert max(kitchen.begun) <= k + 2
        assert max(kitchen.finished) <= k + 1


def test_what_goes_wrong_comes_at_its_own_number():
    """Those before it are given; no thread is left."""
    before = set(threading.enumerate())
    batches = prefetched(range(6), Kitchen(spoiled=3).begin, TWO_THREADS)

    assert [next(batches) for _ in range(3)] == [0, 1, 4]
    with pytest.raises(ValueError, match="number 3"):
        next(batches)
    assert set(threading.enumerate()) <= before


def test_a_caller_that_stops_early_leaves_no_thread():
    before = set(threading.enumerate())
    kitchen = Kitchen()
    batches = prefetched(range(100), kitchen.begin, TWO_THREADS)
    next(batches)
    batches.close()

    assert set(threading.enumerate()) <= before
    assert max(kitchen.begun) <= 2
