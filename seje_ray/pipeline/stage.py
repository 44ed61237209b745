"""Stages: shards that pass through steps, or parts that are fitted side by side."""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from seje_ray.artifact import Artifact
from seje_ray.console.report import Report
from seje_ray.distributed.process import Process
from seje_ray.lock import Lease
from seje_ray.store.mirror import pull

END = b"PAR1"  # of every Parquet file, and its beginning
LENGTH = 4  # bytes before it that say how long the footer is
Item = Mapping[str, Any]  # plain data: which shard it is, and where its result goes
ChangeTable = Callable[[Item, pa.Table], pa.Table]


@dataclass(frozen=True, slots=True)
class Step:
    """One change of every shard's table, by an object that each process builds once."""

    build: Callable[[], ChangeTable]
    gpu_share: float = 0.0  # of a GPU if there is one, at most 1 over a stage; 0: CPUs alone
    reads: tuple[Path, ...] = ()  # folders that building it reads

    def built(self) -> ChangeTable:
        """Build it in this process, from what is stored now."""
        for folder in self.reads:
            pull(folder, keeps_own=True)
        return self.build()


@dataclass(frozen=True, slots=True)
class ShardStage:
    """Work that is committed shard by shard; its items are the shards still to be made."""

    title: str  # name of the work
    items: Sequence[Item]  # one per shard that is still to be made
    read: Callable[[Item], pa.Table | None]  # None if a shard holds nothing for the stage
    commit: Callable[[Item, pa.Table], dict[str, Any]]  # writes it; gives a row about it
    steps: Sequence[Step] = ()
    num_done: int = 0  # shards that an interrupted run committed before


@dataclass(frozen=True, slots=True)
class Fit:
    """One part that is to be fitted; parts that are given together wait for none of each other."""

    title: str  # name of the work
    folder: Path  # of what it makes
    run: Callable[[Process, Report | None], None]  # in each process; rank 0 reports and commits
    is_network: bool = False  # trained on a GPU if there is one
    in_group: bool = False  # trained by all workers together, if there are several


def leased(lease: Lease | None) -> dict[str, str]:
    """The part of an item by which its task knows the lock of the command that it works for."""
    return {} if lease is None else {"lock": str(lease.file), "token": lease.token}


def lease_of(item: Item) -> Lease | None:
    """What ``leased`` put into an item."""
    return Lease(Path(item["lock"]), item["token"]) if "lock" in item else None


def shard_items(
    artifact: Artifact, names: Iterable[str], partial: Path, lease: Lease | None = None
) -> list[dict[str, str]]:
    """One item per named shard of ``artifact`` whose result in ``partial`` is still missing."""
    return [
        {"source": str(artifact.folder / name), "target": str(partial / name), **leased(lease)}
        for name in missing_shards(partial, names)
    ]


def missing_shards(folder: Path, names: Iterable[str]) -> list[str]:
    """Names without a committed file in ``folder``, or with one that is cut short."""
    return [name for name in names if not is_whole_table(folder / name)]


def is_whole_table(path: Path) -> bool:
    """Whether a Parquet file is there with its end: a footer, its length, and a magic word."""
    try:
        with path.open("rb") as file:
            size = file.seek(-len(END) - LENGTH, os.SEEK_END) + len(END) + LENGTH
            length = int.from_bytes(file.read(LENGTH), "little")
            return file.read() == END and length + LENGTH + 2 * len(END) <= size
    except OSError:  # not there, or shorter than its end
        return False
