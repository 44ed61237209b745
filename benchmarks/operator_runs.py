"""One operator of phase I over shards: in plain processes, and as a Ray Data pipeline.

Both give a trace of finished shards, from which the speed is read that holds while every worker is
at work; what it takes until then is the start-up, told apart.
"""

import multiprocessing
import os
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import torch

from seje_ray.artifact import write_table
from seje_ray.on_ray.shards import (
    SHARD,
    OnTables,
    Operator,
    packed,
    run_shards,
    tasks,
    unpacked,
    with_shards,
)

WORKER, ENDED, BUSY = "worker", "ended", "busy"  # columns that ``Timed`` adds


@dataclass(frozen=True, slots=True)
class Finished:
    """One shard that is done."""

    worker: int  # process id
    ended: float  # seconds since the epoch
    busy_s: float  # in the stage itself
    rows: int


@dataclass(frozen=True, slots=True)
class Speed:
    """What a trace says."""

    num_workers: int
    start_up_s: float  # until the last worker began its first shard
    rows_per_s: float  # of all workers, while all are at work
    first_rows_per_s: float  # the same over the first rows only
    busy: float  # share of the workers' time that they spent in the stage

    @classmethod
    def of(cls, trace: Sequence[Finished], started: float, num_first: int) -> "Speed":
        """Read a trace.

        Args:
            trace: Finished shards; each worker has three or more.
            started: When the run was asked for, seconds since the epoch.
            num_first: Rows, after all workers are up, that ``first_rows_per_s`` is of.
        """
        workers: dict[int, list[Finished]] = defaultdict(list)
        for shard in sorted(trace, key=lambda shard: shard.ended):
            workers[shard.worker].append(shard)
        begun = max(of[0].ended for of in workers.values())
        stopped = min(of[-1].ended for of in workers.values())
        within = [[s for s in of if begun <= s.ended <= stopped] for of in workers.values()]
        kept = sorted((s for of in within for s in of), key=lambda shard: shard.ended)
        rows, until = 0, stopped
        for shard in kept:
            rows += shard.rows
            if rows >= num_first:
                until = shard.ended
                break
        first = [[s for s in of if s.ended <= until] for of in within]
        counted = [shard for of in within for shard in of[1:]]
        return cls(
            num_workers=len(workers),
            start_up_s=max(of[0].ended - of[0].busy_s for of in workers.values()) - started,
            rows_per_s=sum(map(_rate, within)),
            first_rows_per_s=sum(map(_rate, first)),
            busy=sum(s.busy_s for s in counted) / sum(of[-1].ended - of[0].ended for of in within),
        )


def _rate(shards: Sequence[Finished]) -> float:
    """Rows per second of one worker from the end of its first shard to that of its last."""
    if len(shards) < 2:
        return float("nan")
    return sum(s.rows for s in shards[1:]) / (shards[-1].ended - shards[0].ended)


class Timed:
    """Applies a stage of tables, and writes into columns who did it and how long it took."""

    def __init__(self, timed: type, **arguments: Any) -> None:
        self._stage = timed(**arguments)

    def __call__(self, table: pa.Table) -> pa.Table:
        """What the stage gives, with three more columns."""
        start = time.perf_counter()
        result = self._stage(table)
        busy = time.perf_counter() - start
        for name, value in ((WORKER, os.getpid()), (ENDED, time.time()), (BUSY, busy)):
            result = result.append_column(name, pa.array([value] * result.num_rows))
        return result


def on_ray(
    paths: Sequence[Path], target: Path, actors: Any, stage: type, arguments: dict[str, Any]
) -> tuple[list[Finished], float]:
    """Read, apply the stage in ``actors``, write; give the trace, and when it was started."""
    items = [{"source": str(path), "target": str(target / path.name)} for path in paths]
    operators: list[Operator] = [
        tasks(read),
        actors(OnTables, inner=Timed, timed=stage, **arguments),
        tasks(write),
    ]
    started = time.time()
    return [Finished(**row) for row in run_shards("on Ray", items, operators)], started


def read(rows: pa.Table) -> pa.Table:
    """Ray Data stage: each named shard."""
    return with_shards(rows, [packed(pq.read_table(path)) for path in rows["source"].to_pylist()])


def write(rows: pa.Table) -> pa.Table:
    """Ray Data stage: write each shard; give its part of the trace."""
    done = []
    for target, shard in zip(rows["target"].to_pylist(), rows[SHARD], strict=True):
        table = unpacked(shard)
        write_table(Path(target), table.drop_columns([WORKER, ENDED, BUSY]))
        worker, ended, busy = (table[name][0].as_py() for name in (WORKER, ENDED, BUSY))
        done.append({"worker": worker, "ended": ended, "busy_s": busy, "rows": table.num_rows})
    return pa.Table.from_pylist(done)


def in_plain_processes(
    paths: Sequence[Path],
    target: Path,
    stage: type,
    arguments: dict[str, Any],
    *,
    processes: int,
    threads: int = 1,
    cores: Iterable[int] | None = None,
) -> tuple[list[Finished], float]:
    """Read, apply the stage, write, in a loop of each process; the trace and when it was started.

    Args:
        paths: Shards; a process that is free takes the next.
        target: Folder for the results.
        stage: From a table to the table to write, or None for nothing.
        arguments: Of the stage's constructor.
        processes: How many run the loop.
        threads: Of torch in each.
        cores: What they may run on; None for all.
    """
    before = {name: os.environ.get(name) for name in ("OMP_NUM_THREADS", "RAYON_NUM_THREADS")}
    os.environ.update(dict.fromkeys(before, str(threads)))  # before their numpy is imported
    items = [(str(path), str(target / path.name)) for path in paths]
    started = time.time()
    try:
        with multiprocessing.get_context("spawn").Pool(
            processes, _set_up, (stage, arguments, threads, cores)
        ) as pool:
            trace = list(pool.imap_unordered(_one_shard, items))
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})
    return trace, started


_loop: dict[str, Any] = {}  # of a plain process: its stage


def _set_up(stage: type, arguments: dict[str, Any], threads: int, cores: Any) -> None:
    if cores is not None:
        os.sched_setaffinity(0, cores)
    torch.set_num_threads(threads)
    _loop["stage"] = stage(**arguments)


def _one_shard(item: tuple[str, str]) -> Finished:
    source, target = item
    table = pq.read_table(source)
    start = time.perf_counter()
    result = _loop["stage"](table)
    busy = time.perf_counter() - start
    if result is not None:
        write_table(Path(target), result)
    return Finished(os.getpid(), time.time(), busy, table.num_rows)
