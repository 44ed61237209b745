"""Embeddings of one partition, shard by shard."""

import hashlib
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import click
import numpy as np
import pyarrow as pa
import torch

from seje_ray.artifact import (
    Artifact,
    finished,
    outdated,
    read_shard,
    require_equal_hash,
    write_table,
)
from seje_ray.building import begin, build_manifest, finish
from seje_ray.config.evaluate import HubnessConfig
from seje_ray.distributed.process import default_device
from seje_ray.errors import ArtifactError
from seje_ray.features.checkpoint import TrainedModel, load_model, read_origin
from seje_ray.features.inputs import Reads, text_shape_of
from seje_ray.integrity import file_hash
from seje_ray.lock import Lease
from seje_ray.manifest import Plan
from seje_ray.models.joint_ensemble import MixedEnsemble
from seje_ray.pipeline.columns import vectors_array, with_columns
from seje_ray.pipeline.corrected import correct_embeddings
from seje_ray.pipeline.executor import Executor
from seje_ray.pipeline.runs import TrainedRun
from seje_ray.pipeline.stage import Item, ShardStage, Step, lease_of, shard_items
from seje_ray.schema import embeddings
from seje_ray.store.mirror import fetch_noted
from seje_ray.training.forward import embed
from seje_ray.training.pairs import PairLoader
from seje_ray.training.subset import bank_rows, rows_by_shard
from seje_ray.workspace import Workspace

BATCH_SIZE = 64  # pairs embedded at once


def embed_partition(
    trained: TrainedRun,
    workspace: Workspace,
    executor: Executor,
    partition: str,
    hubness: HubnessConfig | None = None,
) -> Artifact:
    """Embed every pair of ``partition`` with a run's best checkpoint; resumes by shard.

    Where they are to be corrected for hubs, it is by train pairs that are embedded, too.

    Args:
        trained: The training.
        workspace: Folder of the artifacts it was trained on.
        executor: Where to embed.
        partition: train, val or test.
        hubness: How they are corrected; None for what the training's run says.

    Raises:
        ArtifactError: If the data is not what the run was trained on, or the partition is empty,
            or a row is missing in the result.
    """
    run, _ = read_origin(trained.best_checkpoint)
    plain = _embedded(trained, workspace, executor, partition)
    hubness = hubness or run.evaluate.hubness
    if hubness.weight == 0:
        return plain
    bank = embed_bank(trained, workspace, executor)
    folder = workspace.embeddings(trained.folder.name, f"{partition}-corrected")
    return correct_embeddings(folder, plain, bank, partition, hubness, workspace)


def embed_bank(trained: TrainedRun, workspace: Workspace, executor: Executor) -> Artifact:
    """Embed the train pairs that others are corrected for hubs by; resumes by shard.

    Raises:
        ArtifactError: As ``embed_partition`` does.
    """
    run, _ = read_origin(trained.best_checkpoint)
    num_rows = workspace.open_calibrated().num_rows("train")
    rows = bank_rows(num_rows, run.train.max_pairs, run.seed)
    is_whole = len(rows) == num_rows
    return _embedded(trained, workspace, executor, "train", None if is_whole else rows)


def _embedded(
    trained: TrainedRun,
    workspace: Workspace,
    executor: Executor,
    partition: str,
    rows: np.ndarray | None = None,
) -> Artifact:
    """Embeddings as the model gives them; of some rows where not of all.

    Asks the executor only where there is something left to embed.

    Raises:
        ArtifactError: If the data is not what the run was trained on, or the partition is empty,
            or a row is missing in the result.
    """
    calibrated = require_calibrated(trained, workspace)
    if calibrated.num_rows(partition) == 0:
        raise ArtifactError(f"{calibrated.folder}: partition {partition!r} holds no pair")
    plan = Plan(
        kind="embeddings",
        section={"partition": partition, **({} if rows is None else {"rows": _hash_of(rows)})},
        inputs={
            "calibrated": calibrated.content_hash,
            "weights": file_hash(trained.best_checkpoint / "model.safetensors"),
        },
        seed=0,
    )
    part = partition if rows is None else f"{partition}-bank"
    folder = workspace.embeddings(trained.folder.name, part)

    def make(held: Workspace) -> Artifact:
        if (change := outdated(folder, plan.kind, workspace.verify)) is not None:
            click.echo(change, err=True)
        calibrated.require_whole(workspace.verify, partition)
        building = begin(folder, plan, lease=held.lease)
        items, num_done = _items(calibrated, partition, building, rows, held.lease)
        with executor.session(1) as session:
            session.run_shards(_stage(trained, partition, items, num_done))
        manifest = build_manifest(plan, building)
        expected = calibrated.num_rows(partition) if rows is None else len(rows)
        if manifest.rows.get(partition, 0) != expected:
            raise ArtifactError(
                f"{building}: expected {expected} embedded pairs, found "
                f"{manifest.rows.get(partition, 0)}; run `seje-ray evaluate` again"
            )
        return finish(folder, plan, manifest, held.lease)

    find = partial(finished, folder, plan, verify=workspace.verify)
    return workspace.found_or_made(folder, find, make)


def _hash_of(rows: np.ndarray) -> str:
    return hashlib.sha256(rows.astype("<i8").tobytes()).hexdigest()


def _items(
    calibrated: Artifact,
    partition: str,
    building: Path,
    rows: np.ndarray | None,
    lease: Lease | None,
) -> tuple[list[Item], int]:
    """Shards that are still to be embedded, with the rows of each where not all; how many are."""
    names = calibrated.names(partition)
    within: dict[str, list[int]] = {}  # rows of each shard, where not all
    if rows is not None:
        parts = zip(names, rows_by_shard(rows, calibrated.counts(partition)), strict=True)
        within = {name: part.tolist() for name, part in parts if len(part)}
        names = list(within)
    items: list[Item] = [
        item | ({"rows": within[Path(item["target"]).name]} if within else {})
        for item in shard_items(calibrated, names, building, lease)
    ]
    return items, len(names) - len(items)


def _stage(trained: TrainedRun, partition: str, items: list[Item], num_done: int) -> ShardStage:
    return ShardStage(
        f"embedding {partition}",
        items,
        read_pairs,
        commit_embeddings,
        [_step(trained)],
        num_done=num_done,
    )


def _step(trained: TrainedRun) -> Step:
    embeds = partial(EmbedPairs, trained.best_checkpoint)
    return Step(embeds, gpu_share=1.0, reads=(trained.best_checkpoint,))


def require_calibrated(trained: TrainedRun, workspace: Workspace) -> Artifact:
    """The calibrated recipes of a workspace.

    Raises:
        ArtifactError: If they are not those that the run was trained on.
    """
    calibrated = workspace.open_calibrated()
    _, origin = read_origin(trained.best_checkpoint)
    require_equal_hash(
        "calibrated artifact",
        trained.folder,
        origin.calibrated_hash,
        calibrated.content_hash,
        "seje-ray train --run ANOTHER_NAME",
    )
    return calibrated


def read_pairs(item: Item) -> pa.Table:
    """Facts about each pair of a calibrated shard: a recipe with its first photo."""
    columns = ["id", "images.list.element.id", "title", "category_id"]
    table = read_shard(Path(item["source"]), columns)
    if "rows" in item:
        table = table.take(item["rows"])
    first = [images[0]["id"] for images in table["images"].to_pylist()]
    return with_columns(table.drop_columns(["images"]), {"image_id": pa.array(first)})


class EmbedPairs:
    """Adds both embeddings of each pair; holds the model."""

    def __init__(self, checkpoint: Path) -> None:
        self._trained = load_model(checkpoint, default_device())

    def __call__(self, item: Item, pairs: pa.Table) -> pa.Table:
        """Append the columns to one shard."""
        images, recipes = embed_shard(self._trained, Path(item["source"]), item.get("rows"))
        columns = {"image_embedding": images, "recipe_embedding": recipes}
        return with_columns(pairs, {name: vectors_array(v) for name, v in columns.items()})


def embed_shard(
    trained: TrainedModel, path: Path, rows: Sequence[int] | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Image and recipe embeddings (N, D) of the pairs of a calibrated shard, in order.

    Args:
        trained: The model.
        path: Of the shard.
        rows: Numbers of its rows that are wanted, rising; None for all.
    """
    if isinstance(trained.model, MixedEnsemble):
        found = [embed_shard(kind, path, rows) for kind in trained.kinds]
        images, recipes = (
            trained.model.joined([torch.from_numpy(one) for one in side]).numpy()
            for side in zip(*found, strict=True)
        )
        return images, recipes
    run = trained.run
    loader = PairLoader(
        [fetch_noted(path)],
        trained.pixels,
        global_batch_size=BATCH_SIZE,
        rank=0,
        world_size=1,
        seed=0,
        num_threads=max(2, torch.get_num_threads()),
        reads=Reads.of(run.model),
        text_shape=text_shape_of(run.model, trained.origin.facts),
        rows=None if rows is None else np.asarray(rows),
    )
    batches = [embed(trained.of_one_kind, batch, run) for batch in loader.in_order()]
    images, recipes = (torch.cat(parts).numpy() for parts in zip(*batches, strict=True))
    return images, recipes


def commit_embeddings(item: Item, table: pa.Table) -> dict[str, Any]:
    """Write the embeddings of one shard."""
    schema = embeddings(table.schema.field("image_embedding").type.list_size)
    target = Path(item["target"])
    write_table(target, table.select(schema.names).cast(schema), lease_of(item))
    return {"shard": target.name, "rows": table.num_rows}
