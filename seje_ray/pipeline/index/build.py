"""Command ``index``: all recipes and all photos of a workspace as one training sees them."""

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Literal

from seje_ray.artifact import Artifact, finished, open_artifact, shard_name
from seje_ray.building import begin
from seje_ray.config.evaluate import HubnessConfig
from seje_ray.errors import ArtifactError
from seje_ray.integrity import file_hash
from seje_ray.manifest import (
    Plan,
)
from seje_ray.pipeline.embed import embed_bank, require_calibrated
from seje_ray.pipeline.executor import Executor
from seje_ray.pipeline.index.close import Built, built, close_side, embed_shards
from seje_ray.pipeline.index.derive import Method, derive
from seje_ray.pipeline.index.steps import PARTS, IndexPhotos, IndexRecipes, read_recipes
from seje_ray.pipeline.measured import measured_run
from seje_ray.pipeline.runs import TrainedRun
from seje_ray.pipeline.stage import Step
from seje_ray.retrieval.embeddings import Embeddings, load_embeddings
from seje_ray.retrieval.index.side import VECTORS, WHATS, What, deleted_rows, sizes_of
from seje_ray.store.mirror import fetch, pull
from seje_ray.workspace import Workspace


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
    bank = bank_of(trained, workspace, executor, hubness)
    for side in sides:
        with workspace.writing(made[side].folder, waits=True) as held:
            queries = queries_of(workspace, trained, made[side])
            made[side] = derive(made[side], side, method, queries, bank, hubness, held.lease)
    return [built(side, artifact) for side, artifact in made.items()]


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

    def find() -> Artifact | None:
        known = None if replace else finished(folder, plan)
        return known if known is not None and _is_whole(known) else None

    def make(held: Workspace) -> Artifact:
        if not replace:
            _require_no_changes(folder)
        building = begin(folder, plan, lease=held.lease)
        (building / PARTS).mkdir(exist_ok=True)
        names = [shard_name(what, number) for number in range(len(recipes.names()))]
        sources = dict(zip(names, recipes.paths(), strict=True))
        step = IndexRecipes if what == "recipes" else IndexPhotos
        embed_shards(
            executor,
            what,
            building,
            sources,
            read_recipes,
            [
                Step(
                    partial(step, trained.best_checkpoint, workspace),
                    gpu_share=1.0,
                    reads=(trained.best_checkpoint, workspace.calibrator),
                )
            ],
            held.lease,
        )
        return close_side(folder, building, plan, what, lease=held.lease)

    return workspace.found_or_made(folder, find, make)


def _is_whole(artifact: Artifact) -> bool:
    """Whether the files, which are brought, are as long as they were."""
    return sizes_of(pull(artifact.folder)) == dict(artifact.manifest.facts["sizes"])


def _require_no_changes(folder: Path) -> None:
    """Refuse to lose what was added or deleted."""
    if not (pull(folder) / "manifest.json").is_file():
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


def bank_of(
    trained: TrainedRun, workspace: Workspace, executor: Executor, hubness: HubnessConfig
) -> Embeddings | None:
    """Train pairs by which hubs are told; None where nothing is corrected."""
    if hubness.weight == 0:
        return None
    return load_embeddings(embed_bank(trained, workspace, executor).shards("train"))


def queries_of(workspace: Workspace, trained: TrainedRun, own: Artifact) -> tuple[str, Path]:
    """Vectors that a recall is measured with: of the other side, if there is one."""
    inputs, what = own.manifest.plan.inputs, own.manifest.plan.section["what"]
    other: What = "photos" if what == "recipes" else "recipes"
    folder = workspace.index(trained.folder.name, other)
    try:
        found = open_artifact(folder, "index")
    except ArtifactError:
        return what, own.folder / VECTORS
    if found.manifest.plan.inputs["weights"] != inputs["weights"]:
        return what, own.folder / VECTORS
    return other, fetch(folder / VECTORS)
