"""A command whose Ray dies says so in one line and ends, where it would hang or vanish.

Ray's core ends a driver without a word when its raylet dies, and some of Ray's loops wait for ever
for one that is gone. So a thread looks at the processes of an embedded Ray, or at the head of a
cluster and at the raylet by which this command talks to it.
"""

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import click
import psutil
import ray

from seje_ray.lock import release_all
from seje_ray.log import event, log_file
from seje_ray.on_ray.guardian import end_session
from seje_ray.on_ray.ray_internals import (
    dead_parts,
    is_embedded,
    raylet_option,
    session_folder,
)

POLL_S = 0.5  # of Ray's processes on this machine: sooner than Ray's core ends the command
HEAD_POLL_S = 5.0  # of a cluster's head
LOST_S = 45.0  # without an answer of a cluster's head
NODES_S = 15.0  # between two looks at its nodes
CONNECT_S = 5.0
SLOW_START_S, NO_START_S = 45.0, 180.0
EXIT_CODE = 1


@contextmanager
def watched(end: Callable[[str], None]) -> Iterator[None]:
    """Call ``end`` with the reason when the Ray that this process talks to dies.

    Args:
        end: Says it and ends the command; called in a thread, at most once.
    """
    asked = threading.Event()
    look = partial(_embedded_loss, session_folder()) if is_embedded() else _ClusterLook().loss

    def watch() -> None:
        while not asked.wait(POLL_S):
            reason = look()
            if reason is not None and not asked.is_set():
                end(reason)
                return

    thread = threading.Thread(target=watch, name="ray watch", daemon=True)
    thread.start()
    try:
        yield
    except Exception:
        if (reason := look(0.0)) is not None:  # the cause, seen before the thread has looked
            end(reason)
        raise
    finally:
        asked.set()
        thread.join(CONNECT_S)


def end_command(reason: str, stderr: int = 2) -> None:
    """Write one ``Error:`` line, end what is left of an embedded Ray, and end this process.

    Not by an exception: the main thread may wait in Ray's core for what never comes.
    """
    session = session_folder() if is_embedded() else None
    logs = [log_file(), None if session is None else session / "logs"]
    shown = " and ".join(str(path) for path in logs if path is not None)
    text = f"{reason}; what is finished is kept: repeat the command to resume"
    text += f". Logs: {shown}" if shown else ""
    event("failed", text=text)
    os.write(stderr, f"\nError: {text}\n".encode())
    if session is not None:
        end_session(str(session), grace_s=0.0)
    release_all()
    os._exit(EXIT_CODE)


def _embedded_loss(session: Path, patience_s: float = LOST_S) -> str | None:
    """Which part of the embedded Ray of a session has ended, and how; it needs no patience."""
    found = dead_parts(session)
    if not found:
        return None
    shown = ", ".join(f"its {name} (pid {pid}, {_how(code)})" for name, pid, code in found)
    return f"Ray ended in the middle of the work: {shown}"


def _how(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"


class _ClusterLook:
    """What one command has seen of a cluster."""

    def __init__(self) -> None:
        self._address = str(ray.get_runtime_context().gcs_address)
        self._asked = self._answered = self._nodes_seen = time.monotonic()
        self._alive = _alive_nodes()
        self._of_this_machine = process_with(raylet_option())

    def loss(self, patience_s: float = LOST_S) -> str | None:
        """Why nothing can go on; of a node that is lost a line on stderr is enough.

        Args:
            patience_s: Without an answer of the head; 0 to ask it now, and once.
        """
        if self._of_this_machine is not None and not is_running(self._of_this_machine):
            return (
                "Ray ended in the middle of the work: the raylet of this machine "
                f"(pid {self._of_this_machine.pid}) is gone"
            )
        now = time.monotonic()
        if patience_s and now - self._asked < HEAD_POLL_S:
            return None
        self._asked = now
        if not _answers(self._address):
            if now - self._answered < patience_s:
                return None
            return (
                f"the head of the Ray cluster ({self._address}) has not answered for "
                f"{now - self._answered:.0f} s"
            )
        self._answered = now
        if now - self._nodes_seen > NODES_S:
            self._nodes_seen, before = now, self._alive
            self._alive = _alive_nodes()
            for name in sorted(before.keys() - self._alive.keys()):
                text = (
                    f"node {before[name]} has left the cluster; its work is done again on others "
                    "as soon as they have room"
                )
                event("warning", text=text)
                click.echo(f"\nnote: {text}", err=True)
        return None


def process_with(word: str) -> psutil.Process | None:
    """The process that was started with this word among others; None if none can be seen."""
    for process in psutil.process_iter(["cmdline"]):
        if word in (process.info["cmdline"] or ()):
            return process
    return None


def is_running(process: psutil.Process) -> bool:
    """Whether a process has not ended; one that nobody has waited for has."""
    try:
        return bool(process.is_running()) and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _alive_nodes() -> dict[str, str]:
    """Id -> host of the cluster's nodes."""
    return {n["NodeID"]: n["NodeManagerHostname"] for n in ray.nodes() if n["Alive"]}


def _answers(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=CONNECT_S).close()
    except OSError:
        return False
    return True


@contextmanager
def starting(give_up: Callable[[str, int], None]) -> Iterator[None]:
    """Say on stderr that Ray takes long to start, and give up where it never will.

    Args:
        give_up: Called with the reason, and where to write it, after ``NO_START_S``; ends the
            command.
    """
    done, stderr = threading.Event(), os.dup(2)  # which others may redirect meanwhile

    def watch() -> None:
        if done.wait(SLOW_START_S):
            return
        text = f"Ray has not started for {SLOW_START_S:.0f} s; waiting up to {NO_START_S:.0f} s"
        event("warning", text=text)
        os.write(stderr, f"note: {text}\n".encode())
        if not done.wait(NO_START_S - SLOW_START_S):
            give_up(f"Ray did not start within {NO_START_S:.0f} s; see `seje-ray doctor`", stderr)

    thread = threading.Thread(target=watch, name="ray start", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
        os.close(stderr)
