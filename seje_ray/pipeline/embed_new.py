"""Vectors of new recipes and photos by a finished training, in one Parquet file."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from seje_ray.artifact import write_table
from seje_ray.calibration.corpus import recipe_text
from seje_ray.config import load_run
from seje_ray.config.data import OwnField
from seje_ray.durable import read_json
from seje_ray.features.encoder import Encoder
from seje_ray.lock import locked
from seje_ray.pipeline.columns import vectors_array
from seje_ray.pipeline.embed_plan import embed_plan
from seje_ray.pipeline.executor import Executor
from seje_ray.pipeline.new_inputs import (
    MADE_OF,
    new_source,
    photo_files,
    rejects_table,
    spool,
)
from seje_ray.pipeline.runs import TrainedRun
from seje_ray.pipeline.stage import (
    Item,
    ShardStage,
    Step,
    lease_of,
    leased,
    missing_shards,
)
from seje_ray.pipeline.stored_data import load_photo
from seje_ray.pipeline.vectors_file import (
    NewVectors,
    begun_file,
    close_file,
    finished_file,
    nothing_in,
)
from seje_ray.recipe1m.records import ImageFile, Reject
from seje_ray.recipe1m.source import DataSource
from seje_ray.schema import vectors
from seje_ray.store.location import shown
from seje_ray.store.mirror import fetch
from seje_ray.workspace import Workspace

NOTED = ("other_name", "entities_mismatch")  # reasons that cost nothing of what is embedded


def embed_new(
    trained: TrainedRun,
    workspace: Workspace,
    executor: Executor,
    out: Path,
    *,
    recipes: Path | None = None,
    photos: Path | None = None,
    columns: Mapping[OwnField, str] | None = None,
    allow_outside: bool = False,
) -> NewVectors:
    """Embed recipes and photos that the training has never seen, without a new calibration.

    A row of ``out`` is a recipe, or a photo, also those that recipes name; what cannot be used is
    in ``OUT.rejects.parquet`` by its reason. Work is committed in shards beside ``out``: repeated
    after an interruption it goes on, and with the same inputs a finished file is kept.

    Args:
        trained: The training; its best checkpoint embeds.
        workspace: Where it was calibrated.
        executor: Where to compute; not asked where nothing is left to do.
        out: The file, replaced as a whole.
        recipes: A data set: a file of own recipes, or a Recipe1M folder.
        photos: A photo, or a folder whose photos are taken, also those in folders below it.
        columns: Field -> key of own recipes, beside those of the calibration.
        allow_outside: Whether own recipes may name photos outside their folder, beside a
            calibration that allowed it.

    Raises:
        NothingToEmbedError: If neither is given, or nothing of it can be embedded.
        DataError: If the recipes cannot be read at all.
        QueryError: If instructions have no vectors, since calibration was given these.
    """
    source = (
        None if recipes is None else new_source(recipes, workspace, columns or {}, allow_outside)
    )
    files = [] if photos is None else list(photo_files(photos))
    plan = embed_plan(trained, source, files, columns or {})
    known = finished_file(out, plan)
    if known is not None:
        return known
    with locked(out.with_name(f".{out.name}.lock"), str(out)) as lease:
        held = replace(workspace, lease=lease)
        return _embedded(trained, held, executor, out, plan, source, files, photos)


def _embedded(
    trained: TrainedRun,
    workspace: Workspace,
    executor: Executor,
    out: Path,
    plan: dict[str, Any],
    source: DataSource | None,
    files: list[Path],
    photos: Path | None,
) -> NewVectors:
    """Make the file ``out``, or go on with it; the workspace has its lock."""
    building = begun_file(out, plan)
    if read_json(building / "inputs.json") is None:
        run = load_run(workspace.calibrated_run)
        root = photos if photos is None or photos.is_dir() else photos.parent
        spool(building, source, files, root, needs_ingredients=run.calibrate.needs_ingredients)
    names = read_json(building / "inputs.json")
    if not names:
        where = photos if source is None else source.describe()
        raise nothing_in(out, building, f"recipes or photos to embed in {where}")
    todo = missing_shards(building, names)
    if todo:
        stage = _stage(trained, workspace, building, todo, len(names) - len(todo))
        with executor.session(1) as session:
            session.run_shards(stage)
    return close_file(out, building, plan, names)


def _stage(
    trained: TrainedRun, workspace: Workspace, building: Path, todo: list[str], num_done: int
) -> ShardStage:
    items = [
        {
            "source": str(building / "inputs" / name),
            "target": str(building / name),
            **leased(workspace.lease),
        }
        for name in todo
    ]
    return ShardStage(
        "embedding",
        items,
        _read_inputs,
        _commit,
        [Step(partial(EmbedNew, trained.best_checkpoint, workspace), gpu_share=1.0)],
        num_done=num_done,
    )


def _read_inputs(item: Item) -> pa.Table:
    return pq.read_table(fetch(Path(item["source"])))


class EmbedNew:
    """Embeds a shard of recipes or photos; holds the model."""

    def __init__(self, checkpoint: Path, workspace: Workspace) -> None:
        self._encoder = Encoder.load(checkpoint, workspace)

    def __call__(self, item: Item, inputs: pa.Table) -> pa.Table:
        """Vectors, and in ``reason`` and ``detail`` what cannot be embedded or is to be noted."""
        if inputs.schema.names == MADE_OF.names:
            return self._photos(inputs.to_pylist())
        rows = inputs.to_pylist()
        found = self._encoder.embed_recipes([recipe_text(row) for row in rows])
        ids = [row["id"] for row in rows]
        return _table(ids, "recipe", ids, found, [None] * len(ids))

    def _photos(self, rows: list[dict[str, Any]]) -> pa.Table:
        side = self._encoder.shorter_side
        loaded = [
            load_photo(ImageFile(row["id"], row["location"]), shorter_side=side) for row in rows
        ]
        jpegs = [photo for photo, _ in loaded if isinstance(photo, bytes)]
        found = iter(self._encoder.embed_jpegs(jpegs))
        none = np.full(self._encoder.embedding_dim, np.nan, np.float32)
        embedded = [next(found) if isinstance(photo, bytes) else none for photo, _ in loaded]
        said = [photo if isinstance(photo, Reject) else note for photo, note in loaded]
        ids, recipes = ([row[name] for row in rows] for name in ("id", "recipe"))
        return _table(ids, "photo", recipes, np.stack(embedded), said)


def _table(
    ids: list[str],
    kind: str,
    recipes: list[str | None],
    found: np.ndarray,
    said: list[Reject | None],
) -> pa.Table:
    return pa.table(
        {
            "id": pa.array(ids, pa.string()),
            "kind": pa.array([kind] * len(ids)),
            "recipe": pa.array(recipes, pa.string()),
            "vector": vectors_array(found),
            "reason": pa.array([one and one.reason for one in said], pa.string()),
            "detail": pa.array([one and one.detail for one in said], pa.string()),
        }
    )


def _commit(item: Item, table: pa.Table) -> dict[str, Any]:
    """Write the vectors of a shard, and what was rejected of it."""
    target = Path(item["target"])
    said = [
        Reject(row["id"], row["reason"], shown(row["detail"] or ""))
        for row in table.select(["id", "reason", "detail"]).to_pylist()
        if row["reason"]
    ]
    lease = lease_of(item)
    write_table(target.parent / "rejects" / target.name, rejects_table(said), lease)
    schema = vectors(table.schema.field("vector").type.list_size)
    reasons = table["reason"].to_pylist()
    kept = table.filter(pa.array([not one or one in NOTED for one in reasons]))
    write_table(target, kept.select(schema.names).cast(schema), lease)
    return {"shard": target.name, "rows": kept.num_rows}
