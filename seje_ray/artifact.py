"""A stage's result on disk: a folder that is either finished or can be resumed.

A stage builds in ``NAME.partial/``, commits shard by shard (written beside, then renamed), writes
``manifest.json`` last and renames the folder to ``NAME/``. A killed stage finds its shards again;
a finished artifact is never touched until its replacement is complete.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from seje_ray.durable import committing
from seje_ray.errors import ArtifactError, StoreError
from seje_ray.integrity import Verify, first_fault
from seje_ray.lock import Lease
from seje_ray.manifest import Manifest, Plan, command_of, manifest_in, stage_of, to_json
from seje_ray.schema import REJECTS, VERSIONS, upgraded
from seje_ray.store.location import shown
from seje_ray.store.mirror import fetch, fetch_noted, is_mirrored
from seje_ray.store.objects import in_threads

PAGE = 16 * 2**20  # bytes of a column in one piece


@dataclass(frozen=True, slots=True)
class Artifact:
    """A finished artifact."""

    folder: Path
    manifest: Manifest  # with its facts as this version of the program has them
    content_hash: str  # of the manifest as it is stored

    def shards(self, partition: str | None = None) -> list[Path]:
        """Shard files in order, all brought from where they are stored.

        Those of one partition carry its name in front.
        """
        paths = self.paths(partition)
        if is_mirrored(self.folder):
            in_threads(self.bring, paths)
        return paths

    def paths(self, partition: str | None = None) -> list[Path]:
        """As ``shards``; ``bring`` or ``read_shard`` brings those that are read."""
        return [self.folder / name for name in self.names(partition)]

    def bring(self, path: Path) -> Path:
        """One of ``paths``, brought from where it is stored.

        Raises:
            StoreError: If it is missing there, damaged, or of an artifact that was made since.
        """
        fetch_noted(path)
        known = self.manifest.sizes.get(path.name)
        if known is not None and is_mirrored(path) and (found := path.stat().st_size) != known:
            raise StoreError(
                f"{path} has {found:,} bytes, and had {known:,} when the command began: it was "
                "made again since; repeat the command"
            )
        return path

    def counts(self, partition: str | None = None) -> list[int]:
        """Rows of each of ``paths``; where an older version did not note them, by its file."""
        noted, names = self.manifest.shard_rows, self.names(partition)
        if all(name in noted for name in names):
            return [noted[name] for name in names]
        return [pq.read_metadata(path).num_rows for path in self.shards(partition)]

    def names(self, partition: str | None = None) -> list[str]:
        """Names of the shard files in order."""
        names = sorted(self.manifest.shards)
        if partition is not None:
            names = [n for n in names if n.rsplit("-", 1)[0] == partition]
        return names

    def fault(self, verify: Verify, *partitions: str) -> str | None:
        """What is wrong with a file, in words; None if all are as they were made.

        Args:
            verify: Compare sizes alone, or hashes, too.
            partitions: Whose hashes are compared; all where none is named. Sizes always are.
        """
        known, folder = self.manifest, self.folder
        fault = first_fault(folder, known.shards, known.sizes, "size")
        if fault is not None or verify == "size":
            return fault
        read = {n: h for n, h in known.shards.items() if _is_of(n, partitions)}
        return first_fault(folder, read, known.sizes, verify)

    def require_whole(self, verify: Verify, *partitions: str) -> "Artifact":
        """This artifact, if its files are as they were made; arguments as for ``fault``.

        Raises:
            ArtifactError: Naming the first that is not, and the stage that makes it again.
        """
        fault, kind = self.fault(verify, *partitions), self.manifest.plan.kind
        if fault is None:
            return self
        raise ArtifactError(
            f"{fault}; stage {stage_of(kind)} has to make it again: run `{command_of(kind)}`"
        )

    def num_rows(self, partition: str | None = None) -> int:
        """Rows of one partition, or of all."""
        rows = self.manifest.rows
        return sum(rows.values()) if partition is None else rows.get(partition, 0)


def _is_of(name: str, partitions: Sequence[str]) -> bool:
    """Whether a shard is of one of these partitions, or of any where none is named."""
    return not partitions or name.rsplit("-", 1)[0] in partitions


def open_artifact(folder: Path, kind: str) -> Artifact:
    """Open the finished artifact in ``folder``, also one that an older program made.

    Raises:
        ArtifactError: If it is missing, unfinished, of another kind, or of a version that this
            program does not read; says which stage has to run, and the command for it.
    """
    path = fetch(folder / "manifest.json")
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


def outdated(folder: Path, kind: str, verify: Verify = "size") -> str | None:
    """The stage that has to run again, and why: another version of this program, or damage.

    None if there is no such artifact, or if it can be read.

    Args:
        folder: Of the artifact.
        kind: Of the artifact.
        verify: How its files are looked at.
    """
    path = fetch(folder / "manifest.json")
    if not path.is_file():
        return None
    stored = manifest_in(folder)
    again = f"stage {stage_of(kind)} runs again, since"
    if stored is None:
        return shown(f"{again} {path} cannot be read")
    if stored.plan.kind != kind:
        return None
    version = stored.plan.schema_version
    if upgraded(kind, version, stored.facts) is None:
        return shown(
            f"{again} {folder} has schema {version} and this program makes schema {VERSIONS[kind]}"
        )
    fault = Artifact(folder, stored, "").fault(verify)
    return None if fault is None else shown(f"{again} {fault}")


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


def finished(
    folder: Path, plan: Plan, *as_good: Plan | None, verify: Verify = "size"
) -> Artifact | None:
    """The artifact in ``folder`` if it is finished, whole, and was made by this very ``plan``.

    Args:
        folder: Of the artifact.
        plan: Of this version.
        as_good: Plans of versions before that give the same content, where there are some.
        verify: How its files are looked at.
    """
    if not fetch(folder / "manifest.json").is_file():
        return None
    try:
        artifact = open_artifact(folder, plan.kind)
    except ArtifactError:  # of a version that is no longer read: to be made again
        return None
    made_by = replace(artifact.manifest.plan, schema_version=plan.schema_version).to_dict()
    accepted = [one.to_dict() for one in (plan, *as_good) if one is not None]
    is_same = made_by in accepted
    return artifact if is_same and artifact.fault(verify) is None else None


def shard_name(partition: str, number: int) -> str:
    """File name of a shard: sorts by partition and number."""
    return f"{partition}-{number:06d}.parquet"


def write_table(
    path: Path, table: pa.Table, lease: Lease | None = None, *, row_group_size: int = 256
) -> None:
    """Write a Parquet file beside and rename it, so that a file that exists is whole.

    A row group is a shard of usual size in few pages, which reading does not have to join.

    Raises:
        LockLostError: If another command has taken the ``lease`` over.
    """
    with committing(path, lease) as temporary:
        # Dictionaries make float vectors larger and reading four times slower (docs/results.md).
        pq.write_table(
            table,
            temporary,
            compression=_codecs(table.schema),
            row_group_size=row_group_size,
            data_page_size=PAGE,
            use_dictionary=False,
        )


def _codecs(schema: pa.Schema) -> dict[str, str]:
    """How each column of numbers or texts is compressed.

    Photos and vectors are stored as they are: zstd makes them little smaller, and reading them half
    as slow again (docs/results.md, Reading and decoding).
    """
    leaves = (leaf for field in schema for leaf in _leaves(field.name, field.type))
    return {
        path: "none" if pa.types.is_binary(kind) or pa.types.is_floating(kind) else "zstd"
        for path, kind in leaves
    }


def _leaves(path: str, kind: pa.DataType) -> Iterator[tuple[str, pa.DataType]]:
    """The columns that Parquet makes of one of Arrow, by their paths there."""
    if pa.types.is_list(kind) or pa.types.is_fixed_size_list(kind):
        yield from _leaves(f"{path}.list.element", kind.value_type)
    elif pa.types.is_struct(kind):
        for field in kind:
            yield from _leaves(f"{path}.{field.name}", field.type)
    else:
        yield path, kind


def read_shard(path: Path, columns: Sequence[str]) -> pa.Table:
    """Bring a shard and read columns; ``images.list.element.id`` is one field of a nested one."""
    return read_columns(fetch_noted(path), columns)


def read_columns(path: Path, columns: Sequence[str]) -> pa.Table:
    """Read columns of a shard that is here; as ``read_shard``."""
    with pq.ParquetFile(path) as file:
        return file.read(columns=list(columns))


def write_json(path: Path, value: object, lease: Lease | None = None) -> None:
    """Write JSON as ``write_table`` writes tables."""
    write_text(path, to_json(value), lease)


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
