"""How an artifact is made: begun or resumed, finished, and put in the place of the one before."""

import shutil
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import click
import pyarrow.parquet as pq

from seje_ray import __version__
from seje_ray.artifact import Artifact, open_artifact, partial_folder, write_json
from seje_ray.durable import place, read_json, sync_tree
from seje_ray.integrity import known_hashes
from seje_ray.lock import Lease
from seje_ray.log import event
from seje_ray.manifest import Manifest, Plan
from seje_ray.store.mirror import adopt, is_mirrored, publish, pull, remove


def begin(
    folder: Path,
    plan: Plan,
    *as_good: Plan | None,
    lease: Lease | None = None,
    joins: bool = False,
) -> Path:
    """Open the building folder of ``plan``; what an interrupted run of it committed stays.

    Args:
        folder: Of the artifact.
        plan: Of this version.
        as_good: Plans of versions before that give the same content, where there are some.
        lease: Of the command, where it holds one.
        joins: Another process has begun it, and may be writing there.

    Raises:
        LockLostError: If another command writes the artifact by now.
    """
    if lease is not None:
        lease.require()
    partial = pull(partial_folder(folder), keeps_own=joins)
    marker = partial / "plan.json"
    if partial.exists():
        known = read_json(marker)
        if known is None:
            text = f"{marker} cannot be read: what was begun there is begun anew"
            event("warning", text=text)
            click.echo(f"note: {text}", err=True)
        if known == plan.to_dict():
            return partial
        if known not in [one.to_dict() for one in as_good if one is not None]:
            _remove(partial)
    partial.mkdir(parents=True, exist_ok=True)
    write_json(marker, plan.to_dict())
    return partial


def finish(folder: Path, plan: Plan, manifest: Manifest, lease: Lease | None = None) -> Artifact:
    """Write the manifest and put the building folder in the place of ``folder``.

    Raises:
        LockLostError: If another command writes the artifact by now.
    """
    partial = partial_folder(folder)
    write_json(partial / "manifest.json", asdict(manifest), lease)
    sync_tree(partial)
    if lease is not None:
        lease.require()
    publish(partial, folder, without="plan.json")
    replaced = folder.with_name(folder.name + ".replaced")
    shutil.rmtree(replaced, ignore_errors=True)
    if folder.exists():
        folder.rename(replaced)
    place(partial, folder)
    (folder / "plan.json").unlink(missing_ok=True)  # only now: until here it says what resumes
    adopt(folder)
    shutil.rmtree(replaced, ignore_errors=True)
    return open_artifact(folder, plan.kind)


def with_facts(
    artifact: Artifact, facts: Mapping[str, Any], lease: Lease | None = None
) -> Artifact:
    """Lay facts over those of a finished artifact, for what was made of it afterwards.

    Raises:
        LockLostError: If another command writes the artifact by now.
    """
    manifest = replace(artifact.manifest, facts={**artifact.manifest.facts, **facts})
    write_json(artifact.folder / "manifest.json", asdict(manifest), lease)
    return open_artifact(artifact.folder, manifest.plan.kind)


def build_manifest(
    plan: Plan,
    folder: Path,
    *,
    rejected: Mapping[str, int] | None = None,
    facts: Mapping[str, Any] | None = None,
) -> Manifest:
    """Count and hash the Parquet shards of ``folder``."""
    rows: Counter[str] = Counter()
    pull(folder, keeps_own=True)
    hashes = known_hashes(sorted(folder.glob("*-*.parquet")))
    counts = {path.name: pq.read_metadata(path).num_rows for path in hashes}
    for name, count in counts.items():
        rows[name.rsplit("-", 1)[0]] += count
    return Manifest(
        plan=plan,
        seje_ray_version=__version__,
        rows=dict(sorted(rows.items())),
        rejected=dict(sorted((rejected or {}).items())),
        shards={path.name: found for path, found in hashes.items()},
        sizes={path.name: path.stat().st_size for path in hashes},
        shard_rows=counts,
        facts=dict(facts or {}),
    )


def _remove(folder: Path) -> None:
    """Remove a folder in which tasks of a dead command may still write: in one stroke first."""
    if is_mirrored(folder):
        remove(folder)
        return
    gone = folder.with_name(f"{folder.name}.gone")
    shutil.rmtree(gone, ignore_errors=True)
    folder.rename(gone)
    shutil.rmtree(gone, ignore_errors=True)
