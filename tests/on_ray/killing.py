"""Start a ``seje-ray`` command and end it, or its workers, as a power cut would."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile

import psutil

PATIENCE_S = 300.0
WORKER = b"ray::RayTrainWorker"  # the name that Ray gives a training process


class Command:
    """A running command, the driver of its own local Ray; all of it ends with the block."""

    def __init__(self, arguments: Sequence[str], errors: Path | None = None) -> None:
        """Start it; what it says on stderr goes into a file, or nowhere."""
        self._errors = Path(errors or os.devnull)
        with self._errors.open("wb") as stderr:
            self._driver = subprocess.Popen(
                [sys.executable, "-m", "seje_ray", *arguments],
                stdout=subprocess.DEVNULL,
                stderr=stderr,
                start_new_session=True,
            )

    def __enter__(self) -> "Command":
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def wait_until(self, is_reached: Callable[[], object]) -> None:
        """Wait for a condition that must come true while the command runs."""
        started = time.monotonic()
        while not is_reached():
            is_running = self._driver.poll() is None
            assert is_running, f"it ended before it could be killed: {self._errors.read_text()}"
            assert time.monotonic() - started < PATIENCE_S, "the command never got so far"
            time.sleep(0.02)

    def workers(self) -> list[int]:
        """Its training processes."""
        return [pid for pid in _descendants(self._driver.pid) if _name(pid).startswith(WORKER)]

    def started(self) -> list[psutil.Process]:
        """All that it started, and what that started."""
        return psutil.Process(self._driver.pid).children(recursive=True)

    def called(self, name: str) -> list[psutil.Process]:
        """Those of them whose name begins so."""
        found = []
        for process in self.started():
            with suppress(psutil.NoSuchProcess):
                if process.name().startswith(name):
                    found.append(process)
        return found

    def ended(self) -> int:
        """Its exit code, once it has ended by itself."""
        return self._driver.wait(PATIENCE_S)

    def end(self, *, orphans_s: float = 0.0) -> None:
        """SIGKILL the command, and after ``orphans_s`` seconds all that it started."""
        children = _descendants(self._driver.pid)
        kill(self._driver.pid)
        time.sleep(orphans_s)
        for pid in children:
            kill(pid)
        self._driver.wait()


def run_until(
    arguments: Sequence[str], is_reached: Callable[[], bool], *, orphans_s: float = 0.0
) -> None:
    """Run the command until the condition holds, then SIGKILL it and all that it started.

    What it started gets ``orphans_s`` seconds to find out by itself.
    """
    with NamedTemporaryFile() as errors, Command(arguments, Path(errors.name)) as command:
        command.wait_until(is_reached)
        command.end(orphans_s=orphans_s)


def kill(pid: int) -> None:
    """SIGKILL a process that may be gone."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def _name(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


def _descendants(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children")
    try:
        own = [int(child) for child in children.read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []
    return [*own, *(found for child in own for found in _descendants(child))]
