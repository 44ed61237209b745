"""Progress of work that runs elsewhere: an actor that workers tell, a bar that the driver draws."""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import ray
from ray.exceptions import RayError
from tqdm import tqdm

POLL_S = 0.3


class Report(Protocol):
    """What a long piece of work calls now and then."""

    def __call__(self, done: int, total: int, text: str) -> None:
        """Say that ``done`` of ``total`` units are finished, and what is going on."""
        ...


@ray.remote(num_cpus=0)
class ProgressBoard:
    """Keeps the latest word of every reporter."""

    def __init__(self) -> None:
        self._latest: dict[str, tuple[int, int, str]] = {}
        self._warnings: list[str] = []

    def tell(self, name: str, done: int, total: int, text: str) -> None:
        """Note how far ``name`` is."""
        self._latest[name] = (done, total, text)

    def latest(self) -> dict[str, tuple[int, int, str]]:
        """Everything told so far."""
        return self._latest

    def warn(self, text: str) -> None:
        """Note a line for the driver to write."""
        self._warnings.append(text)

    def new_warnings(self) -> list[str]:
        """Lines that were not asked for yet."""
        told, self._warnings = self._warnings, []
        return told


def new_board() -> Any:
    """Start a ``ProgressBoard``."""
    return ProgressBoard.remote()  # type: ignore[attr-defined]


def reporter(board: Any, name: str) -> Report:
    """Return a function that tells ``board``, at most every ``POLL_S`` seconds."""
    last = 0.0

    def report(done: int, total: int, text: str) -> None:
        nonlocal last
        if done >= total or time.monotonic() - last >= POLL_S:
            last = time.monotonic()
            board.tell.remote(name, done, total, text)

    return report


def bar(description: str, total: float, unit: str, done: float = 0) -> "tqdm[Any]":
    """A progress bar on stderr, with the time left at the speed since ``done`` units.

    Where stderr is a file, it is a line now and then.
    """
    shape = tqdm if sys.stderr.isatty() else _Lines
    return shape(
        total=total,
        initial=done,
        desc=f"{description:<22}",
        unit=f" {unit}",
        file=sys.stderr,
        mininterval=0.5 if sys.stderr.isatty() else 5.0,
        dynamic_ncols=True,
        bar_format="{desc} {percentage:3.0f}%|{bar:24}| {n_fmt}/{total_fmt}{unit} "
        "[{elapsed}<{remaining}]{postfix}",
    )


class _Lines(tqdm):  # type: ignore[type-arg]
    """A bar that never goes back in its line, for logs that are read line by line."""

    @staticmethod
    def status_printer(file: Any) -> Any:
        """Print each status in a line of its own."""

        def show(status: str) -> None:
            if status.strip():
                file.write(status.rstrip() + "\n")
                file.flush()

        return show

    def moveto(self, n: int) -> None:
        """Stay: there is no screen to move on."""

    def close(self) -> None:
        """Print the last status, and nothing to wipe it."""
        if not self.disable:
            self.refresh()
            self.sp = None
        super().close()


class Bars:
    """One bar per reporter of a board, drawn by the driver."""

    def __init__(self, board: Any, unit: str) -> None:
        self._board, self._unit = board, unit
        self._bars: dict[str, tqdm[Any]] = {}

    def refresh(self) -> None:
        """Redraw from the board's latest words."""
        try:
            latest, warnings = ray.get(
                [self._board.latest.remote(), self._board.new_warnings.remote()]
            )
        except RayError:  # the board's node is lost, or Ray is stopping; the work goes on
            return
        for line in warnings:
            tqdm.write(f"warning: {line}", file=sys.stderr)
        for name, (done, total, text) in latest.items():
            if name not in self._bars:
                self._bars[name] = bar(name, total, self._unit, done)
            shown = self._bars[name]
            shown.set_postfix_str(text, refresh=False)
            shown.total = total
            shown.update(done - shown.n)

    def close(self) -> None:
        """Leave the bars on the screen as they are."""
        for shown in self._bars.values():
            shown.close()


@contextmanager
def drawn(board: Any, unit: str) -> Iterator[None]:
    """Draw the board's bars in a thread while the caller waits for Ray."""
    bars, stop = Bars(board, unit), threading.Event()

    def draw() -> None:
        while not stop.wait(POLL_S):
            bars.refresh()

    thread = threading.Thread(target=draw, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
        bars.refresh()
        bars.close()
