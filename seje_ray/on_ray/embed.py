"""Embeddings of one partition, made with Ray Data actors."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import torch

from seje_ray.artifact import (
    Artifact,
    Plan,
    begin,
    build_manifest,
    file_hash,
    finish,
    finished,
    require_equal_hash,
    write_table,
)
from seje_ray.errors import ArtifactError
from seje_ray.features.checkpoint import load_model_weights, read_origin
from seje_ray.features.model import FeatureDims, build_model, pixel_spec
from seje_ray.on_ray.connect import connected, cores_per_network
from seje_ray.on_ray.shards import accelerator_actors, missing_shards, run_shards
from seje_ray.on_ray.train import TrainedRun
from seje_ray.schema import embeddings
from seje_ray.submission.cluster import EMBEDDED, Cluster
from seje_ray.training.forward import embed
from seje_ray.training.pairs import PairLoader
from seje_ray.training.shard import Shard
from seje_ray.workspace import Workspace

BATCH_SIZE = 64  # pairs embedded at once


def embed_partition(
    trained: TrainedRun, workspace: Workspace, partition: str, cluster: Cluster = EMBEDDED
) -> Artifact:
    """Embed every pair of ``partition`` with a run's best checkpoint; resumes by shard.

    Starts Ray only where there is something left to embed.

    Raises:
        ArtifactError: If the data is not what the run was trained on, or the partition is empty,
            or a row is missing in the result.
    """
    calibrated = _require_calibrated(trained, workspace, partition)
    plan = Plan(
        kind="embeddings",
        section={"partition": partition},
        inputs={
            "calibrated": calibrated.content_hash,
            "weights": file_hash(trained.best_checkpoint / "model.safetensors"),
        },
        seed=0,
    )
    folder = workspace.embeddings(trained.folder.name, partition)
    known = finished(folder, plan)
    if known is not None:
        return known
    partial = begin(folder, plan)
    names = [path.name for path in calibrated.shards(partition)]
    todo = missing_shards(partial, names)
    items = [{"source": str(calibrated.folder / n), "target": str(partial / n)} for n in todo]
    with connected(1, cluster, workspace):
        operator = accelerator_actors(EmbedShards, checkpoint=str(trained.best_checkpoint))
        run_shards(f"embedding {partition}", items, [operator], done=len(names) - len(todo))
    manifest = build_manifest(plan, partial)
    if manifest.rows.get(partition, 0) != calibrated.num_rows(partition):
        raise ArtifactError(
            f"{partial}: expected {calibrated.num_rows(partition)} embedded pairs, found "
            f"{manifest.rows.get(partition, 0)}; run `seje-ray evaluate` again"
        )
    return finish(folder, plan, manifest)


def _require_calibrated(trained: TrainedRun, workspace: Workspace, partition: str) -> Artifact:
    calibrated = workspace.open_calibrated()
    _, origin = read_origin(trained.best_checkpoint)
    require_equal_hash(
        "calibrated artifact",
        trained.folder,
        origin.calibrated_hash,
        calibrated.content_hash,
        "seje-ray train --run ANOTHER_NAME",
    )
    if calibrated.num_rows(partition) == 0:
        raise ArtifactError(f"{calibrated.folder}: partition {partition!r} holds no pair")
    return calibrated


class EmbedShards:
    """Ray Data stage: calibrated shards -> committed embedding shards; one model per actor."""

    def __init__(self, checkpoint: str) -> None:
        torch.set_num_threads(cores_per_network())
        run, origin = read_origin(Path(checkpoint))
        model = build_model(run, FeatureDims.of(origin.facts), load_weights=False)
        self._run, self._pixels = run, pixel_spec(run)
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self._model = load_model_weights(model, Path(checkpoint)).to(self._device)

    def __call__(self, items: pa.Table) -> pa.Table:
        """Embed and commit each named shard; give one row about it."""
        return pa.Table.from_pylist([self._embed(**item) for item in items.to_pylist()])

    def _embed(self, source: str, target: str) -> dict[str, Any]:
        loader = PairLoader(
            [Path(source)],
            self._pixels,
            global_batch_size=BATCH_SIZE,
            rank=0,
            world_size=1,
            seed=0,
            num_threads=max(2, torch.get_num_threads()),
            use_texts=self._run.model.recipe_encoder == "transformer",
        )
        batches = [embed(self._model, batch, self._run) for batch in loader.in_order()]
        images, recipes = (torch.cat(parts).numpy() for parts in zip(*batches, strict=True))
        shard = Shard(Path(source), use_features=self._pixels is None)
        schema = embeddings(images.shape[1])
        table = pa.table(
            {
                "id": shard.ids,
                "image_id": [shard.image_id(row, 0) for row in range(shard.num_rows)],
                "title": shard.titles,
                "category_id": pa.array(shard.category_ids, pa.int32()),
                "image_embedding": _vectors(images),
                "recipe_embedding": _vectors(recipes),
            },
            schema=schema,
        )
        write_table(Path(target), table)
        return {"shard": Path(target).name, "rows": len(images)}


def _vectors(rows: Any) -> pa.Array:
    return pa.FixedSizeListArray.from_arrays(pa.array(rows.reshape(-1)), rows.shape[1])
