"""One operator of phase I over shards: in plain processes, and as a Ray Data pipeline.

Both give a trace of finished shards, from which the speed is read that holds while every worker is
at work; what it takes until then is the start-up, told apart.
"""

import functools
import multiprocessing
import os
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from benchmarks.tree_cpu import TreeCpu
from seje_ray.artifact import write_table
from seje_ray.on_ray.shards import run_stage
from seje_ray.pipeline.stage import ChangeTable, Item, ShardStage, Step

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
    """Takes a step, and writes into columns who did it and how long it took."""

    def __init__(self, build: Callable[[], ChangeTable]) -> None:
        self._change = build()

    def __call__(self, item: Item, table: pa.Table) -> pa.Table:
        """What the step gives, with the columns of ``TRACE``."""
        start = time.perf_counter()
        result = self._change(item, table)
        busy = time.perf_counter() - start
        for name, value in zip(TRACE, (os.getpid(), time.time(), busy), strict=True):
            column = pa.array([value] * table.num_rows)
            result = result.append_column(name, column)
        return result


def on_ray(
    paths: Sequence[Path], target: Path, gpu_share: float, build: Callable[[], ChangeTable]
) -> tuple[list[Finished], float]:
    """Read, take the step, write; give the trace, and when it was started."""
    items = [{"source": str(path), "target": str(target / path.name)} for path in paths]
    step = Step(functools.partial(Timed, build), gpu_share)
    started = time.time()
    trace = run_stage(ShardStage("on Ray", items, read, write, [step]))
    return [Finished(**row) for row in trace], started


def read(item: Item) -> pa.Table:
    """A whole shard."""
    return pq.read_table(item["source"])


def write(item: Item, table: pa.Table) -> dict[str, Any]:
    """Write a shard; give its part of the trace."""
    write_table(Path(item["target"]), table.drop_columns(list(TRACE)))
    return {name: table[name][0].as_py() for name in TRACE} | {"rows": table.num_rows}


def in_plain_processes(
    paths: Sequence[Path],
    target: Path,
    build: Callable[[], Any],
    *,
    processes: int = 1,
    threads: int = 1,
    cores: Iterable[int] | None = None,
) -> tuple[list[Finished], float]:
    """Read, apply the stage, write, in a loop of each process; the trace and when it was started.

    Args:
        paths: Shards; a process that is free takes the next.
        target: Folder for the results.
        build: Makes what changes an item's table into the one to write, or None for nothing.
        processes: How many run the loop.
        threads: Of torch in each.
        cores: What they may run on; None for all.
    """
    before = {name: os.environ.get(name) for name in ("OMP_NUM_THREADS", "RAYON_NUM_THREADS")}
    os.environ.update(dict.fromkeys(before, str(threads)))  # before their numpy is imported
    items = [{"source": str(path), "target": str(target / path.name)} for path in paths]
    started = time.time()
    try:
        with multiprocessing.get_context("spawn").Pool(
            processes, _set_up, (build, threads, cores)
        ) as pool:
            trace = list(pool.imap_unordered(_one_shard, items))
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})
    return trace, started


_loop: dict[str, Any] = {}  # of a plain process: its step


def _set_up(build: Callable[[], Any], threads: int, cores: Any) -> None:
    if cores is not None:
        os.sched_setaffinity(0, cores)
    torch.set_num_threads(threads)
    _loop["step"] = build()


def _one_shard(item: Item) -> Finished:
    table = read(item)
    start = time.perf_counter()
    result = _loop["step"](item, table)
    busy = time.perf_counter() - start
    if result is not None:
        write_table(Path(item["target"]), result)
    return Finished(os.getpid(), time.time(), busy, table.num_rows)
