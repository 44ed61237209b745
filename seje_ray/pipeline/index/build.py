"""Command ``index``: all recipes and all photos of a workspace as one training sees them."""

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from seje_ray.artifact import (
    Artifact,
    Plan,
    begin,
    build_manifest,
    file_hash,
    finish,
    finished,
    open_artifact,
)
from seje_ray.config.evaluate import HubnessConfig
from seje_ray.errors import ArtifactError
from seje_ray.pipeline.embed import embed_bank, require_calibrated
from seje_ray.pipeline.executor import Executor
from seje_ray.pipeline.index.derive import Method, derive
from seje_ray.pipeline.index.steps import (
    PARTS,
    IndexPhotos,
    IndexRecipes,
    commit_rows,
    part_of,
    put_together,
    read_recipes,
)
from seje_ray.pipeline.measured import measured_run
from seje_ray.pipeline.runs import TrainedRun
from seje_ray.pipeline.stage import ShardStage, Step, missing_shards
from seje_ray.retrieval.embeddings import Embeddings, load_embeddings
from seje_ray.retrieval.index.side import VECTORS, WHATS, What, deleted_rows, sizes_of
from seje_ray.workspace import Workspace

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


def build_index(
    trained: TrainedRun,
    workspace: Workspace,
    executor: Executor,
    what: Literal["recipes", "photos", "both"] = "both",
    *,
    overrides: Iterable[str] = (),
    method: Method = "auto",
    replace: bool = False,
) -> list[Built]:
    """Embed every recipe, with or without photos, and every photo; resumes by shard.

    What is finished is kept; a graph or hubs that are missing are made of its vectors.

    Args:
        trained: The training; its best checkpoint embeds.
        workspace: With its recipes.
        executor: Where to embed; not asked where nothing is left to do.
        what: Which of them.
        overrides: ``evaluate.hubness`` of searches to come, as ``--set`` has it.
        method: Whether rows are compared one by one, or found by a graph.
        replace: Whether an index that holds added or deleted rows may be made anew.

    Raises:
        ArtifactError: If the data is not what the run was trained on, an id repeats, a vector is
            not finite, or additions would be lost.
        NoFaissError: If a graph is to be made and FAISS is missing.
    """
    sides: tuple[What, ...] = WHATS if what == "both" else (what,)
    hubness = measured_run(trained, overrides).evaluate.hubness
    calibrated = require_calibrated(trained, workspace)
    recipes = workspace.open_recipes()
    made = {
        side: _side(trained, workspace, executor, recipes, calibrated, side, replace=replace)
        for side in sides
    }
    bank = _bank(trained, workspace, executor, hubness)
    for side in sides:
        other: What = "photos" if side == "recipes" else "recipes"
        queries = _queries(workspace, trained, made[side], other)
        made[side] = derive(made[side], side, method, queries, bank, hubness)
    return [built(side, artifact) for side, artifact in made.items()]


def built(what: What, artifact: Artifact) -> Built:
    """What a command says of one side."""
    deleted = len(deleted_rows(artifact.folder))
    facts = dict(artifact.manifest.facts)
    return Built(what, artifact.folder, artifact.num_rows() - deleted, deleted, facts)


def _side(
    trained: TrainedRun,
    workspace: Workspace,
    executor: Executor,
    recipes: Artifact,
    calibrated: Artifact,
    what: What,
    *,
    replace: bool,
) -> Artifact:
    """The rows and vectors of one side, without a graph yet."""
    folder = workspace.index(trained.folder.name, what)
    plan = Plan(
        kind="index",
        section={"what": what},
        inputs={
            "recipes": recipes.content_hash,
            "calibrated": calibrated.content_hash,
            "weights": file_hash(trained.best_checkpoint / "model.safetensors"),
        },
        seed=0,
    )
    known = None if replace else finished(folder, plan)
    if known is not None and _is_whole(known):
        return known
    if not replace:
        _require_no_changes(folder)
    building = begin(folder, plan)
    (building / PARTS).mkdir(exist_ok=True)
    names = [path.name for path in _targets(recipes, what)]
    todo = missing_shards(building, names)
    sources = dict(zip(names, recipes.shards(), strict=True))
    step = IndexRecipes if what == "recipes" else IndexPhotos
    stage = ShardStage(
        f"indexing {what}",
        [{"source": str(sources[n]), "target": str(building / n)} for n in todo],
        read_recipes,
        commit_rows,
        [Step(partial(step, trained.best_checkpoint, workspace), gpu_share=1.0)],
        num_done=len(names) - len(todo),
    )
    if todo:
        with executor.session(1) as session:
            session.run_shards(stage)
    return close_side(folder, building, plan, what)


def _targets(recipes: Artifact, what: What) -> list[Path]:
    """Names of an index's shards, one per shard of recipes."""
    return [Path(f"{what}-{number:06d}.parquet") for number in range(len(recipes.shards()))]


def _is_whole(artifact: Artifact) -> bool:
    """Whether the files are as long as they were."""
    return sizes_of(artifact.folder) == dict(artifact.manifest.facts["sizes"])


def _require_no_changes(folder: Path) -> None:
    """Refuse to lose what was added or deleted."""
    if not (folder / "manifest.json").is_file():
        return
    try:
        facts = open_artifact(folder, "index").manifest.facts
    except ArtifactError:
        return
    added, deleted = facts.get("added", 0), len(deleted_rows(folder))
    if added or deleted:
        raise ArtifactError(
            f"{folder}: is of another checkpoint or broken; {added:,} rows were added to it and "
            f"{deleted:,} deleted, which an index made anew has not; if that is all right, run "
            "`seje-ray index --replace`"
        )


def close_side(
    folder: Path,
    building: Path,
    plan: Plan,
    what: What,
    facts: dict[str, Any] | None = None,
) -> Artifact:
    """Put the vectors of all shards together, check ids, and finish the artifact.

    Args:
        folder: Of the artifact.
        building: Where its shards lie, their vectors in parts.
        plan: That the artifact is of.
        what: Its rows.
        facts: Beside those that are counted here.

    Raises:
        ArtifactError: If an id of a recipe repeats, or there is no row at all.
    """
    shards = sorted(building.glob("*-*.parquet"))
    ids = pa.concat_tables([pq.read_table(p, columns=["id", "content_hash"]) for p in shards])
    _require_rows(folder, ids, what)
    dim = put_together(building / VECTORS, [part_of(path) for path in shards])
    manifest = build_manifest(
        plan,
        building,
        facts={
            "embedding_dim": dim,
            "method": "exact",
            "sizes": sizes_of(building),
            "same": _same(ids),
            **(facts or {}),
        },
    )
    artifact = finish(folder, plan, manifest)
    shutil.rmtree(folder / PARTS, ignore_errors=True)
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


def _bank(
    trained: TrainedRun, workspace: Workspace, executor: Executor, hubness: HubnessConfig
) -> Embeddings | None:
    """Train pairs by which hubs are told; None where nothing is corrected."""
    if hubness.weight == 0:
        return None
    return load_embeddings(embed_bank(trained, workspace, executor).shards("train"))


def _queries(
    workspace: Workspace, trained: TrainedRun, own: Artifact, other: What
) -> tuple[str, Path]:
    """Vectors that a recall is measured with: of the other side, if there is one."""
    folder = workspace.index(trained.folder.name, other)
    weights = own.manifest.plan.inputs["weights"]
    try:
        found = open_artifact(folder, "index")
    except ArtifactError:
        return own.manifest.plan.section["what"], own.folder / VECTORS
    if found.manifest.plan.inputs["weights"] != weights:
        return own.manifest.plan.section["what"], own.folder / VECTORS
    return other, folder / VECTORS
