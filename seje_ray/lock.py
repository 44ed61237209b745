"""One writer at a time: a lock that also holds on a disk which several machines share.

A lock is a folder of numbered files, and whoever makes a file holds it: the file system lets one
alone make each. Its owner touches the file every few seconds, so that others can tell a dead owner
from a busy one without comparing clocks, and removes it at the end. A dead owner's file is removed
by the next one; what the dead one's tasks still do can then no longer be committed, since every
commit asks ``Lease.require`` first.
"""

import json
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import click

from seje_ray.errors import LockLostError, StoreError, WorkspaceError
from seje_ray.lock_owner import Owner, owner_in, token_in
from seje_ray.log import event
from seje_ray.signals import interrupt_main_thread, sigterm_as_interrupt
from seje_ray.store.lock_files import (
    beat,
    is_outrun,
    lock_files,
    make_lock_file,
    number_of,
    remove_lock_file,
    sign_of_life,
)

LOCKS = ".locks"  # folder of all locks of a workspace
HEARTBEAT_S = 5.0
STALE_S = 60.0  # without a sign of life, an owner on another machine is dead
POLL_S = 0.25


@dataclass(frozen=True, slots=True)
class Lease:
    """A lock that was got; travels to tasks, whose commits are refused once it is lost."""

    file: Path
    token: str

    def is_held(self) -> bool:
        """Whether nobody has taken the lock over."""
        owner = owner_in(self.file)
        return owner is not None and owner.token == self.token and not is_outrun(self.file)

    def require(self) -> None:
        """Refuse to go on without the lock.

        Raises:
            LockLostError: If another command has taken it over.
        """
        if not self.is_held():
            raise LockLostError(
                f"{self.file.parent}: another command has taken this lock over, since this one "
                "gave no sign of life; nothing more is written here: repeat it when the other "
                "has ended"
            )


@contextmanager
def locked(folder: Path, what: str, *, waits: bool = False) -> Iterator[Lease]:
    """Hold the lock ``folder``, which is there while it is held.

    A dead owner's lock is taken over, which is said on stderr. That an owner on another machine
    is dead is known after ``STALE_S`` without a sign of life.

    Args:
        folder: Of the lock.
        what: Is written, in words, for messages.
        waits: Wait for an owner that lives; otherwise its name is the error.

    Raises:
        WorkspaceError: If another command holds the lock.
        LockLostError: If the lock was lost meanwhile.
    """
    with sigterm_as_interrupt():  # which the heart may send
        lease = _acquired(folder, what, waits=waits)
        heart = _Heart(lease)
        heart.start()
        _HELD.add(lease)
        try:
            yield lease
        except KeyboardInterrupt:
            lease.require()  # the heart interrupts where it is lost
            raise
        finally:
            heart.stop()
            _HELD.discard(lease)
            _release(lease)


_HELD: set[Lease] = set()  # by this process


def release_all() -> None:
    """Give all locks back, before an end that unwinds nothing."""
    for lease in list(_HELD):
        _release(lease)


def _acquired(folder: Path, what: str, *, waits: bool) -> Lease:
    """Make the next file, once every file that is there is known to be a dead owner's."""
    watch = _Watch(what, waits=waits)
    while True:
        files = lock_files(folder)
        if any(not watch.is_dead(file) for file in files):
            time.sleep(POLL_S)
            continue
        number = max(map(number_of, files), default=0) + 1
        lease = _made(folder, number)
        if lease is None:
            continue
        others = [file for file in lock_files(folder) if file != lease.file]
        if all(file in files for file in others):
            for file in others:
                event("lock", text=f"took over {file}")
                remove_lock_file(file)
            return lease
        _release(lease)  # another one came at the same moment: both try again
        time.sleep(POLL_S * random.random())


def _made(folder: Path, number: int) -> Lease | None:
    """Make a lock's file; None if somebody else was faster."""
    owner = Owner.this_process()
    file = make_lock_file(folder, number, owner.token, json.dumps(asdict(owner)))
    return None if file is None else Lease(file, owner.token)


def _release(lease: Lease) -> None:
    """Remove the file, and the folders that are empty then.

    In a store that does not answer it stays, and goes stale: its command has waited long enough.
    """
    try:
        owner = owner_in(lease.file, tries=3)
        if owner is None or owner.token != lease.token:
            return
        remove_lock_file(lease.file)
    except StoreError:
        event("lock", text=f"could not remove {lease.file}")
        return
    above = list(lease.file.parents)
    last = next((n for n, folder in enumerate(above) if folder.name == LOCKS), 0)
    with suppress(OSError):  # not empty: others are there
        for folder in above[: last + 1]:
            folder.rmdir()


class _Watch:
    """What one command has seen of the owners that are in its way."""

    def __init__(self, what: str, *, waits: bool) -> None:
        self._what, self._waits = what, waits
        self._seen: dict[Path, tuple[int, float]] = {}  # last sign of life, and when it was seen
        self._said: set[str] = set()

    def is_dead(self, file: Path) -> bool:
        """Whether the owner of ``file`` is dead, as far as one can know by now.

        Raises:
            WorkspaceError: If it lives and is not waited for.
        """
        owner, now = owner_in(file), time.monotonic()
        sign = sign_of_life(file)
        if sign is None:  # released
            return False
        before, since = self._seen.setdefault(file, (sign, now))
        is_running = owner.is_running() if owner is not None else None
        who = str(owner) if owner is not None else f"the owner of {file}"
        if is_running is False or (is_running is None and now - since > STALE_S):
            self._say(f"{who} has ended without a word; this command takes its place")
            return True
        if is_running or sign != before:
            self._seen[file] = (sign, now)
            if not self._waits:
                raise WorkspaceError(
                    f"{self._what} is being written by {who}; wait until it has ended, or name "
                    f"another --workspace (if it has ended long ago, delete {file})"
                )
            self._say(f"waiting for {who}, which is writing {self._what}")
        elif owner is not None:
            self._say(f"looking up to {STALE_S:.0f} s for a sign of life of {who}")
        return False

    def _say(self, text: str) -> None:
        if text not in self._said:
            self._said.add(text)
            event("lock", text=text)
            click.echo(f"note: {text}", err=True)


class _Heart(threading.Thread):
    """Touches the file of a lease; interrupts the command where it is lost."""

    def __init__(self, lease: Lease) -> None:
        super().__init__(name="lock", daemon=True)
        self._lease, self._stop_asked = lease, threading.Event()

    def run(self) -> None:
        """Beat until it is asked to stop."""
        while not self._stop_asked.wait(HEARTBEAT_S):
            beat(self._lease.file)  # a disk that is away for a moment, or lost: see below
            if self._is_lost() and not self._stop_asked.is_set():  # not by its own release
                event("lock", text=f"lost {self._lease.file}")
                interrupt_main_thread()
                return

    def stop(self) -> None:
        """End it."""
        self._stop_asked.set()
        self.join(HEARTBEAT_S)  # a disk that is away does not hold up the end

    def _is_lost(self) -> bool:
        """Whether another one holds it; a disk that does not answer is no sign of that."""
        try:
            token = token_in(self._lease.file)
            return token != self._lease.token or is_outrun(self._lease.file)
        except FileNotFoundError:
            return True
        except (OSError, ValueError, StoreError):
            return False
