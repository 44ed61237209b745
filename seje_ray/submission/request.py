"""A command that is to run on a cluster; loads no Ray, so that the command line can make one."""

import shlex
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Request:
    """A command line with paths that mean the same on the cluster."""

    command: str
    name: str  # which run; the same command, name and workspace is the same job
    workspace: str
    arguments: tuple[str, ...]
    files: dict[str, Path] = field(default_factory=dict)  # what travels: its name there, and it
    ended_by: str = ""  # command that ends what goes on after the job; its job itself by default
    ends: str = ""  # command whose jobs this one ends

    def __str__(self) -> str:
        """The command as a person would type it."""
        return shlex.join(["seje-ray", self.command, *self.arguments])
