"""What a function on one of several gloo processes is told about its place."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Member:
    """One process of a group, and a folder that all of the group share."""

    rank: int
    world_size: int
    folder: Path
