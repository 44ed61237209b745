"""Start a ``seje-ray`` command and end it as a power cut would."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

PATIENCE_S = 300.0


def run_until(
    arguments: Sequence[str], is_reached: Callable[[], bool], *, orphans_s: float = 0.0
) -> None:
    """Run the command until the condition holds, then SIGKILL it and all that it started.

    What it started gets ``orphans_s`` seconds to find out by itself.
    """
    driver = subprocess.Popen(
        [sys.executable, "-m", "seje_ray", *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    started = time.monotonic()
    try:
        while not is_reached():
            assert driver.poll() is None, "the command ended before it could be killed"
            assert time.monotonic() - started < PATIENCE_S, "the command never got so far"
            time.sleep(0.02)
    finally:
        processes = [driver.pid, *_descendants(driver.pid)]
        _kill(driver.pid)
        time.sleep(orphans_s)
        for pid in processes:
            _kill(pid)
        driver.wait()


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def _descendants(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children")
    try:
        own = [int(child) for child in children.read_text().split()]
    except FileNotFoundError:
        return []
    return [*own, *(found for child in own for found in _descendants(child))]
