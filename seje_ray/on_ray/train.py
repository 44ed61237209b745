"""Phase II on Ray Train: the pure loop of ``training`` in a group of DDP workers."""

import json
from pathlib import Path
from typing import Any

from seje_ray import __version__
from seje_ray.artifact import Artifact, require_equal_hash, write_json
from seje_ray.config import RunConfig, run_from_json, run_to_dict
from seje_ray.config.changes import decisive_settings, require_same_settings
from seje_ray.errors import SejeError
from seje_ray.features.checkpoint import read_origin
from seje_ray.features.model import require_features
from seje_ray.log import event
from seje_ray.on_ray.capacity import has_autoscaler
from seje_ray.on_ray.connect import connected, num_cpus, num_gpus
from seje_ray.on_ray.group import (
    default_num_workers,
    require_resources,
    run_group,
)
from seje_ray.on_ray.progress import drawn, new_board
from seje_ray.on_ray.train_worker import (
    collective_timeout_s,
    train_on_worker,
    write_history,
)
from seje_ray.pipeline.runs import TrainedRun, open_run
from seje_ray.submission.cluster import EMBEDDED, Cluster
from seje_ray.training.checkpoints import checkpoint_name, newest_checkpoint, prune_checkpoints
from seje_ray.workspace import Workspace

# settings of a run that goes on
FREE_TO_CHANGE = (
    "train.num_epochs",
    "train.checkpoint_steps",
    "train.hang_minutes",
    "train.picture_epochs",
)


def train(
    run: RunConfig,
    workspace: Workspace,
    *,
    name: str,
    num_workers: int | None,
    cluster: Cluster = EMBEDDED,
) -> TrainedRun:
    """Train ``run`` on the workspace's calibrated data, as ``workspace/runs/NAME``.

    The same name again goes on from the last checkpoint, or returns at once when it is finished.

    Raises:
        ArtifactError: If the data is not calibrated, or the name belongs to another run.
        ResourceError: If the cluster can never hold ``num_workers``, or not see the workspace.
        DivergedError: If the loss is not finite.
    """
    calibrated = workspace.open_calibrated()
    require_features(run, calibrated)
    folder = workspace.run(name)
    _require_same_run(folder, run, calibrated)
    if (folder / "manifest.json").is_file():
        known = open_run(workspace, name)
        if _is_complete(known, run):
            return known
    with connected(num_workers or 1, cluster, workspace):
        workers = num_workers or default_num_workers()
        require_resources(workers)
        folder.mkdir(parents=True, exist_ok=True)
        stored = {"run": run_to_dict(run), "calibrated": calibrated.content_hash}
        write_json(folder / "run.json", stored)
        # From here on it may name a checkpoint that a better one replaces.
        (folder / "manifest.json").unlink(missing_ok=True)
        num_epochs = _fit(run, calibrated, folder, workers)
    return _close(folder, num_epochs)


def _fit(run: RunConfig, calibrated: Artifact, folder: Path, num_workers: int) -> int:
    """Train; return the number of epochs that are done."""
    board = new_board()
    config = {
        "run": json.dumps(run_to_dict(run)),
        "calibrated": str(calibrated.folder),
        "folder": str(folder),
        "board": board,
    }
    if not num_gpus() and num_workers > (cores := num_cpus()) and not has_autoscaler():
        text = f"{num_workers} workers share {cores} CPUs, and are slower than one that has all"
        event("warning", text=text)
        board.warn.remote(f"{text} (no --workers)")
    with drawn(board, "steps"):
        outcome: dict[str, Any] = run_group(
            train_on_worker, config, folder, num_workers, timeout_s=collective_timeout_s(run)
        )
    if "error" in outcome:
        raise SejeError(outcome["error"])
    return int(outcome["num_epochs"])


def _require_same_run(folder: Path, run: RunConfig, calibrated: Artifact) -> None:
    """Refuse to go on with other settings or other data under the same name."""
    path = folder / "run.json"
    if not path.is_file() or not any(folder.glob("checkpoint-*")):
        return  # nothing to go on from, so nothing to mix
    known = json.loads(path.read_text(encoding="utf-8"))
    require_equal_hash(
        "calibrated artifact",
        folder,
        known["calibrated"],
        calibrated.content_hash,
        f"seje-ray train --run ANOTHER_NAME` or delete {folder}, then `seje-ray train",
    )
    # Read as a run, so that settings it did not know yet have their defaults.
    before = run_from_json(json.dumps(known["run"]), str(path))
    require_same_settings(folder, "run", _decisive(before), _decisive(run), "--run")


def _decisive(run: RunConfig) -> dict[str, Any]:
    """Dotted settings that decide the numbers of a training."""
    free: tuple[str, ...] = FREE_TO_CHANGE
    if run.train.schedule == "cosine":
        free = tuple(key for key in free if key != "train.num_epochs")
    return decisive_settings(run, ("seed", "model", "loss", "train"), free)


def _is_complete(known: TrainedRun, run: RunConfig) -> bool:
    last = newest_checkpoint(known.folder)
    assert last is not None
    progress = json.loads((last / "progress.json").read_text(encoding="utf-8"))
    return bool(progress["stopped_early"]) or progress["num_epochs"] >= run.train.num_epochs


def _close(folder: Path, num_epochs: int) -> TrainedRun:
    """Write the history, and the manifest: the best checkpoint and what that reached on val."""
    last = folder / checkpoint_name(num_epochs)
    progress = json.loads((last / "progress.json").read_text(encoding="utf-8"))
    write_history(folder, progress["history"])
    best = int(progress["best_epoch"])
    metrics = progress["history"][best - 1]
    checkpoint = folder / checkpoint_name(best)
    prune_checkpoints(folder, {last.name, checkpoint.name})  # what Ray lost count of in a kill
    _, origin = read_origin(checkpoint)
    write_json(
        folder / "manifest.json",
        {
            "seje_ray_version": __version__,
            "best_checkpoint": checkpoint.name,
            "best_epoch": best,
            "num_epochs": progress["num_epochs"],
            "stopped_early": progress["stopped_early"],
            "metrics": metrics,
            "calibrated": origin.calibrated_hash,
            "vocabulary_hash": origin.vocabulary_hash,
        },
    )
    return TrainedRun(folder, checkpoint, best, metrics)
