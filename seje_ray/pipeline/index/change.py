"""New recipes in an index without embedding the old ones again, and rows that go."""

import hashlib
import json
import os
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import torch

from seje_ray.artifact import Artifact, partial_folder, shard_name, write_json
from seje_ray.building import begin
from seje_ray.config import load_run
from seje_ray.config.data import OwnField
from seje_ray.durable import committing
from seje_ray.errors import ArtifactError
from seje_ray.lock import Lease
from seje_ray.manifest import Plan
from seje_ray.pipeline.embed_plan import embed_plan
from seje_ray.pipeline.executor import Executor
from seje_ray.pipeline.index.build import bank_of
from seje_ray.pipeline.index.close import Built, built, close_side, embed_shards
from seje_ray.pipeline.index.steps import (
    PARTS,
    IndexPhotos,
    IndexRecipes,
    LoadPhotos,
    part_of,
    read_texts_of,
    save_vectors,
)
from seje_ray.pipeline.measured import measured_run
from seje_ray.pipeline.new_inputs import new_source, spool
from seje_ray.pipeline.runs import TrainedRun
from seje_ray.pipeline.stage import Step
from seje_ray.recipe1m.records import DataError
from seje_ray.recipe1m.source import DataSource
from seje_ray.retrieval.embeddings import Embeddings
from seje_ray.retrieval.hubness import hubness
from seje_ray.retrieval.index.collection import Index
from seje_ray.retrieval.index.graph import Graph
from seje_ray.retrieval.index.side import (
    DELETED,
    GRAPH,
    HUBS,
    VECTORS,
    IndexSide,
    What,
    deleted_rows,
)
from seje_ray.store.mirror import adopt, copy_within, pull, remove
from seje_ray.workspace import Workspace

NUM_SHOWN = 5  # ids that an error names
SPOOLED = ("inputs", "rejects", "inputs.json", PARTS)  # of what is being added


@dataclass(frozen=True, slots=True)
class Added:
    """What was added to an index; its text is what the command prints."""

    rows: Mapping[What, int]  # of this file
    rejected: Mapping[str, int]  # records by reason
    sides: tuple[Built, ...]  # as they are now

    def __str__(self) -> str:
        added = ", ".join(f"{number:,} {what}" for what, number in self.rows.items())
        rejected = ", ".join(f"{number:,} {reason}" for reason, number in self.rejected.items())
        lines = [f"added: {added}", *([f"rejected: {rejected}"] if rejected else [])]
        return "\n".join([*lines, *map(str, self.sides)])


def add_recipes(
    trained: TrainedRun,
    workspace: Workspace,
    executor: Executor,
    path: Path,
    *,
    columns: Mapping[OwnField, str] | None = None,
    allow_outside: bool = False,
) -> Added:
    """Add new recipes, and the photos that they name, to the sides of an index that are there.

    They get the partition ``added``. Repeated after an interruption it goes on; a file that was
    added already is not added again.

    Args:
        trained: The training whose index it is.
        workspace: That it belongs to.
        executor: Where to embed.
        path: A file of own recipes, or a Recipe1M folder.
        columns: Field -> key of own recipes, beside those of the calibration.
        allow_outside: Whether own recipes may name photos outside their folder.

    Raises:
        ArtifactError: If there is no index of this checkpoint, or an id is there already.
        DataError: If there is no recipe to add.
    """
    index = Index.open(workspace, trained.folder.name, trained.best_checkpoint)
    source = new_source(path, workspace, columns or {}, allow_outside)
    plan = embed_plan(trained, source, [], columns or {})
    key = hashlib.sha256(json.dumps(plan, sort_keys=True).encode()).hexdigest()
    weight = measured_run(trained).evaluate.hubness
    sides = [side for side in (index.recipes, index.photos) if side is not None]
    has_hubs = any(side.hubs is not None for side in sides)
    bank = bank_of(trained, workspace, executor, weight) if has_hubs else None
    rows: dict[What, int] = {}
    rejected: dict[str, int] = {}
    made = []
    for side in sides:
        artifact = _added(trained, workspace, executor, side, source, key, bank)
        told = artifact.manifest.facts["sources"][key]
        rows[side.what], rejected = told["rows"], told["rejected"]
        made.append(built(side.what, artifact))
    return Added(rows, rejected, tuple(made))


def delete_rows(trained: TrainedRun, workspace: Workspace, ids: Sequence[str]) -> dict[What, int]:
    """Take recipes with their photos, or photos, out of an index; how many rows of each side.

    Raises:
        ArtifactError: If there is no index of this checkpoint, or it lacks an id; then nothing
            is deleted.
    """
    index = Index.open(workspace, trained.folder.name, trained.best_checkpoint)
    sides = [side for side in (index.photos, index.recipes) if side is not None]
    found = {side.what: _rows_of(side, ids) for side in sides}
    known = {
        side.entries.column("id")[int(row)].as_py() for side in sides for row in found[side.what]
    }
    owners = {row for side in sides if side.what == "photos" for row in _owners(side, ids)}
    unknown = [id_ for id_ in dict.fromkeys(ids) if id_ not in known | owners]
    if unknown:
        raise ArtifactError(
            f"{index.folder}: expected ids of recipes or photos of the index, found "
            f"{len(unknown):,} others ({', '.join(unknown[:NUM_SHOWN])}); nothing was deleted"
        )
    for side in sides:
        folder = side.artifact.folder
        with workspace.writing(folder, waits=True) as held:
            side.require_unchanged()
            gone = sorted({*deleted_rows(folder), *map(int, found[side.what])})
            write_json(folder / DELETED, {"rows": gone}, held.lease)
    return {what: len(rows) for what, rows in found.items()}


def _rows_of(side: IndexSide, ids: Sequence[str]) -> np.ndarray:
    """Numbers of the rows with these ids, or of photos of these recipes."""
    wanted = pa.array(list(ids), pa.string())
    mask = pc.is_in(side.entries.column("id"), value_set=wanted)
    if side.what == "photos":
        mask = pc.or_(mask, pc.is_in(side.entries.column("recipe"), value_set=wanted))
    return np.flatnonzero(pc.fill_null(mask, False).to_numpy(zero_copy_only=False) & side.is_there)


def _owners(side: IndexSide, ids: Sequence[str]) -> set[str]:
    """Those of the ids that are recipes of photos that are there."""
    recipes = side.entries.column("recipe").filter(pa.array(side.is_there))
    return set(ids) & set(pc.unique(recipes).to_pylist())


def _added(
    trained: TrainedRun,
    workspace: Workspace,
    executor: Executor,
    side: IndexSide,
    source: DataSource,
    key: str,
    bank: Embeddings | None,
) -> Artifact:
    """One side with the rows of a source; the artifact as it is where it has them."""
    old, folder = side.artifact, side.artifact.folder
    sources: dict[str, Any] = old.manifest.facts.get("sources", {})
    if key in sources:
        return old
    section = {**old.manifest.plan.section, "added": key, "to": old.content_hash}
    plan = Plan(kind="index", section=section, inputs=old.manifest.plan.inputs, seed=0)
    with workspace.writing(folder) as held:
        side.require_unchanged()
        building = begin(folder, plan, lease=held.lease)
        names = _spooled(building, source, workspace, side)
        embed_shards(
            executor, side.what, building, names, read_texts_of, _steps(trained, workspace, side),
            held.lease,
        )  # fmt: skip
        pull(building, keeps_own=True)
        num_rows = sum(pq.read_metadata(building / name).num_rows for name in names)
        facts = _carried(side, building, list(names), bank, held.lease)
        facts["added"] = old.manifest.facts.get("added", 0) + num_rows
        facts["sources"] = {**sources, key: {"rows": num_rows, "rejected": _rejected(building)}}
        made = close_side(
            folder, building, old.manifest.plan, side.what, facts,
            before=folder / VECTORS, gone=deleted_rows(folder), lease=held.lease,
        )  # fmt: skip
    for name in SPOOLED:
        remove(folder / name)
    return made


def _spooled(
    building: Path, source: DataSource, workspace: Workspace, side: IndexSide
) -> dict[str, Path]:
    """Names of the new shards and what they are made of; read from the source once."""
    for name in ("inputs", "rejects", PARTS):
        (building / name).mkdir(exist_ok=True)
    if not (building / "inputs.json").is_file():
        needs = load_run(workspace.calibrated_run).calibrate.needs_ingredients
        spool(building, source, [], None, needs_ingredients=needs)
    inputs = [n for n in json.loads((building / "inputs.json").read_text()) if n[:6] == "recipe"]
    if not inputs:
        raise DataError(
            f"{source.describe()}: expected recipes to add, found none; rejected: "
            f"{_rejected(building) or 'nothing'}"
        )
    paths = [building / "inputs" / name for name in inputs]
    if side.what == "recipes":
        _require_new(side, paths)
    first = len(side.artifact.names())
    return {shard_name(side.what, first + n): path for n, path in enumerate(paths)}


def _require_new(side: IndexSide, paths: Sequence[Path]) -> None:
    """Refuse ids that are there, before anything is embedded."""
    new = pa.concat_tables([pq.read_table(path, columns=["id"]) for path in paths])["id"]
    known = side.entries.column("id").filter(pa.array(side.is_there))
    there = new.filter(pc.is_in(new, value_set=known.combine_chunks())).to_pylist()
    repeated = [id_ for id_, number in Counter(new.to_pylist()).items() if number > 1]
    if there or repeated:
        shown = ", ".join([*there, *repeated][:NUM_SHOWN])
        remove(partial_folder(side.artifact.folder))
        raise ArtifactError(
            f"{side.artifact.folder}: expected new ids, found {len(there):,} that are there "
            f"already and {len(repeated):,} that repeat ({shown}); nothing was added; delete the "
            "old ones with `seje-ray index delete`, or give other ids"
        )


def _steps(trained: TrainedRun, workspace: Workspace, side: IndexSide) -> list[Step]:
    shorter_side = load_run(workspace.calibrated_run).data.shorter_side
    step = partial(IndexRecipes, are_own=False) if side.what == "recipes" else IndexPhotos
    return [
        Step(partial(LoadPhotos, shorter_side)),
        Step(partial(step, trained.best_checkpoint, workspace), gpu_share=1.0),
    ]


def _rejected(building: Path) -> dict[str, int]:
    reasons = pq.read_table(building / "rejects" / "texts.parquet", columns=["reason"])["reason"]
    return dict(Counter(reasons.to_pylist()))


def _carried(
    side: IndexSide,
    building: Path,
    names: Sequence[str],
    bank: Embeddings | None,
    lease: Lease | None,
) -> dict[str, Any]:
    """Bring the old shards, graph and hubs along, the latter with the new rows; facts of them."""
    folder, known = side.artifact.folder, side.artifact.manifest.facts
    for path in side.artifact.shards():
        _link(path, building / path.name)
    copy_within(folder, building, side.artifact.names())
    adopt(building)
    if (folder / DELETED).is_file():
        shutil.copy(folder / DELETED, building / DELETED)
    parts = [rows for name in names if len(rows := np.load(part_of(building / name)))]
    none = np.empty((0, side.vectors.shape[1]), np.float32)
    rows = np.concatenate([none, *parts])
    if side.graph is not None:
        graph = Graph.read(folder / GRAPH)
        graph.add(rows)
        with committing(building / GRAPH, lease) as temporary:
            graph.save(temporary)
    if side.hubs is not None and bank is not None:
        others = bank.image_embeddings if side.what == "recipes" else bank.recipe_embeddings
        num = known["hub_neighbours"]
        hubs = hubness(torch.from_numpy(rows), torch.from_numpy(others), num).clamp(-1, 1)
        save_vectors(building / HUBS, np.concatenate([side.hubs, hubs.numpy()]), lease)
    return {name: fact for name, fact in known.items() if name not in ("sizes", "same")}


def _link(path: Path, target: Path) -> None:
    """The same file under another name; a copy where the file system has no links."""
    target.unlink(missing_ok=True)
    try:
        os.link(path, target)
    except OSError:
        shutil.copy(path, target)
