"""Who holds a lock: which command, in which process of which machine."""

import json
import os
import shlex
import socket
import sys
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

from seje_ray.store.lock_files import read_lock_file
from seje_ray.store.patience import TRIES


@dataclass(frozen=True, slots=True)
class Owner:
    """Who holds a lock."""

    command: str
    host: str
    machine: str  # the only processes whose pids mean the same have the same; empty: unknown
    pid: int
    process_start: str  # tells it from a later process of this pid
    since: str  # UTC
    token: str

    @classmethod
    def this_process(cls) -> "Owner":
        """This very command."""
        program = Path(sys.argv[0]).name
        words = ["seje-ray" if program == "__main__.py" else program, *sys.argv[1:]]
        return cls(
            _printable(shlex.join(words)),
            socket.gethostname(),
            _machine(),
            os.getpid(),
            _process_start(os.getpid()) or "",
            time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime()),
            uuid.uuid4().hex,
        )

    def __str__(self) -> str:
        return f"`{self.command}` (pid {self.pid} on {self.host}, since {self.since})"

    def is_running(self) -> bool | None:
        """Whether its process runs; None if that cannot be seen from here."""
        if not self.machine or self.machine != _machine():
            return None
        return _process_start(self.pid) == self.process_start


def token_in(file: Path) -> str | None:
    """The token of a lock file's owner; None where it names none.

    Raises:
        OSError, ValueError, StoreError: If it cannot be read.
    """
    owner = json.loads(read_lock_file(file))
    return owner["token"] if isinstance(owner, dict) and "token" in owner else None


def owner_in(file: Path, tries: int = TRIES) -> Owner | None:
    """The owner that a file names; None if there is no file, or nothing in it yet.

    Args:
        file: Of a lock.
        tries: Of a store, in all.
    """
    try:
        return Owner(**json.loads(read_lock_file(file, tries)))
    except (OSError, ValueError, TypeError):
        return None


def _machine() -> str:
    """Identity of the running system and of its process numbers: a container has its own."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return ""


def _process_start(pid: int) -> str | None:
    """When a process of this system began, in its clock ticks; None if it does not run."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in ("Z", "X") else fields[19]


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
