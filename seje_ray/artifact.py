"""A stage's result on disk: a folder that is either finished or can be resumed.

A stage builds in ``NAME.partial/``, commits shard by shard (written beside, then renamed), writes
``manifest.json`` last and renames the folder to ``NAME/``. A killed stage finds its shards again;
a finished artifact is never touched until its replacement is complete.
"""

import hashlib
import json
import shutil
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from seje_ray import __version__
from seje_ray.durable import committing
from seje_ray.errors import ArtifactError
from seje_ray.lock import Lease
from seje_ray.schema import COMPONENT, REJECTS, VERSIONS, upgraded

MADE_BY = {  # kind -> the stage that makes it, and the command that runs that stage
    "recipes": ("ingest", "seje-ray calibrate --stage ingest"),
    "calibrator": ("fit", "seje-ray calibrate --stage fit"),
    "calibrated": ("transform", "seje-ray calibrate"),
    "run": ("train", "seje-ray train"),
    "embeddings": ("embed", "seje-ray evaluate"),
    "index": ("index", "seje-ray index"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """All that decides an artifact's content; two equal plans give the same bytes."""

    kind: str
    section: Mapping[str, Any]  # the parts of the run file that matter here
    inputs: Mapping[str, str]  # name -> content hash
    seed: int
    schema_version: int = 0  # of the kind; 0 is replaced by what this program makes

    def __post_init__(self) -> None:
        if not self.schema_version:
            object.__setattr__(self, "schema_version", VERSIONS[self.kind])

    def to_dict(self) -> dict[str, Any]:
        """Return plain data, equal to what a JSON round trip gives."""
        return json.loads(json.dumps(asdict(self)))  # type: ignore[no-any-return]


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """``manifest.json`` of a finished artifact. No time stamps: it is part of a content hash."""

    plan: Plan
    seje_ray_version: str
    rows: Mapping[str, int] = field(default_factory=dict)  # per partition
    rejected: Mapping[str, int] = field(default_factory=dict)  # by reason
    shards: Mapping[str, str] = field(default_factory=dict)  # file name -> sha256
    facts: Mapping[str, Any] = field(default_factory=dict)  # what the kind adds, e.g. a hash

    @property
    def content_hash(self) -> str:
        """sha256 of the manifest, and through the shards' hashes of the content."""
        return hashlib.sha256(_to_json(asdict(self)).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Artifact:
    """A finished artifact."""

    folder: Path
    manifest: Manifest  # with its facts as this version of the program has them
    content_hash: str  # of the manifest as it is stored

    def shards(self, partition: str | None = None) -> list[Path]:
        """Shard files in order; those of one partition carry its name in front."""
        names = sorted(self.manifest.shards)
        if partition is not None:
            names = [n for n in names if n.rsplit("-", 1)[0] == partition]
        return [self.folder / name for name in names]

    def num_rows(self, partition: str | None = None) -> int:
        """Rows of one partition, or of all."""
        rows = self.manifest.rows
        return sum(rows.values()) if partition is None else rows.get(partition, 0)


def stage_of(kind: str) -> str:
    """The stage that makes artifacts of a kind, as a person knows it."""
    if kind.startswith(COMPONENT):
        return f"fit, component {kind.removeprefix(COMPONENT)}"
    return MADE_BY[kind][0]


def command_of(kind: str) -> str:
    """The command that makes artifacts of a kind."""
    return MADE_BY["calibrator" if kind.startswith(COMPONENT) else kind][1]


def open_artifact(folder: Path, kind: str) -> Artifact:
    """Open the finished artifact in ``folder``, also one that an older program made.

    Raises:
        ArtifactError: If it is missing, unfinished, of another kind, or of a version that this
            program does not read; says which stage has to run, and the command for it.
    """
    path = folder / "manifest.json"
    if not path.is_file():
        state = "unfinished" if partial_folder(folder).exists() else "not there"
        raise ArtifactError(
            f"{folder}: this {kind} artifact is {state}; run `{command_of(kind)}` first"
        )
    stored = manifest_in(folder)
    if stored is None:
        raise ArtifactError(f"{path}: not a manifest; run `{command_of(kind)}` again")
    found, version = stored.plan.kind, stored.plan.schema_version
    if found != kind:
        raise ArtifactError(
            f"{folder}: expected {kind}, found {found}; run `{command_of(kind)}` again"
        )
    facts = upgraded(kind, version, stored.facts)
    if facts is None:
        raise ArtifactError(
            f"{folder}: {kind} of schema {version}, this program reads schema {VERSIONS[kind]}: "
            f"stage {stage_of(kind)} has to run again; run `{command_of(kind)}`"
        )
    return Artifact(folder, replace(stored, facts=facts), stored.content_hash)


def manifest_in(folder: Path) -> Manifest | None:
    """The manifest in ``folder`` as it is stored, of whatever version; None if there is none."""
    try:
        raw = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        return Manifest(**{**raw, "plan": Plan(**raw["plan"])})
    except (OSError, ValueError, TypeError, KeyError):
        return None


def outdated(folder: Path, kind: str) -> str | None:
    """The stage that has to run again since another version of this program made its artifact.

    None if there is no such artifact, or if it can be read.
    """
    stored = manifest_in(folder)
    if stored is None or stored.plan.kind != kind:
        return None
    version = stored.plan.schema_version
    if upgraded(kind, version, stored.facts) is not None:
        return None
    return (
        f"stage {stage_of(kind)} runs again, since {folder} has schema {version} and this program "
        f"makes schema {VERSIONS[kind]}"
    )


def require_equal_hash(what: str, folder: Path, found: str, expected: str, command: str) -> None:
    """Refuse two artifacts that do not belong together.

    Raises:
        ArtifactError: Showing both hashes and the command that mends it.
    """
    if found != expected:
        raise ArtifactError(
            f"{folder}: made with another {what}: expected {expected[:12]}, found {found[:12]}; "
            f"run `{command}` again"
        )


def partial_folder(folder: Path) -> Path:
    """The folder in which the artifact of ``folder`` is built until it is finished."""
    return folder.with_name(folder.name + ".partial")


def finished(folder: Path, plan: Plan, *as_good: Plan | None) -> Artifact | None:
    """The artifact in ``folder`` if it is finished and was made by this very ``plan``.

    Args:
        folder: Of the artifact.
        plan: Of this version.
        as_good: Plans of versions before that give the same content, where there are some.
    """
    if not (folder / "manifest.json").is_file():
        return None
    try:
        artifact = open_artifact(folder, plan.kind)
    except ArtifactError:  # of a version that is no longer read: to be made again
        return None
    made_by = replace(artifact.manifest.plan, schema_version=plan.schema_version).to_dict()
    accepted = [one.to_dict() for one in (plan, *as_good) if one is not None]
    return artifact if made_by in accepted else None


def begin(folder: Path, plan: Plan, *as_good: Plan | None, lease: Lease | None = None) -> Path:
    """Open the building folder of ``plan``; what an interrupted run of it committed stays.

    Args:
        folder: Of the artifact.
        plan: Of this version.
        as_good: Plans of versions before that give the same content, where there are some.
        lease: Of the command, where it holds one.

    Raises:
        LockLostError: If another command writes the artifact by now.
    """
    if lease is not None:
        lease.require()
    partial = partial_folder(folder)
    marker = partial / "plan.json"
    if partial.exists():
        known = json.loads(marker.read_text()) if marker.is_file() else None
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
    replaced = folder.with_name(folder.name + ".replaced")
    shutil.rmtree(replaced, ignore_errors=True)
    if folder.exists():
        folder.rename(replaced)
    partial.rename(folder)
    (folder / "plan.json").unlink(missing_ok=True)  # only now: until here it says what resumes
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


def _remove(folder: Path) -> None:
    """Remove a folder in which tasks of a dead command may still write: in one stroke first."""
    gone = folder.with_name(f"{folder.name}.gone")
    shutil.rmtree(gone, ignore_errors=True)
    folder.rename(gone)
    shutil.rmtree(gone, ignore_errors=True)


def build_manifest(
    plan: Plan,
    folder: Path,
    *,
    rejected: Mapping[str, int] | None = None,
    facts: Mapping[str, Any] | None = None,
) -> Manifest:
    """Count and hash the Parquet shards of ``folder``."""
    rows: Counter[str] = Counter()
    shards = {}
    for path in sorted(folder.glob("*-*.parquet")):
        shards[path.name] = file_hash(path)
        rows[path.name.rsplit("-", 1)[0]] += pq.read_metadata(path).num_rows
    return Manifest(
        plan=plan,
        seje_ray_version=__version__,
        rows=dict(sorted(rows.items())),
        rejected=dict(sorted((rejected or {}).items())),
        shards=shards,
        facts=dict(facts or {}),
    )


def shard_name(partition: str, number: int) -> str:
    """File name of a shard: sorts by partition and number."""
    return f"{partition}-{number:06d}.parquet"


def write_table(
    path: Path, table: pa.Table, lease: Lease | None = None, *, row_group_size: int = 64
) -> None:
    """Write a Parquet file beside and rename it, so that a file that exists is whole.

    Raises:
        LockLostError: If another command has taken the ``lease`` over.
    """
    with committing(path, lease) as temporary:
        # Dictionaries make float vectors larger and reading four times slower (docs/results.md).
        pq.write_table(
            table,
            temporary,
            compression="zstd",
            row_group_size=row_group_size,
            use_dictionary=False,
        )


def read_shard(path: Path, columns: Sequence[str]) -> pa.Table:
    """Read columns of a shard; ``images.list.element.id`` reads one field of a nested column."""
    with pq.ParquetFile(path) as file:
        return file.read(columns=list(columns))


def write_json(path: Path, value: object, lease: Lease | None = None) -> None:
    """Write JSON as ``write_table`` writes tables."""
    write_text(path, _to_json(value), lease)


def write_text(path: Path, text: str, lease: Lease | None = None) -> None:
    """Write a text file as ``write_table`` writes tables."""
    with committing(path, lease) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_rejects(folder: Path, pieces: Iterable[Path]) -> dict[str, int]:
    """Merge rejects written per shard into ``rejects.parquet``; return counts by reason."""
    tables = [pq.read_table(piece, schema=REJECTS) for piece in sorted(pieces)]
    merged = pa.concat_tables([REJECTS.empty_table(), *tables])
    write_table(folder / "rejects.parquet", merged)
    return dict(Counter(merged.column("reason").to_pylist()))


def file_hash(path: Path) -> str:
    """sha256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _to_json(value: object) -> str:
    return json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
