"""Stage ``ingest``: raw recipes and photos -> ``recipes/``."""

import functools
import os
from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from seje_ray.artifact import (
    Artifact,
    finished,
    outdated,
    read_shard,
    shard_name,
    write_json,
    write_rejects,
    write_table,
)
from seje_ray.building import begin, build_manifest, finish
from seje_ray.config import RunConfig
from seje_ray.console.progress import Bars
from seje_ray.durable import read_json
from seje_ray.integrity import known_hash
from seje_ray.lock import Lease
from seje_ray.manifest import (
    Plan,
    manifest_in,
)
from seje_ray.pipeline.executor import Session
from seje_ray.pipeline.stage import Item, ShardStage, lease_of, leased, missing_shards
from seje_ray.pipeline.stored_data import load_photo
from seje_ray.recipe1m.photo_names import where_missing_are
from seje_ray.recipe1m.protocol_filter import needed, protocol_rejection
from seje_ray.recipe1m.records import DataError, ImageFile, Recipe, Reject
from seje_ray.recipe1m.source import DataSource
from seje_ray.schema import RECIPE_TEXTS, RECIPES, REJECTS
from seje_ray.store.mirror import fetch, is_object, pull, remove
from seje_ray.workspace import Workspace

RECORDS_PER_WORD = 500  # between two words on how many were read
NUM_READERS = 4  # threads per task; reading photos waits for the disk


def ingest(
    run: RunConfig,
    source: DataSource,
    workspace: Workspace,
    session: Session,
    *,
    is_made_up: bool,
) -> Artifact:
    """Read the data set into ``workspace/recipes``; resumes, or returns at once.

    Args:
        run: The run.
        source: What reads the data set.
        workspace: Where artifacts lie.
        session: Where to compute.
        is_made_up: Whether it is the embedded cookbook, for every report to say so.

    Raises:
        DataError: If the data set cannot be read or holds no usable recipe.
    """
    known = finished_recipes(run, source, workspace, is_made_up=is_made_up)
    if known is not None:
        return known
    folder, plan = workspace.recipes, _plan(run, source, is_made_up=is_made_up)
    if (change := outdated(folder, plan.kind, workspace.verify)) is not None:
        click.echo(change, err=True)
    elif _is_read_by_other_rules(folder, plan):
        click.echo("own recipes are read by newer rules: ingest runs again", err=True)
    partial = begin(folder, plan, lease=workspace.lease)
    if read_json(partial / "texts.json") is None:
        _spool_texts(source, partial, run)
    (partial / "rejects").mkdir(exist_ok=True)
    session.run_shards(_stage(run, partial, workspace.lease))
    return _close(folder, partial, plan, workspace.lease)


def _stage(run: RunConfig, partial: Path, lease: Lease | None) -> ShardStage:
    """The photos of the spooled texts that are still to be read."""
    texts = sorted(path.name for path in (partial / "texts").glob("*.parquet"))
    items = [
        {
            "folder": str(partial),
            "shard": name,
            "shorter_side": run.data.shorter_side,
            "max_images": run.data.max_images,
            **leased(lease),
        }
        for name in missing_shards(partial, texts)
    ]
    num_done = len(texts) - len(items)
    return ShardStage("reading photos", items, read_texts, commit_with_photos, num_done=num_done)


def finished_recipes(
    run: RunConfig, source: DataSource, workspace: Workspace, *, is_made_up: bool
) -> Artifact | None:
    """The recipes, if they are those of ``run`` and ``source`` and no missing photo has come."""
    plan = _plan(run, source, is_made_up=is_made_up)
    known = finished(workspace.recipes, plan, verify=workspace.verify)
    return None if known is None or _has_new_photos(known) else known


def _plan(run: RunConfig, source: DataSource, *, is_made_up: bool) -> Plan:
    return Plan(
        kind="recipes",
        section={
            "data": run.data.deciding(),
            "is_made_up": is_made_up,
            **({"reader": source.rules} if source.rules else {}),
            **({} if run.calibrate.needs_ingredients else {"needs_ingredients": False}),
        },
        inputs=_inputs(source.files()),
        seed=run.seed,
    )


def _inputs(files: list[Path]) -> dict[str, str]:
    """Hash of each raw file, by its name below the folder that holds all of them."""
    root = Path(os.path.commonpath([path.parent for path in files]))
    return {path.relative_to(root).as_posix(): known_hash(path) for path in files}


def _is_read_by_other_rules(folder: Path, plan: Plan) -> bool:
    """Whether the same files were read by an older reader of own recipes."""
    stored = manifest_in(folder)
    if stored is None or stored.plan.kind != plan.kind or stored.plan.inputs != plan.inputs:
        return False
    return bool(stored.plan.section.get("reader", 0) < plan.section.get("reader", 0))


def _has_new_photos(recipes: Artifact) -> bool:
    """Whether a photo is there now that was missing when the data set was read."""
    rejects = pq.read_table(fetch(recipes.folder / "rejects.parquet"))
    missing = rejects.filter(pc.equal(rejects["reason"], "missing_file"))["detail"].to_pylist()
    return any(os.path.exists(path) or is_object(Path(path)) for path in missing)


def _close(folder: Path, partial: Path, plan: Plan, lease: Lease | None) -> Artifact:
    """Merge the rejects, write the manifest, drop the spool."""
    pull(partial, keeps_own=True)
    rejected = write_rejects(partial, (partial / "rejects").glob("*.parquet"))
    manifest = build_manifest(
        plan,
        partial,
        rejected=rejected,
        facts={
            "rows_with_image": _rows_with_image(partial),
            "is_made_up": plan.section["is_made_up"],
            **_reading(partial),
            **_missing_photos(partial),
        },
    )
    if not manifest.rows:
        raise DataError(f"{folder}: no usable recipe is left; all were rejected: {rejected}")
    artifact = finish(folder, plan, manifest, lease)
    for name in ("texts", "rejects"):  # only now: a run killed before here still needs them
        remove(folder / name)
    remove(folder / "texts.json")
    return artifact


def _missing_photos(partial: Path) -> dict[str, str]:
    """Where photos are that were not found, where that is known."""
    rejects = pq.read_table(partial / "rejects.parquet", columns=["id", "reason", "detail"])
    missing = rejects.filter(pc.equal(rejects["reason"], "missing_file"))
    ids, places = (missing[name].to_pylist() for name in ("id", "detail"))
    found = where_missing_are(list(zip(ids, places, strict=True)))
    return {"missing_photos": found} if found else {}


def _reading(partial: Path) -> dict[str, Any]:
    """What the reader did with keys and texts, where there is something to say."""
    spooled = read_json(partial / "texts.json")
    return {name: spooled[name] for name in ("reading", "recognition") if name in spooled}


def _rows_with_image(folder: Path) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for path in sorted(folder.glob("*-*.parquet")):
        images = read_shard(path, ["images.list.element.id"]).column("images")
        counts[path.name.rsplit("-", 1)[0]] += sum(len(row) > 0 for row in images)
    return dict(sorted(counts.items()))


def _spool_texts(source: DataSource, partial: Path, run: RunConfig) -> None:
    """Write the texts in shards of one partition each; the quick part, made in one go."""
    texts, rejects = partial / "texts", partial / "rejects"
    for folder in (texts, rejects):
        folder.mkdir(exist_ok=True)
        for path in folder.glob("*"):
            remove(path)
    pending: dict[str, list[dict[str, Any]]] = defaultdict(list)
    numbers: Counter[str] = Counter()
    rejected: list[dict[str, str]] = []

    def flush(partition: str) -> None:
        table = pa.Table.from_pylist(pending.pop(partition), schema=RECIPE_TEXTS)
        write_table(texts / shard_name(partition, numbers[partition]), table)
        numbers[partition] += 1

    needs_ingredients = run.calibrate.needs_ingredients
    for record in _counted(source.read()):
        reason = None
        if isinstance(record, Recipe):
            reason = protocol_rejection(record, needs_ingredients=needs_ingredients)
        if isinstance(record, Reject):
            rejected.append(asdict(record))
        elif reason is not None:
            rejected.append({"id": record.id, "reason": str(reason), "detail": record.title})
        else:
            pending[record.partition].append(asdict(record))
            if len(pending[record.partition]) == run.data.recipes_per_shard:
                flush(record.partition)
    for partition in list(pending):
        flush(partition)
    write_table(rejects / "texts.parquet", pa.Table.from_pylist(rejected, schema=REJECTS))
    if (problem := source.notes.problem()) is not None:
        raise DataError(f"{source.describe()}: {problem}")
    reading = {"reading": source.notes.to_facts(), "recognition": source.notes.recognition()}
    reading = {name: found for name, found in reading.items() if found}
    if not numbers:
        raise DataError(
            f"{source.describe()}: expected recipes, found none that can be used "
            f"({dict(Counter(r['reason'] for r in rejected))}); "
            f"{needed(has_ingredients=needs_ingredients)}"
        )
    write_json(partial / "texts.json", {"shards": dict(numbers), **reading})


def _counted(records: Iterator[Recipe | Reject]) -> Iterator[Recipe | Reject]:
    """Show on stderr how many records were read; their total is not known before the end."""
    with Bars() as bars:
        report = bars.bar("reading texts", "records")
        number = 0
        for number, record in enumerate(records, start=1):
            if number % RECORDS_PER_WORD == 0:
                report(number)
            yield record
        report(number, number)


def read_texts(item: Item) -> pa.Table:
    """Texts of a shard that the spool holds, with where its photos are."""
    return pq.read_table(fetch(Path(item["folder"]) / "texts" / item["shard"]))


def commit_with_photos(item: Item, texts: pa.Table) -> dict[str, Any]:
    """Add photos to the texts of a shard; commit it, and what was rejected of it.

    A photo that cannot be used is rejected by reason, its recipe stays with its other photos.
    """
    partial, shard = Path(item["folder"]), item["shard"]
    rows = texts.to_pylist()
    rejected: list[Reject] = []
    load = functools.partial(load_photo, shorter_side=item["shorter_side"])
    with ThreadPoolExecutor(NUM_READERS) as readers:
        for row in rows:
            files = [ImageFile(**image) for image in row["images"]][: item["max_images"]]
            both = list(readers.map(load, files))
            loaded = [result for result, _ in both]
            row["images"] = [
                {"id": file.id, "jpeg": result}
                for file, result in zip(files, loaded, strict=True)
                if isinstance(result, bytes)
            ]
            rejected.extend(result for result in loaded if isinstance(result, Reject))
            rejected.extend(note for _, note in both if note is not None)
    table = pa.Table.from_pylist([asdict(reject) for reject in rejected], schema=REJECTS)
    lease = lease_of(item)
    write_table(partial / "rejects" / shard, table, lease)
    write_table(partial / shard, pa.Table.from_pylist(rows, schema=RECIPES), lease)
    return {"shard": shard, "rows": len(rows), "rejected": len(rejected)}
