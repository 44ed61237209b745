"""Nothing of an embedded Ray outlives the command that started it.

A process of its own waits for the command's end, however it comes, and ends what is left of the
session then. It runs this file, without Ray: ``python -I -S guardian.py SESSION_FOLDER``, and
knows by its stdin that the command has ended.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple

GRACE_S = 3.0  # in which processes end by themselves
END_S = 8.0  # after which nothing more is looked for
POLL_S = 0.2
RAY = b"/ray/"  # in the words of Ray's programs
OUTPUTS = ("fd/1", "fd/2")  # Ray's processes write into files of their session


@contextmanager
def guarded(session: str) -> Iterator[None]:
    """End the processes of the session in the folder ``session`` when this process has ended.

    At the end of the block what is left ends, too.
    """
    command = [sys.executable, "-I", "-S", __file__, session]
    guardian = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C is for the command
    )
    try:
        yield
    finally:
        assert guardian.stdin is not None
        guardian.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            guardian.wait(END_S + GRACE_S)


def end_session(session: str, grace_s: float = GRACE_S) -> None:
    """Let the processes of a session end within ``grace_s``, then kill those that are left.

    With them go those that they have started, which may not tell whose they are: Ray's agents
    write into pipes, and outlive a raylet that is killed by minutes.
    """
    began = time.monotonic()
    known: dict[int, int] = {}  # process -> its start, so that a later one of its number is spared
    while True:
        known |= _with_descendants(processes_of(session))
        left = [pid for pid, start in known.items() if (now := _life(pid)) and now.start == start]
        waited = time.monotonic() - began
        if not left or waited > END_S:
            return
        if waited >= grace_s:
            for pid in left:
                with suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)
        time.sleep(POLL_S)


def processes_of(session: str) -> list[int]:
    """Processes of this user that Ray started for a session, by their words or their output.

    Args:
        session: Its folder, absolute; a reader of its logs is none of it.
    """
    if not os.path.isabs(session) or os.path.dirname(session) == session:
        raise ValueError(f"expected the folder of a session, got {session!r}")
    if not os.path.isdir("/proc"):
        return []
    return [pid for pid in _pids() if pid != os.getpid() and _is_of(pid, session)]


class _Life(NamedTuple):
    """What the system says of a process that has not ended."""

    parent: int
    start: int  # clock ticks since the machine's


def _pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def _life(pid: int) -> _Life | None:
    """None where it has ended."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            words = file.read().rpartition(b")")[2].split()  # a name may hold anything
    except OSError:
        return None
    return None if words[0] in (b"Z", b"X") else _Life(int(words[1]), int(words[19]))


def _with_descendants(pids: list[int]) -> dict[int, int]:
    """Start of processes, and of all that they have started; without this one."""
    if not pids:
        return {}
    alive = {pid: life for pid in _pids() if pid != os.getpid() and (life := _life(pid))}
    found: dict[int, int] = {}
    fresh = {pid for pid in pids if pid in alive}
    while fresh:
        found |= {pid: alive[pid].start for pid in fresh}
        fresh = {pid for pid, life in alive.items() if life.parent in fresh and pid not in found}
    return found


def _is_of(pid: int, session: str) -> bool:
    folder = f"/proc/{pid}"
    try:
        if _life(pid) is None:
            return False
        with open(f"{folder}/cmdline", "rb") as file:
            words = file.read()
        if __file__.encode() in words:  # its guardian
            return False
        if session.encode() in words and RAY in words.replace(session.encode(), b""):
            return True
        return any(os.readlink(f"{folder}/{name}").startswith(session) for name in OUTPUTS)
    except OSError:  # ended meanwhile, or another user's
        return False


if __name__ == "__main__":
    sys.stdin.buffer.read()
    end_session(sys.argv[1])
