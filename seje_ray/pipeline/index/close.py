"""From shards of rows to one side of an index, and what is told of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from seje_ray.artifact import Artifact
from seje_ray.building import build_manifest, finish
from seje_ray.errors import ArtifactError
from seje_ray.lock import Lease
from seje_ray.manifest import Plan
from seje_ray.pipeline.executor import Executor
from seje_ray.pipeline.index.derive import rows_of_recall
from seje_ray.pipeline.index.steps import PARTS, commit_rows, part_of, put_together
from seje_ray.pipeline.stage import Item, ShardStage, Step, leased, missing_shards
from seje_ray.retrieval.index.side import VECTORS, What, deleted_rows, sizes_of
from seje_ray.store.mirror import pull, remove

NUM_SHOWN = 3  # ids of an example


@dataclass(frozen=True, slots=True)
class Built:
    """One side of an index as it is on disk."""

    what: What
    folder: Path
    rows: int  # that are found
    deleted: int
    facts: dict[str, Any]  # of its manifest

    def __str__(self) -> str:
        facts = self.facts
        gone = f" ({self.deleted:,} deleted)" if self.deleted else ""
        how = "every one compared"
        if facts["method"] == "hnsw":
            how = f"HNSW, recall@10 {facts['recall']:.3f} by queries of {facts['recall_queries']}"
            num_rows = self.rows + self.deleted
            if (grown := num_rows - rows_of_recall(facts, num_rows)) > 0:
                how += f", before {grown:,} were added (`seje-ray index` measures it again)"
        lines = [
            f"{self.what}: {self.rows:,}{gone}, {facts['embedding_dim']} numbers each; {how}; "
            f"in {self.folder}"
        ]
        same = facts["same"]
        if same["rows"]:
            of = "texts" if self.what == "recipes" else "a photo"
            lines.append(
                f"  {same['rows']:,} {self.what} share {of} with another, e.g. "
                + " and ".join(same["example"])
            )
        return "\n".join(lines)


def built(what: What, artifact: Artifact) -> Built:
    """What a command says of one side."""
    deleted = len(deleted_rows(artifact.folder))
    facts = dict(artifact.manifest.facts)
    return Built(what, artifact.folder, artifact.num_rows() - deleted, deleted, facts)


def embed_shards(
    executor: Executor,
    what: What,
    building: Path,
    sources: Mapping[str, Path],
    read: Callable[[Item], pa.Table],
    steps: Sequence[Step],
    lease: Lease | None,
) -> None:
    """Make the shards that are still missing.

    Args:
        executor: Where to embed; not asked where nothing is left to do.
        what: Their rows.
        building: Where they are made.
        sources: Name of each shard -> file that it is made of.
        read: Of an item.
        steps: That change what is read.
        lease: Of the command.
    """
    todo = missing_shards(building, sources)
    if not todo:
        return
    items = [
        {"source": str(sources[name]), "target": str(building / name), **leased(lease)}
        for name in todo
    ]
    num_done = len(sources) - len(todo)
    stage = ShardStage(f"indexing {what}", items, read, commit_rows, steps, num_done=num_done)
    with executor.session(1) as session:
        session.run_shards(stage)


def close_side(
    folder: Path,
    building: Path,
    plan: Plan,
    what: What,
    facts: Mapping[str, Any] | None = None,
    *,
    before: Path | None = None,
    gone: Sequence[int] = (),
    lease: Lease | None = None,
) -> Artifact:
    """Put the vectors of all shards together, check ids, and finish the artifact.

    Args:
        folder: Of the artifact.
        building: Where its shards lie, the vectors of new ones in parts.
        plan: That the artifact is of.
        what: Its rows.
        facts: Beside those that are counted here.
        before: Vectors of the first shards, which have no parts.
        gone: Numbers of rows that were deleted, whose ids may be there again.
        lease: Of the command.

    Raises:
        ArtifactError: If an id of a recipe repeats, or there is no row at all.
    """
    pull(building, keeps_own=True)
    shards = sorted(building.glob("*-*.parquet"))
    ids = pa.concat_tables([pq.read_table(p, columns=["id", "content_hash"]) for p in shards])
    alive = np.ones(ids.num_rows, bool)
    alive[list(gone)] = False
    ids = ids.filter(pa.array(alive))
    _require_rows(folder, ids, what)
    parts = [part for path in shards if (part := part_of(path)).is_file()]
    dim = put_together(building / VECTORS, [*([before] if before else []), *parts], lease)
    manifest = build_manifest(
        plan,
        building,
        facts={
            "embedding_dim": dim,
            "method": "exact",
            **(facts or {}),
            "same": _same(ids),
            "counts": [pq.read_metadata(path).num_rows for path in shards],
            "sizes": sizes_of(building),
        },
    )
    artifact = finish(folder, plan, manifest, lease)
    remove(folder / PARTS)
    return artifact


def _require_rows(folder: Path, ids: pa.Table, what: What) -> None:
    if not ids.num_rows:
        raise ArtifactError(f"{folder}: expected {what} to index, found none")
    if what == "photos":
        return  # recipes may share one
    counts = pc.value_counts(ids["id"])
    repeated = counts.filter(pc.greater(counts.field("counts"), 1)).field("values").to_pylist()
    if repeated:
        shown = ", ".join(repeated[:NUM_SHOWN])
        raise ArtifactError(
            f"{folder}: expected every id once, found {len(repeated):,} that repeat ({shown}); "
            "give each recipe an id of its own"
        )


def _same(ids: pa.Table) -> dict[str, Any]:
    """How many rows have the content of another, and an example."""
    counts = pc.value_counts(ids["content_hash"])
    shared = counts.filter(pc.greater(counts.field("counts"), 1))
    if not len(shared):
        return {"rows": 0, "example": []}
    first = ids.filter(pc.equal(ids["content_hash"], shared.field("values")[0]))["id"]
    return {
        "rows": pc.sum(shared.field("counts")).as_py(),
        "example": first.to_pylist()[:NUM_SHOWN],
    }
