"""CPU time of this process and all that it started, in any stretch of a run."""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

EVERY_S = 0.5
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


class TreeCpu:
    """What ``watched`` noted; processes that have ended count with what they last had."""

    def __init__(self) -> None:
        self._samples: list[tuple[float, dict[int, float]]] = []

    def note(self) -> None:
        """Take a sample now."""
        self._samples.append((time.time(), _cpu_of_tree(os.getpid())))

    def seconds(self, begun: float, stopped: float) -> float:
        """CPU seconds between two times, each in seconds since the epoch."""
        until, before = self._known(stopped), self._known(begun)
        return sum(cpu - before.get(process, 0.0) for process, cpu in until.items())

    def _known(self, moment: float) -> dict[int, float]:
        """CPU seconds of each process that was seen by ``moment``."""
        known: dict[int, float] = {}
        for taken, cpu in self._samples:
            if taken <= moment:
                known |= cpu
        return known


@contextmanager
def watched() -> Iterator[TreeCpu]:
    """Within: sample the processes every half second."""
    found, stop = TreeCpu(), threading.Event()

    def watch() -> None:
        while not stop.wait(EVERY_S):
            found.note()

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        stop.set()
        thread.join()
        found.note()


def _cpu_of_tree(root: int) -> dict[int, float]:
    """CPU seconds of ``root`` and of its descendants, by process id."""
    parents, cpu = {}, {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rsplit(")", 1)[1].split()
        except OSError:  # it has ended
            continue
        process = int(folder.name)
        parents[process] = int(fields[1])
        cpu[process] = (int(fields[11]) + int(fields[12])) / TICKS_PER_S
    return {process: cpu[process] for process in cpu if _descends(process, root, parents)}


def _descends(process: int, root: int, parents: dict[int, int]) -> bool:
    while process != root and process in parents:
        process = parents[process]
    return process == root
