"""Phase II on Ray Train: the pure loop of ``training`` in a group of DDP workers."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray
import ray.train
import torch
from torch.utils.tensorboard import SummaryWriter

from seje_ray import __version__
from seje_ray.artifact import (
    Artifact,
    open_artifact,
    require_equal_hash,
    write_json,
    write_text,
)
from seje_ray.config import RunConfig, run_from_json, run_to_dict
from seje_ray.errors import ArtifactError, SejeError
from seje_ray.models.image_backbone import BackboneError
from seje_ray.on_ray.connect import connected
from seje_ray.on_ray.group import (
    KEEP,
    GroupMember,
    default_num_workers,
    require_resources,
    run_group,
)
from seje_ray.on_ray.progress import drawn, new_board, reporter
from seje_ray.recipe1m.pixels import PixelSpec
from seje_ray.training.build import pixel_spec, require_features
from seje_ray.training.loop import Loaders, Trainer
from seje_ray.training.pairs import PairLoader
from seje_ray.training.state import Origin, read_origin
from seje_ray.training.worker import Worker

FREE_TO_CHANGE = ("num_epochs",)  # of a run that goes on


@dataclass(frozen=True, slots=True)
class TrainedRun:
    """What a finished training leaves."""

    folder: Path
    best_checkpoint: Path
    best_epoch: int
    metrics: dict[str, float]  # of the best epoch


def train(run: RunConfig, workspace: Path, *, name: str, num_workers: int | None) -> TrainedRun:
    """Train ``run`` on the workspace's calibrated data, as ``workspace/runs/NAME``.

    The same name again goes on from the last checkpoint, or returns at once when it is finished.

    Raises:
        ArtifactError: If the data is not calibrated, or the name belongs to another run.
        ResourceError: If the cluster can never hold ``num_workers``.
        DivergedError: If the loss is not finite.
    """
    calibrated = open_artifact(workspace / "calibrated", "calibrated")
    require_features(run, calibrated)
    folder = workspace / "runs" / name
    _require_same_run(folder, run, calibrated)
    if (folder / "manifest.json").is_file():
        known = open_run(workspace, name)
        if _is_complete(known, run):
            return known
    with connected(num_workers or 1):
        workers = num_workers or default_num_workers()
        require_resources(workers)
        folder.mkdir(parents=True, exist_ok=True)
        stored = {"run": run_to_dict(run), "calibrated": calibrated.content_hash}
        write_json(folder / "run.json", stored)
        # From here on it may name a checkpoint that a better one replaces.
        (folder / "manifest.json").unlink(missing_ok=True)
        num_epochs = _fit(run, calibrated, folder, workers)
    return _close(folder, num_epochs)


def open_run(workspace: Path, name: str | None) -> TrainedRun:
    """Open the finished training ``name``, or the newest one where it is None.

    Raises:
        ArtifactError: If there is none.
    """
    runs = workspace / "runs"
    known_runs = sorted(runs.glob("*/manifest.json"), key=lambda path: path.stat().st_mtime)
    newest = known_runs[-1] if known_runs else runs / "manifest.json"
    path = newest if name is None else runs / name / "manifest.json"
    if not path.is_file():
        others = ", ".join(sorted(p.parent.name for p in known_runs))
        wanted = f"no finished training named {name!r}" if name else "no finished training"
        raise ArtifactError(
            f"{runs}: {wanted}; run `seje-ray train{f' --run {name}' if name else ''}` first"
            + (f", or choose one of {others}" if others else "")
        )
    known = json.loads(path.read_text(encoding="utf-8"))
    folder = path.parent
    return TrainedRun(
        folder, folder / known["best_checkpoint"], known["best_epoch"], known["metrics"]
    )


def _fit(run: RunConfig, calibrated: Artifact, folder: Path, num_workers: int) -> int:
    """Train; return the number of epochs that are done."""
    board = new_board()
    config = {
        "run": json.dumps(run_to_dict(run)),
        "calibrated": str(calibrated.folder),
        "folder": str(folder),
        "board": board,
    }
    with drawn(board, "steps"):
        outcome: dict[str, Any] = run_group(train_on_worker, config, folder, num_workers)
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
    before, now = _decisive(known["run"]), _decisive(run_to_dict(run))
    changed = sorted(key for key in before.keys() | now.keys() if before.get(key) != now.get(key))
    if changed:
        shown = ", ".join(f"{key}: {before.get(key)!r} -> {now.get(key)!r}" for key in changed)
        raise ArtifactError(
            f"{folder}: this run was started with other settings ({shown}); "
            f"choose another name with --run"
        )


def _decisive(run: Mapping[str, Any]) -> dict[str, Any]:
    """Dotted settings that decide the numbers of a training."""
    flat: dict[str, Any] = {"seed": run["seed"]}
    nested = [(section, run[section]) for section in ("model", "loss", "train")]
    while nested:
        prefix, values = nested.pop()
        for key, value in values.items():
            if isinstance(value, dict):
                nested.append((f"{prefix}.{key}", value))
            elif key not in FREE_TO_CHANGE or run["train"]["schedule"] == "cosine":
                flat[f"{prefix}.{key}"] = value
    return flat


def _is_complete(known: TrainedRun, run: RunConfig) -> bool:
    last = max(known.folder.glob("checkpoint-*"))
    progress = json.loads((last / "progress.json").read_text(encoding="utf-8"))
    return bool(progress["stopped_early"]) or progress["num_epochs"] >= run.train.num_epochs


def _close(folder: Path, num_epochs: int) -> TrainedRun:
    """Write the history, and the manifest: the best checkpoint and what that reached on val."""
    last = folder / f"checkpoint-{num_epochs:05d}"
    progress = json.loads((last / "progress.json").read_text(encoding="utf-8"))
    write_history(folder, progress["history"])
    best = int(progress["best_epoch"])
    metrics = progress["history"][best - 1]
    checkpoint = folder / f"checkpoint-{best:05d}"
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


def write_history(folder: Path, history: Sequence[Mapping[str, float]]) -> None:
    """One line of metrics per epoch."""
    lines = [json.dumps(entry) for entry in history]
    write_text(folder / "history.jsonl", "\n".join(lines) + "\n")


def train_on_worker(config: Mapping[str, Any]) -> dict[str, Any]:
    """Run the loop in one Ray Train process."""
    run = run_from_json(config["run"], "train_loop_config")
    calibrated = open_artifact(Path(config["calibrated"]), "calibrated")
    workers_here = ray.train.get_context().get_local_world_size()
    torch.set_num_threads(max(1, (os.cpu_count() or 1) // workers_here))
    with RayWorker(run, Path(config["folder"]), config["board"]) as worker:
        try:
            trainer = Trainer(
                run, origin_of(calibrated), loaders_of(run, calibrated, worker), worker
            )
            worker.start(trainer)
            progress = trainer.fit()
        except BackboneError:  # may strike one worker alone, so Ray has to end the others
            raise
        except SejeError as error:  # repeats itself: no restart of the worker group would mend it
            return {"error": str(error)}
    return {"num_epochs": progress.num_epochs}


def origin_of(calibrated: Artifact) -> Origin:
    """What a checkpoint remembers of its data."""
    facts = dict(calibrated.manifest.facts)
    return Origin(calibrated.content_hash, facts["vocabulary_hash"], facts)


def loaders_of(run: RunConfig, calibrated: Artifact, worker: Worker) -> Loaders:
    """Train and val pairs of a calibrated artifact.

    Raises:
        ArtifactError: If a partition holds fewer than two pairs.
    """
    for partition in ("train", "val"):
        if calibrated.num_rows(partition) < 2:
            raise ArtifactError(
                f"{calibrated.folder}: expected at least 2 recipes with photos in partition "
                f"{partition!r}, found {calibrated.num_rows(partition)}; add some and run "
                "`seje-ray calibrate`"
            )
    pixels = pixel_spec(run)
    loaders = [loader_of(run, calibrated.shards(p), pixels, worker) for p in ("train", "val")]
    return Loaders(*loaders)


def loader_of(
    run: RunConfig, shards: Sequence[Path], pixels: PixelSpec | None, worker: Worker
) -> PairLoader:
    """Pairs of one partition, as a worker of a training reads them."""
    return PairLoader(
        shards,
        pixels,
        global_batch_size=run.train.global_batch_size,
        rank=worker.rank,
        world_size=worker.world_size,
        seed=run.seed,
        shuffle_window=run.train.shuffle_window,
        num_threads=max(2, torch.get_num_threads()),
    )


class RayWorker(GroupMember):
    """The ``training.worker.Worker`` of a Ray Train process."""

    def __init__(self, run: RunConfig, folder: Path, board: Any) -> None:
        super().__init__()
        self._folder, self._num_epochs = folder, run.train.num_epochs
        self._tell = reporter(board, "training")
        self._trainer: Trainer | None = None
        self._writer: SummaryWriter | None = None

    def __enter__(self) -> "RayWorker":
        return self

    def __exit__(self, *_: object) -> None:
        if self._writer is not None:
            self._writer.close()

    def start(self, trainer: Trainer) -> None:
        """Open TensorBoard on rank 0, going on after the epochs that are done."""
        self._trainer = trainer
        if self.rank == 0:
            done = trainer.state.progress.num_epochs
            self._writer = SummaryWriter(str(self._folder / "tensorboard"), purge_step=done + 1)

    def report(self, metrics: Mapping[str, float], checkpoint_dir: Path | None, name: str) -> None:
        """Write history and TensorBoard on rank 0; hand the checkpoint to Ray Train."""
        if self._writer is not None and self._trainer is not None:
            for key, value in metrics.items():
                self._writer.add_scalar(key, value, int(metrics["epoch"]))
            self._writer.flush()
        checkpoint = ray.train.Checkpoint.from_directory(checkpoint_dir) if checkpoint_dir else None
        ray.train.report(
            {**metrics, KEEP: self._keep()}, checkpoint=checkpoint, checkpoint_dir_name=name
        )
        if self.rank == 0 and self._trainer is not None:
            write_history(self._folder, self._trainer.state.progress.history)

    def _keep(self) -> int:
        """Highest for the newest best epoch, so that Ray keeps exactly our best checkpoint."""
        assert self._trainer is not None
        progress = self._trainer.state.progress
        return progress.num_epochs if progress.best_epoch == progress.num_epochs else 0

    def resume_dir(self) -> Path | None:
        """Folder of the checkpoint to go on from; a local path on a shared or local disk."""
        checkpoint = ray.train.get_checkpoint()
        return Path(checkpoint.path) if checkpoint is not None else None

    def progress(self, done: int, total: int, text: str) -> None:
        """Tell the driver's bar, in steps."""
        assert self._trainer is not None
        progress = self._trainer.state.progress
        if progress.history:
            last = progress.history[-1]
            text += (
                f", loss {last['train/loss']:.3f}, val MedR "
                f"{last['val/median_rank/image_to_recipe']:.1f}"
            )
        self._tell(progress.num_epochs * total + done, self._num_epochs * total, text)
