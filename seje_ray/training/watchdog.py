"""Tells where a training hangs: the stacks of all threads, when no step has ended for long."""

import faulthandler
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self


class Watchdog:
    """Watches for signs of life while it is entered; it reports and never ends anything.

    A thread writes the stacks, so it is silent where something holds Python's lock for ever;
    collectives, decoding and torch's own work do not.

    Args:
        path: File to which each report appends the stacks of all threads.
        interval_s: Seconds without a sign of life before a report, and between reports.
        tell: Gets one line per report.
    """

    def __init__(self, path: Path, interval_s: float, tell: Callable[[str], None]) -> None:
        self._path, self._interval_s, self._tell = path, interval_s, tell
        self._last, self._where = time.monotonic(), "the start"
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True, name="watchdog")

    def __enter__(self) -> Self:
        self.beat("the start")
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join()

    def beat(self, where: str) -> None:
        """Give a sign of life; ``where`` is named if it is the last one."""
        self._where = where
        self._last = time.monotonic()

    def _watch(self) -> None:
        told = self._last
        while not self._stop.wait(self._time_left(told)):
            if self._time_left(told) == 0:
                told = time.monotonic()
                self._report(told - self._last)

    def _time_left(self, told: float) -> float:
        """Seconds to the next report, unless there is a sign of life before."""
        return max(0.0, max(self._last, told) + self._interval_s - time.monotonic())

    def _report(self, silence_s: float) -> None:
        lasted = f"{silence_s / 60:.0f} minutes" if silence_s >= 120 else f"{silence_s:.1f} seconds"
        with self._path.open("a", encoding="utf-8") as file:
            file.write(f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC: {lasted} since {self._where}\n")
            file.flush()
            faulthandler.dump_traceback(file, all_threads=True)
            file.write("\n")
        self._tell(f"no step has ended for {lasted}, since {self._where}; stacks: {self._path}")


@contextmanager
def watched(
    path: Path, minutes: float | None, tell: Callable[[str], None]
) -> Iterator[Callable[[str], None]]:
    """Within: a ``Watchdog``, whose ``beat`` is given; None as ``minutes`` turns it off."""
    if minutes is None:
        yield unwatched
        return
    with Watchdog(path, 60 * minutes, tell) as dog:
        yield dog.beat


def unwatched(where: str) -> None:
    """Ignore a sign of life."""
