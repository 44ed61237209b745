"""A job of a cluster: its name, its shell line, and its server's record of it."""

import hashlib
import re
import shlex
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Python of a job: the first one on the head node that has what we need.
FIND_PYTHON = (
    "for p in python {own} python3; do "
    '"$p" -c \'import importlib.util as u; raise SystemExit(not (u.find_spec("ray") '
    'and u.find_spec("torch")))\' 2>/dev/null && exec "$p" -m seje_ray {arguments}; done; '
    "echo 'Error: no python with ray and torch on the head node: install seje-ray there, or use "
    "cluster/Dockerfile' >&2; exit 1"
)
ENDED = ("STOPPED", "SUCCEEDED", "FAILED")


@dataclass(frozen=True, slots=True)
class Job:
    """A job as its server knows it."""

    id: str
    status: str  # PENDING, RUNNING, STOPPED, SUCCEEDED or FAILED
    command_line: str  # what a person would type
    message: str
    started: float | None  # seconds since 1970
    ended: float | None
    exit_code: int | None

    @property
    def is_active(self) -> bool:
        """Whether it waits or runs."""
        return self.status not in ENDED


def job_key(command: str, name: str, workspace: str) -> str:
    """The part of a job's id that all submissions of one run share; each adds its number."""
    digest = hashlib.sha256("\0".join((command, name, workspace)).encode()).hexdigest()[:8]
    words = [re.sub(r"[^A-Za-z0-9_.]+", "-", word).strip("-") for word in (command, name) if word]
    return "-".join([*words, digest])


def submissions(key: str, known: Iterable[str]) -> list[str]:
    """The ids among ``known`` that are submissions of ``key``, oldest first."""
    pattern = re.compile(re.escape(key) + r"-(\d+)")
    matches = [match for match in map(pattern.fullmatch, known) if match is not None]
    return [match[0] for match in sorted(matches, key=lambda match: int(match[1]))]


def next_id(key: str, known: Iterable[str]) -> str:
    """The id of the next submission of ``key``."""
    earlier = submissions(key, known)
    number = int(earlier[-1].rpartition("-")[2]) if earlier else 0
    return f"{key}-{number + 1}"


def entrypoint(command: str, arguments: Iterable[str]) -> str:
    """The shell line of a job."""
    words = shlex.join([command, "--address", "auto", *arguments])
    return FIND_PYTHON.format(own=shlex.quote(sys.executable), arguments=words)


def job_of(details: Any) -> Job:
    """A job from Ray's own record of it."""
    return Job(
        id=details.submission_id,
        status=details.status.value,
        command_line=(details.metadata or {}).get("command_line", details.entrypoint),
        message=details.message or "",
        started=details.start_time / 1000 if details.start_time else None,
        ended=details.end_time / 1000 if details.end_time else None,
        exit_code=details.driver_exit_code,
    )


def files_digest(files: Mapping[str, Path]) -> str:
    """Tells run files of one name apart."""
    digest = hashlib.sha256()
    for name, path in sorted(files.items()):
        digest.update(name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]
