"""The report of a run, from what is finished; computes nothing that another command makes."""

import json
from pathlib import Path
from typing import Any

from seje_ray.artifact import Artifact, open_artifact
from seje_ray.errors import ArtifactError
from seje_ray.features.checkpoint import read_origin
from seje_ray.integrity import file_hash
from seje_ray.pipeline.embed import require_calibrated
from seje_ray.pipeline.index.analogies import Analogy, analogies
from seje_ray.pipeline.runs import TrainedRun
from seje_ray.report.run_page import Missing, RunFacts, write_run_page
from seje_ray.report.settings_beside import preset_beside
from seje_ray.retrieval.embeddings import load_embeddings
from seje_ray.retrieval.index.collection import Index
from seje_ray.store.mirror import fetch, pull
from seje_ray.training.history import read_history
from seje_ray.training.run_manifest import RunManifest
from seje_ray.training.timing import read_timings
from seje_ray.workspace import Workspace


def report_run(
    trained: TrainedRun, workspace: Workspace, *, partition: str = "test", path: Path | None = None
) -> Path:
    """Write the page of a finished training; give its path.

    Args:
        trained: The training.
        workspace: Folder of the artifacts it was trained on.
        partition: Whose evaluation is shown.
        path: Of the page; None for ``reports/NAME.html`` of the workspace.

    Raises:
        ArtifactError: If the data is missing or not what the run was trained on.
    """
    name = trained.folder.name
    calibrated = require_calibrated(trained, workspace)
    run, origin = read_origin(trained.best_checkpoint)
    known = RunManifest.read(trained.folder)
    recipes = workspace.open_recipes()
    weights = file_hash(trained.best_checkpoint / "model.safetensors")
    embedded = _embedded(workspace, name, partition, calibrated, weights)
    evaluation = _evaluation(workspace, name, partition, embedded)
    hashes = {
        "recipes": recipes.content_hash,
        "calibrator": calibrated.manifest.plan.inputs["calibrator"],
        "calibrated data": calibrated.content_hash,
        "vocabulary": origin.vocabulary_hash,
        f"weights, {trained.best_checkpoint.name}/model.safetensors": weights,
    }
    measured = None if isinstance(evaluation, Missing) else _by_hash(embedded, evaluation)
    if measured is not None:
        hashes[f"embeddings, {measured.folder.name}"] = measured.content_hash
    facts = RunFacts(
        name=name,
        partition=partition,
        run=run,
        preset=preset_beside(run, workspace.calibrated_run),
        recipes=recipes,
        calibrated=calibrated,
        members=trained.members,
        best_epoch=trained.best_epoch,
        stopped_early=known.stopped_early,
        trained_with=known.seje_ray_version,
        history=read_history(trained.folder),
        timings=read_timings(trained.folder),
        hashes=hashes,
        evaluation=evaluation,
        embeddings=evaluation
        if isinstance(evaluation, Missing)
        else load_embeddings(_by_hash(embedded, evaluation).shards(partition)),
        is_corrected=measured is not None and "hubness_weight" in measured.manifest.plan.section,
        baselines=_baselines(workspace, name, partition, calibrated, evaluation),
        arithmetic=_arithmetic(workspace, trained, partition),
    )
    path = path or workspace.run_report(name)
    write_run_page(path, facts)
    return path


def _embedded(
    workspace: Workspace, name: str, partition: str, calibrated: Artifact, weights: str
) -> list[Artifact]:
    """Finished embeddings of this checkpoint and data, as they are and corrected for hubs."""
    plain = _finished(workspace.embeddings(name, partition))
    inputs = {"calibrated": calibrated.content_hash, "weights": weights}
    if plain is None or dict(plain.manifest.plan.inputs) != inputs:
        return []
    corrected = _finished(workspace.embeddings(name, f"{partition}-corrected"))
    if corrected is None or corrected.manifest.plan.inputs["embeddings"] != plain.content_hash:
        return [plain]
    return [plain, corrected]


def _finished(folder: Path) -> Artifact | None:
    """What lies there; None where there is nothing that can be read, which evaluate mends."""
    try:
        return open_artifact(folder, "embeddings")
    except ArtifactError:
        return None


def _evaluation(
    workspace: Workspace, name: str, partition: str, embedded: list[Artifact]
) -> dict[str, Any] | Missing:
    """``report.json`` of an evaluation of these embeddings."""
    command = f"seje-ray evaluate --run {name} --partition {partition}"
    path = fetch(workspace.report(f"{name}-{partition}") / "report.json")
    if not path.is_file():
        return Missing(f"Not measured on {partition} yet", command)
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if found["hashes"]["embeddings"] not in [one.content_hash for one in embedded]:
        return Missing("The evaluation there is of other weights, data or embeddings", command)
    return found


def _by_hash(embedded: list[Artifact], evaluation: dict[str, Any]) -> Artifact:
    wanted = evaluation["hashes"]["embeddings"]
    return next(one for one in embedded if one.content_hash == wanted)


def _baselines(
    workspace: Workspace,
    name: str,
    partition: str,
    calibrated: Artifact,
    evaluation: dict[str, Any] | Missing,
) -> Missing | None:
    """What is missing of the baselines beside the model."""
    if isinstance(evaluation, Missing):
        return None  # it says so itself
    again = f"seje-ray evaluate --run {name} --partition {partition}"
    baselines = pull(workspace.baselines, keeps_own=True)
    measured = [
        json.loads(path.read_text(encoding="utf-8"))
        for path in sorted(baselines.glob(f"*-{partition}/report.json"))
    ]
    names = {one["name"] for one in measured if _is_of(one, calibrated)}
    if not names:
        command = f"seje-ray baseline ridge cca tfidf-knn --partition {partition} && {again}"
        return Missing("No baseline was measured on these data", command)
    shown = [line["name"].split(" (")[0] for line in evaluation["galleries"][0]["lines"]]
    newer = sorted(names - set(shown))
    if not newer:
        return None
    return Missing(f"Not beside it, measured since or on another share: {', '.join(newer)}", again)


def _is_of(baseline: dict[str, Any], calibrated: Artifact) -> bool:
    return bool(baseline["hashes"]["calibrated"] == calibrated.content_hash)


def _arithmetic(
    workspace: Workspace, trained: TrainedRun, partition: str
) -> list[Analogy] | Missing:
    command = f"seje-ray index --run {trained.folder.name}"
    try:
        index = Index.open(workspace, trained.folder.name, trained.best_checkpoint)
    except ArtifactError:
        return Missing("Arithmetic needs the means of all recipes: there is no index yet", command)
    if index.recipes is None or index.photos is None:
        return Missing("Arithmetic needs recipes and photos in the index", command)
    return analogies(index, partition)
