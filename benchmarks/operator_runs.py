"""One operator of phase I over shards: in plain processes, and as a Ray Data pipeline.

Both give a trace of finished shards, from which the speed is read that holds while every worker is
at work; what it takes until then is the start-up, told apart.
"""

import multiprocessing
import os
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from benchmarks.tree_cpu import TreeCpu
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

TRACE = ("worker", "ended", "busy_s")  # columns that ``Timed`` adds


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

    num_workers: int  # that ever finished a shard; actors may be replaced
    start_up_s: float  # until as many as there are cores had begun their first shard
    rows_per_s: float  # of all together, from then on, until the first of them has no more to do
    cpu_ms_per_row: float  # meanwhile, of all processes, those of Ray too
    first_cpu_ms_per_row: float  # the same over the first rows only
    busy: float  # share of the workers' time that they spent in the stage
    cores: float  # CPU seconds per second of all processes

    @classmethod
    def of(
        cls,
        trace: Sequence[Finished],
        started: float,
        cpu: TreeCpu,
        *,
        num_cores: int,
        num_first: int,
    ) -> "Speed":
        """Read a trace.

        Args:
            trace: Finished shards, several of each worker.
            started: When the run was asked for, seconds since the epoch.
            cpu: Of all processes meanwhile.
            num_cores: Workers that can be busy at once.
            num_first: Rows that ``first_cpu_ms_per_row`` is of.
        """
        shards = sorted(trace, key=lambda shard: shard.ended)
        first = {s.worker: s for s in reversed(shards)}
        last = {s.worker: s for s in shards}
        busy_workers = min(num_cores, len(first))
        slowest = sorted(first.values(), key=lambda shard: shard.ended)[busy_workers - 1]
        begun = slowest.ended
        stopped = sorted(shard.ended for shard in last.values())[-busy_workers]
        counted = [shard for shard in shards if begun < shard.ended <= stopped]
        rows = np.cumsum([shard.rows for shard in counted])
        in_first = min(int(np.searchsorted(rows, num_first)), len(rows) - 1)
        first_s = cpu.seconds(begun, counted[in_first].ended)
        all_s = cpu.seconds(begun, stopped)
        return cls(
            num_workers=len(first),
            start_up_s=begun - slowest.busy_s - started,
            rows_per_s=float(rows[-1] / (stopped - begun)),
            cpu_ms_per_row=float(1e3 * all_s / rows[-1]),
            first_cpu_ms_per_row=float(1e3 * first_s / rows[in_first]),
            busy=sum(s.busy_s for s in counted) / (stopped - begun) / busy_workers,
            cores=all_s / (stopped - begun),
        )


class Timed:
    """Applies a stage of tables, and writes into columns who did it and how long it took."""

    def __init__(self, timed: type, **arguments: Any) -> None:
        self._stage = timed(**arguments)

    def __call__(self, table: pa.Table) -> pa.Table:
        """What the stage gives, with the columns of ``TRACE``."""
        start = time.perf_counter()
        result = self._stage(table)
        busy = time.perf_counter() - start
        for name, value in zip(TRACE, (os.getpid(), time.time(), busy), strict=True):
            column = pa.array([value] * table.num_rows)
            result = result.append_column(name, column)
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
        write_table(Path(target), table.drop_columns(list(TRACE)))
        done.append({name: table[name][0].as_py() for name in TRACE} | {"rows": table.num_rows})
    return pa.Table.from_pylist(done)


def in_plain_processes(
    paths: Sequence[Path],
    target: Path,
    stage: type,
    arguments: dict[str, Any],
    *,
    processes: int = 1,
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
