"""Work that is committed shard by shard: one Ray Data row per shard, one file per result."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import ray

from seje_ray.console.progress import Bars
from seje_ray.on_ray.connect import num_cpus, num_gpus

SHARD = "shard_table"  # column of a row that carries its shard's table, see ``packed``
MAX_POOLS = 4  # of actors in one pipeline, each of one actor per CPU at most
ACTOR_CPUS = 0.2  # what Ray counts for an actor: all pools together leave CPUs for tasks
Operator = Callable[["ray.data.Dataset"], "ray.data.Dataset"]


def run_shards(
    description: str, items: Sequence[dict[str, Any]], operators: Iterable[Operator], done: int = 0
) -> list[dict[str, Any]]:
    """Stream ``items``, one per shard, through ``operators``; return what the last one gives.

    Args:
        description: What the progress bar says.
        items: One row per shard that is still to be made.
        operators: The last one commits a shard and returns one row about it.
        done: Shards that an interrupted run committed before, for the bar.
    """
    if not items:
        return []
    dataset = ray.data.from_items(list(items), override_num_blocks=len(items))
    for operator in operators:
        dataset = operator(dataset)
    rows = []
    with Bars() as bars:
        report = bars.bar(description, "shards", done + len(items), done)
        for row in dataset.iter_rows():
            rows.append(row)
            report(done + len(rows))
        report(done + len(items))  # shards without a row to pass on
    return rows


def tasks(function: Callable[[pa.Table], pa.Table]) -> Operator:
    """Run a plain function of rows on each shard, in CPU tasks."""
    return lambda dataset: dataset.map_batches(
        function, batch_size=1, batch_format="pyarrow", num_cpus=_task_cpus()
    )


def _task_cpus() -> float:
    """What Ray counts for a task: 1, or less where actors may leave less on every node.

    A task that finds no room makes its pipeline wait for ever (ray issue 44687).
    """
    nodes = [node["Resources"].get("CPU", 0.0) for node in ray.nodes() if node["Alive"]]
    share_left = 1 - MAX_POOLS * ACTOR_CPUS
    return float(min(1.0, round(share_left * sum(nodes) / len(nodes), 3)))


def cpu_actors(stage: type, **arguments: Any) -> Operator:
    """Run a class that is costly to set up on each shard, in up to one actor per core."""
    return lambda dataset: dataset.map_batches(
        stage,
        fn_constructor_kwargs=arguments,
        batch_size=1,
        batch_format="pyarrow",
        num_cpus=ACTOR_CPUS,
        compute=ray.data.ActorPoolStrategy(min_size=1, max_size=num_cpus()),
    )


def accelerator_actors(stage: type, *, gpu_share: float = 1.0, **arguments: Any) -> Operator:
    """Run a network on each shard: one actor per GPU, or one per core where there is none.

    Args:
        stage: The class to run.
        gpu_share: Part of a GPU that one actor takes; the shares of stages that run in one
            pipeline add up to at most 1, so that a single GPU can hold them all.
        arguments: Of the stage's constructor.
    """
    gpus = num_gpus()
    return lambda dataset: dataset.map_batches(
        stage,
        fn_constructor_kwargs=arguments,
        batch_size=1,
        batch_format="pyarrow",
        num_cpus=ACTOR_CPUS,
        num_gpus=gpu_share if gpus else 0,
        compute=ray.data.ActorPoolStrategy(min_size=1, max_size=gpus or num_cpus()),
    )


class OnTables:
    """Ray Data stage: applies a stage of tables, ``inner``, to the shard that each row carries."""

    def __init__(self, inner: type, **arguments: Any) -> None:
        self._inner = inner(**arguments)

    def __call__(self, rows: pa.Table) -> pa.Table:
        """Replace the tables, keep what else the rows say."""
        tables = [packed(self._inner(unpacked(shard))) for shard in rows[SHARD]]
        return with_shards(rows, tables)


def with_shards(rows: pa.Table, shards: Sequence[bytes]) -> pa.Table:
    """The rows with their packed tables, new or replaced."""
    if SHARD in rows.column_names:
        rows = rows.drop_columns([SHARD])
    return rows.append_column(SHARD, pa.array(shards, pa.large_binary()))


def packed(table: pa.Table) -> bytes:
    """A whole table as one cell, so that no operator can split it or mix it with another."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


def unpacked(cell: pa.Scalar) -> pa.Table:
    """What ``packed`` gave, without a copy."""
    return pa.ipc.open_stream(cell.as_buffer()).read_all()


def missing_shards(folder: Path, names: Iterable[str]) -> list[str]:
    """Names without a committed file in ``folder``."""
    return [name for name in names if not (folder / name).is_file()]
