"""A Parquet file of vectors, put together of shards; it is there as a whole or not at all."""

import json
import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from seje_ray.artifact import write_json, write_rejects
from seje_ray.durable import read_json, sync
from seje_ray.errors import SejeError
from seje_ray.recipe1m.notes import reading_lines
from seje_ray.schema import VECTOR_FACTS
from seje_ray.store.mirror import fetch, pull, put, remove


class NothingToEmbedError(SejeError):
    """No recipe and no photo can be embedded."""


@dataclass(frozen=True, slots=True)
class NewVectors:
    """A file of vectors; its text is what the command prints."""

    path: Path
    rejects: Path | None  # file of what was rejected, if something was
    counts: dict[str, int]  # rows by kind
    rejected: dict[str, int]  # by reason
    embedding_dim: int
    reading: Mapping[str, Any]  # what was made of the recipes' keys and cells

    def __str__(self) -> str:
        rows = ", ".join(f"{n:,} {kind}s" for kind, n in self.counts.items())
        lines = [f"embedded: {rows}, {self.embedding_dim} numbers each"]
        if self.rejects is not None:
            reasons = ", ".join(f"{n:,} {reason}" for reason, n in self.rejected.items())
            lines.append(f"rejected or noted: {reasons} (see {self.rejects})")
        return "\n".join([*lines, *reading_lines({"reading": self.reading}), f"in {self.path}"])


def finished_file(out: Path, plan: dict[str, Any]) -> NewVectors | None:
    """The file ``out``, if it was made of the same as ``plan`` says."""
    if not fetch(out).is_file():
        return None
    try:
        facts = json.loads((pq.read_schema(out).metadata or {}).get(VECTOR_FACTS, b"{}"))
    except (pa.ArrowInvalid, OSError, ValueError):
        return None
    if facts.get("made_of") != plan:
        return None
    rejects = _rejects_of(out)
    return NewVectors(
        out,
        rejects if facts["rejected"] else None,
        facts["rows"],
        facts["rejected"],
        facts["embedding_dim"],
        plan.get("reading", {}),
    )


def begun_file(out: Path, plan: dict[str, Any]) -> Path:
    """The folder in which the file ``out`` is built; what was made of the same ``plan`` stays."""
    building = pull(out.with_name(f"{out.name}.partial"))
    marker = building / "plan.json"
    if building.exists() and read_json(marker) != plan:
        remove(building)
    for name in ("inputs", "rejects"):
        (building / name).mkdir(parents=True, exist_ok=True)
    write_json(marker, plan)
    return building


def nothing_in(out: Path, building: Path, expected: str) -> NothingToEmbedError:
    """The error where there is nothing to write; of what was built the rejects alone stay."""
    rejected = write_rejects(building, (building / "rejects").glob("*.parquet"))
    where = ""
    if rejected:
        _place(building / "rejects.parquet", _rejects_of(out))
        where = f" (see {_rejects_of(out)})"
    remove(building)
    counts = ", ".join(f"{n:,} {reason}" for reason, n in rejected.items()) or "nothing"
    return NothingToEmbedError(f"{out}: expected {expected}, found none; rejected: {counts}{where}")


def close_file(out: Path, building: Path, plan: dict[str, Any], names: list[str]) -> NewVectors:
    """Put the shards together, with facts, and remove the folder that they were built in.

    Args:
        out: The file; what was rejected lies beside it.
        building: The folder of the shards, and of ``rejects`` of each.
        plan: All that decides the file; of it, ``run`` and ``checkpoint`` are facts of their own.
        names: Of the shards, ``KIND-NUMBER.parquet``, in the order of the file.

    Raises:
        NothingToEmbedError: If the shards have no row.
    """
    pull(building, keeps_own=True)
    rejected = write_rejects(building, (building / "rejects").glob("*.parquet"))
    shards = [building / name for name in names]
    counts: Counter[str] = Counter()
    for shard in shards:
        counts[shard.name.partition("-")[0]] += pq.read_metadata(shard).num_rows
    if not counts.total():
        raise nothing_in(out, building, "recipes or photos that can be embedded")
    schema = pq.read_schema(shards[0])
    facts = {
        "run": plan["run"],
        "checkpoint": plan["checkpoint"],
        "embedding_dim": schema.field("vector").type.list_size,
        "rows": dict(counts),
        "rejected": rejected,
        "made_of": plan,
    }
    schema = schema.with_metadata({VECTOR_FACTS: json.dumps(facts)})
    whole = building / "vectors.parquet"
    with pq.ParquetWriter(whole, schema, compression="zstd", use_dictionary=False) as writer:
        for shard in shards:
            writer.write_table(pq.read_table(shard).replace_schema_metadata(schema.metadata))
    if rejected:
        _place(building / "rejects.parquet", _rejects_of(out))
    else:
        remove(_rejects_of(out))
    _place(whole, out)
    remove(building)
    known = finished_file(out, plan)
    assert known is not None
    return known


def _place(made: Path, path: Path) -> None:
    """Give a file that is written its place."""
    sync(made)
    os.replace(made, path)
    sync(path.parent)
    put(path)


def _rejects_of(out: Path) -> Path:
    return out.with_name(f"{out.stem}.rejects.parquet")
