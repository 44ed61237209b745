"""Progress of work that runs elsewhere: an actor that workers report to and the driver asks."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import ray
from ray.exceptions import RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from seje_ray.console.progress import Bars
from seje_ray.console.report import Report
from seje_ray.errors import SejeError

POLL_S = 0.3


@ray.remote(num_cpus=0)
class ProgressBoard:
    """Keeps the latest report of every reporter."""

    def __init__(self) -> None:
        self._latest: dict[str, tuple[int, int | None, str]] = {}
        self._warnings: list[str] = []
        self._refusal: SejeError | None = None

    def tell(self, name: str, done: int, total: int | None, text: str) -> None:
        """Note the progress of ``name``."""
        self._latest[name] = (done, total, text)

    def latest(self) -> dict[str, tuple[int, int | None, str]]:
        """All that was reported so far."""
        return self._latest

    def warn(self, text: str) -> None:
        """Note a line for the driver to write."""
        self._warnings.append(text)

    def refuse(self, error: SejeError) -> None:
        """Note why a group cannot do its work, however often it is started again."""
        self._refusal = self._refusal or error

    def refusal(self) -> SejeError | None:
        """What was noted first, or None."""
        return self._refusal

    def new_warnings(self) -> list[str]:
        """Lines that were not asked for yet."""
        told, self._warnings = self._warnings, []
        return told


def new_board() -> Any:
    """Start a ``ProgressBoard`` beside this driver, which no other node takes with it."""
    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    return ProgressBoard.options(scheduling_strategy=here).remote()  # type: ignore[attr-defined]


def reporter(board: Any, name: str) -> Report:
    """Return a function that reports to ``board``, at most every ``POLL_S`` seconds."""
    last = 0.0

    def report(done: int, total: int | None = None, text: str = "") -> None:
        nonlocal last
        if (total is not None and done >= total) or time.monotonic() - last >= POLL_S:
            last = time.monotonic()
            board.tell.remote(name, done, total, text)

    return report


@contextmanager
def drawn(board: Any, unit: str) -> Iterator[None]:
    """Draw a bar for each reporter of the board, in a thread, while the caller waits for Ray."""
    with Bars() as bars:
        reports: dict[str, Report] = {}
        try:
            with repeated(lambda: _draw(board, bars, reports, unit), POLL_S):
                yield
        finally:
            _draw(board, bars, reports, unit)


@contextmanager
def repeated(function: Callable[[], object], every_s: float) -> Iterator[None]:
    """Call a function in a thread, every so many seconds, while the caller waits for Ray."""
    stop = threading.Event()

    def repeat() -> None:
        while not stop.wait(every_s):
            function()

    thread = threading.Thread(target=repeat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _draw(board: Any, bars: Bars, reports: dict[str, Report], unit: str) -> None:
    """Show the board's latest reports."""
    try:
        latest, warnings = ray.get([board.latest.remote(), board.new_warnings.remote()])
    except RayError:  # Ray is stopping
        return
    for line in warnings:
        bars.say(f"warning: {line}")
    for name, (done, total, text) in latest.items():
        if name not in reports:
            reports[name] = bars.bar(name, unit, total, done)
        reports[name](done, total, text)
