"""A stage's shards on Ray Data: a row per shard, an operator per step, one file per result."""

import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pyarrow as pa
import ray
import torch

from seje_ray.console.progress import Bars
from seje_ray.errors import SejeError
from seje_ray.on_ray.connect import ShardError, cores_per_network, num_cpus, num_gpus
from seje_ray.pipeline.stage import ChangeTable, Item, ShardStage, Step

TABLE = "shard_table"  # column of a row that carries its shard's table, see ``packed``
MAX_POOLS = 4  # of actors in one pipeline, each of one actor per CPU at most
ACTOR_CPUS = 0.2  # what Ray counts for an actor: all pools together leave CPUs for tasks


def run_stage(stage: ShardStage) -> list[dict[str, Any]]:
    """Stream a stage's items through its steps; return what its commits give."""
    if not stage.items:
        return []
    items = [dict(item) for item in stage.items]
    dataset = ray.data.from_items(items, override_num_blocks=len(items))
    dataset = _committed(dataset, replace(stage, items=()))  # they travel as rows
    rows = []
    with Bars() as bars:
        total = stage.num_done + len(items)
        report = bars.bar(stage.title, "shards", total, stage.num_done)
        for row in dataset.iter_rows():
            rows.append(row)
            report(stage.num_done + len(rows))
        report(total)  # shards without a row to pass on
    return rows


def _committed(dataset: "ray.data.Dataset", stage: ShardStage) -> "ray.data.Dataset":
    """The dataset of what a stage's commits give; a lone step reads and commits by itself."""
    if not stage.steps:
        return _in_tasks(dataset, make_shards, stage=stage)
    if len(stage.steps) == 1:
        return _in_actors(dataset, MakeShards, stage.steps[0].gpu_share, stage=stage)
    dataset = _in_tasks(dataset, read_shards, read=stage.read)
    for step in stage.steps:
        dataset = _in_actors(dataset, TakeStep, step.gpu_share, step=step)
    return _in_tasks(dataset, commit_shards, commit=stage.commit)


def _in_tasks(
    dataset: "ray.data.Dataset", function: Callable[..., pa.Table], **arguments: Any
) -> "ray.data.Dataset":
    """Run a plain function of rows on each shard, in CPU tasks."""
    return dataset.map_batches(
        function,
        fn_kwargs=arguments,
        batch_size=1,
        batch_format="pyarrow",
        num_cpus=_task_cpus(),
    )


def _task_cpus() -> float:
    """CPUs that Ray counts for a task: 1, or less if actors may leave less on every node.

    A task that finds no room makes its pipeline wait for ever (ray issue 44687).
    """
    nodes = [node["Resources"].get("CPU", 0.0) for node in ray.nodes() if node["Alive"]]
    share_left = 1 - MAX_POOLS * ACTOR_CPUS
    return float(min(1.0, round(share_left * sum(nodes) / len(nodes), 3)))


def _in_actors(
    dataset: "ray.data.Dataset", operator: type, gpu_share: float, **arguments: Any
) -> "ray.data.Dataset":
    """Run a step that is costly to build: up to an actor per GPU for a network, or per core."""
    gpus = num_gpus() if gpu_share else 0
    return dataset.map_batches(
        operator,
        fn_constructor_kwargs=arguments,
        batch_size=1,
        batch_format="pyarrow",
        num_cpus=ACTOR_CPUS,
        num_gpus=gpu_share if gpus else 0,
        compute=ray.data.ActorPoolStrategy(min_size=1, max_size=gpus or num_cpus()),
    )


@contextmanager
def _carried() -> Iterator[None]:
    """Raise errors for the user as ``ShardError``."""
    try:
        yield
    except (SejeError, OSError) as error:
        raise ShardError(error) from error


def read_shards(rows: pa.Table, read: Callable[[Item], pa.Table | None]) -> pa.Table:
    """Ray Data stage: each item with its table; no row if it has none."""
    with _carried():
        tables = [read(item) for item in rows.to_pylist()]
    is_there = pa.array([table is not None for table in tables])
    return with_tables(rows.filter(is_there), [table for table in tables if table is not None])


class TakeStep:
    """Ray Data stage: a step on the table that each row carries."""

    def __init__(self, step: Step) -> None:
        self._step = step

    def __call__(self, rows: pa.Table) -> pa.Table:
        """Replace the tables, keep the items."""
        with _carried():
            change = self._change
            return with_tables(rows, [change(item, table) for item, table in with_items(rows)])

    @functools.cached_property
    def _change(self) -> ChangeTable:
        """Built at the first shard: of what an actor's beginning raises Ray keeps a text alone."""
        return built(self._step)


def commit_shards(rows: pa.Table, commit: Callable[[Item, pa.Table], dict[str, Any]]) -> pa.Table:
    """Ray Data stage: commit each row's table; give a row about it."""
    with _carried():
        return pa.Table.from_pylist([commit(item, table) for item, table in with_items(rows)])


class MakeShards:
    """Ray Data stage: read each item's table, take the stage's steps, and commit."""

    def __init__(self, stage: ShardStage) -> None:
        self._stage = stage

    @functools.cached_property
    def _changes(self) -> list[ChangeTable]:
        """Built at the first shard, as of ``TakeStep``."""
        return [built(step) for step in self._stage.steps]

    def __call__(self, items: pa.Table) -> pa.Table:
        """Give a row about each shard that was made."""
        with _carried():
            changes = self._changes
        return make_shards(items, self._stage, changes)


def make_shards(
    items: pa.Table, stage: ShardStage, changes: Sequence[ChangeTable] = ()
) -> pa.Table:
    """Ray Data stage: make each item's shard from beginning to end; give a row about each."""
    rows = []
    with _carried():
        for item in items.to_pylist():
            table = stage.read(item)
            if table is not None:
                for change in changes:
                    table = change(item, table)
                rows.append(stage.commit(item, table))
    return pa.Table.from_pylist(rows)


def built(step: Step) -> ChangeTable:
    """Build a step in this process, which computes nothing else."""
    torch.set_num_threads(cores_per_network() if step.gpu_share else 1)
    return step.built()


def with_items(rows: pa.Table) -> list[tuple[Item, pa.Table]]:
    """Each row as its item and the table that it carries."""
    items = rows.drop_columns([TABLE]).to_pylist()
    return [(item, unpacked(cell)) for item, cell in zip(items, rows[TABLE], strict=True)]


def with_tables(rows: pa.Table, tables: list[pa.Table]) -> pa.Table:
    """The rows with tables, new or replaced."""
    if TABLE in rows.column_names:
        rows = rows.drop_columns([TABLE])
    return rows.append_column(TABLE, pa.array(map(packed, tables), pa.large_binary()))


def packed(table: pa.Table) -> bytes:
    """A whole table as one cell, so that no operator can split it or mix it with another."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


def unpacked(cell: pa.Scalar) -> pa.Table:
    """The table that ``packed`` packed, without a copy."""
    return pa.ipc.open_stream(cell.as_buffer()).read_all()
