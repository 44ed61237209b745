"""Embeddings of a partition corrected for hubs, by a bank of train pairs."""

from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import torch
from torch import Tensor

from seje_ray.artifact import Artifact, finished, write_table
from seje_ray.building import begin, build_manifest, finish
from seje_ray.config.evaluate import HubnessConfig
from seje_ray.manifest import (
    Plan,
)
from seje_ray.pipeline.columns import vectors_array, with_columns
from seje_ray.retrieval.embeddings import load_embeddings
from seje_ray.retrieval.hubness import corrected_pairs
from seje_ray.schema import embeddings
from seje_ray.workspace import Workspace


def correct_embeddings(
    folder: Path,
    plain: Artifact,
    bank: Artifact,
    partition: str,
    config: HubnessConfig,
    workspace: Workspace,
) -> Artifact:
    """Write the embeddings of ``partition`` anew into ``folder``, corrected for hubs.

    Args:
        folder: Of the corrected ones.
        plain: Embeddings as the model gives them.
        bank: Those of the train pairs of ``training.subset.bank_rows``.
        partition: Whose.
        config: How much, by how many neighbours.
        workspace: That they lie in.

    Source: docs/method.md, rule 10.17.
    """
    plan = Plan(
        kind="embeddings",
        section={
            "partition": partition,
            "hubness_weight": config.weight,
            "hubness_neighbours": config.num_neighbours,
        },
        inputs={"embeddings": plain.content_hash, "bank": bank.content_hash},
        seed=0,
    )

    def make(held: Workspace) -> Artifact:
        building = begin(folder, plan, lease=held.lease)
        train = _pairs(bank)
        for path in plain.shards(partition):
            write_table(building / path.name, _corrected(path, train, config), held.lease)
        return finish(folder, plan, build_manifest(plan, building), held.lease)

    find = partial(finished, folder, plan, verify=workspace.verify)
    return workspace.found_or_made(folder, find, make)


def _corrected(path: Path, train: tuple[Tensor, Tensor], config: HubnessConfig) -> pa.Table:
    """A shard of embeddings, corrected."""
    table, pairs = pq.read_table(path), load_embeddings([path])
    images, recipes = corrected_pairs(
        torch.from_numpy(pairs.image_embeddings),
        torch.from_numpy(pairs.recipe_embeddings),
        train,
        weight=config.weight,
        num_neighbours=config.num_neighbours,
    )
    columns = {"image_embedding": images, "recipe_embedding": recipes}
    changed = with_columns(
        table.drop_columns(list(columns)),
        {name: vectors_array(rows.numpy()) for name, rows in columns.items()},
    )
    schema = embeddings(images.shape[1])
    return changed.select(schema.names).cast(schema)


def _pairs(bank: Artifact) -> tuple[Tensor, Tensor]:
    """Image and recipe embeddings of train pairs."""
    pairs = load_embeddings(bank.shards("train"))
    return torch.from_numpy(pairs.image_embeddings), torch.from_numpy(pairs.recipe_embeddings)
