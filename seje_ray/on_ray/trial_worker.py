"""One training as a Ray Tune trial: in the trial's own process, or as the driver of a group."""

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from ray import tune
from ray.tune.integration.ray_train import TuneReportCallback
from torch import Tensor, nn

from seje_ray.artifact import Artifact, write_json, write_text
from seje_ray.config import run_to_dict, with_settings
from seje_ray.errors import ConfigError, SejeError
from seje_ray.features.model import FeatureDims, build_model, pixel_spec
from seje_ray.models.joint_embedding import JointEmbedding
from seje_ray.on_ray.connect import user_error
from seje_ray.on_ray.group import GroupMember, run_group
from seje_ray.on_ray.progress import new_board
from seje_ray.on_ray.train_worker import (
    collective_timeout_s,
    loader_of,
    loaders_of,
    origin_of,
    train_on_worker,
    write_history,
)
from seje_ray.training.checkpoints import (
    checkpoint_name,
    commit_checkpoint,
    newest_checkpoint,
    prune_checkpoints,
)
from seje_ray.training.loop import Trainer
from seje_ray.training.measure import measure_checkpoint
from seje_ray.training.timing import note_timings
from seje_ray.training.worker import Process
from seje_ray.tuning.space import Point
from seje_ray.tuning.trials import Job, read_history


@contextmanager
def recorded_failure(folder: Path) -> Iterator[None]:
    """Leave the reason in the trial's folder where what is within fails."""
    (folder / "failure.txt").unlink(missing_ok=True)
    try:
        yield
    except Exception as error:
        cause = user_error(error)
        lines = str(error).strip().splitlines() or [""]
        reason = str(cause) if cause is not None else f"{type(error).__name__}: {lines[-1]}"
        write_text(folder / "failure.txt", reason + "\n")
        raise


def train_in_trial(
    folder: Path, values: Point, metric: str, num_threads: int, hand_over: bool
) -> None:
    """Tune's function of a trial that trains in its own process.

    Args:
        folder: Of the trial.
        values: Of settings; where a scheduler has changed them, ``job.json`` is written anew.
        metric: What the search is after.
        num_threads: Of torch.
        hand_over: Whether other trials may go on from this one's checkpoints.
    """
    torch.set_num_threads(num_threads)
    job = Job.read(folder)
    if values != job.values:
        job = replace(job, run=with_settings(job.run, values), values=values)
        job.write(folder)
    run, calibrated = job.run, job.open_calibrated()
    worker = TuneWorker(folder, metric, hand_over=hand_over)
    trainer = Trainer(run, origin_of(run, calibrated), loaders_of(run, calibrated, worker), worker)
    worker.start(trainer)
    progress = trainer.fit()
    best = folder / checkpoint_name(progress.best_epoch)
    model = trainer.state.model
    assert isinstance(model, JointEmbedding)
    _write_measured(folder, job, calibrated, model, best, worker)


def train_as_driver(folder: Path, metric: str, num_workers: int) -> None:
    """Tune's function of a trial whose training is a Ray Train group of ``num_workers``.

    The group keeps its checkpoints in the trial's folder and finds them again by itself.
    """
    job = Job.read(folder)
    job.open_calibrated()
    for entry in read_history(folder):
        tune.report(entry)
    settings = {
        "run": json.dumps(run_to_dict(job.run)),
        "calibrated": str(job.calibrated),
        "folder": str(folder),
        "board": new_board(),
    }
    outcome = run_group(
        train_on_worker,
        settings,
        folder,
        num_workers,
        timeout_s=collective_timeout_s(job.run),
        callbacks=[TuneReportCallback()],
    )
    for entry in read_history(folder)[:1]:
        require_metric(metric, entry)
    if "error" in outcome:
        raise SejeError(outcome["error"])
    if not job.partitions:
        write_json(folder / "measured.json", {})
        return
    scratch = folder / "measuring"
    shutil.rmtree(scratch, ignore_errors=True)  # Ray would take its name for a run to go on with
    run_group(measure_on_worker, {"folder": str(folder)}, scratch, num_workers)
    shutil.rmtree(scratch, ignore_errors=True)


def measure_on_worker(config: Mapping[str, Any]) -> None:
    """Measure the best checkpoint of a trial's group in one of its Ray Train processes."""
    folder = Path(config["folder"])
    job = Job.read(folder)
    calibrated = job.open_calibrated()
    last = newest_checkpoint(folder)
    assert last is not None
    progress = json.loads((last / "progress.json").read_text(encoding="utf-8"))
    best = folder / checkpoint_name(progress["best_epoch"])
    member = GroupMember()
    model = build_model(job.run, FeatureDims.of(calibrated.manifest.facts), load_weights=False)
    _write_measured(folder, job, calibrated, model.to(member.device), best, member)


def _write_measured(
    folder: Path,
    job: Job,
    calibrated: Artifact,
    model: JointEmbedding,
    checkpoint: Path,
    process: Process,
) -> None:
    """Say that the training has come to its own end, with what its best checkpoint reaches."""
    measured: dict[str, float] = {}
    run = job.run
    pixels = pixel_spec(run) if job.partitions else None
    for partition in job.partitions:
        loader = loader_of(run, calibrated.shards(partition), pixels, process)
        measured |= measure_checkpoint(model, checkpoint, loader, run, process, partition)
    if process.rank == 0:
        write_json(folder / "measured.json", measured)


class TuneWorker:
    """The ``training.worker.Worker`` of a Tune trial: one process, checkpoints in its folder."""

    def __init__(self, folder: Path, metric: str, *, hand_over: bool) -> None:
        self.rank, self.world_size, self.folder = 0, 1, folder
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self._metric, self._hand_over = metric, hand_over
        self._trainer: Trainer | None = None

    def start(self, trainer: Trainer) -> None:
        """Tell Tune of the epochs that an earlier part of this trial has done.

        A scheduler of this session knows nothing of them, and decides on each as it did then.
        """
        self._trainer = trainer
        if tune.get_checkpoint() is None:
            for entry in trainer.state.progress.history:
                tune.report(dict(entry))

    def wrap(self, module: nn.Module, *, broadcast_buffers: bool) -> nn.Module:
        """Move ``module`` to the device."""
        return module.to(self.device)

    def report(
        self,
        metrics: Mapping[str, float],
        timings: Mapping[str, float],
        checkpoint_dir: Path | None,
        name: str,
    ) -> None:
        """Commit the checkpoint and the history; tell Tune, which may end the trial here."""
        assert self._trainer is not None
        require_metric(self._metric, metrics)
        kept = self._commit(checkpoint_dir, name)
        write_history(self.folder, self._trainer.state.progress.history)
        note_timings(self.folder, int(metrics["epoch"]), timings)
        handed = tune.Checkpoint.from_directory(kept) if self._hand_over else None
        tune.report(dict(metrics), checkpoint=handed)

    def checkpoint(self, checkpoint_dir: Path | None, name: str) -> None:
        """Commit a checkpoint inside an epoch."""
        self._commit(checkpoint_dir, name)

    def _commit(self, checkpoint_dir: Path | None, name: str) -> Path:
        """Keep a checkpoint and, of those before it, the best."""
        assert self._trainer is not None
        assert checkpoint_dir is not None
        kept = commit_checkpoint(checkpoint_dir, name)
        best = checkpoint_name(self._trainer.state.progress.best_epoch)
        prune_checkpoints(self.folder, {name, best})
        return kept

    def resume_dir(self) -> Path | None:
        """Return what the scheduler handed over, or this trial's own last checkpoint."""
        handed = tune.get_checkpoint()
        if handed is not None:
            return Path(handed.path)
        return newest_checkpoint(self.folder)

    def progress(self, done: int, total: int, text: str) -> None:
        """Stay silent; the driver shows epochs."""

    def warn(self, text: str) -> None:
        """Stay silent; the score says it, and ``history.jsonl`` whether the model collapsed."""

    def show(self, images: Tensor, recipes: Tensor, *, epoch: int, is_last: bool) -> None:
        """Stay silent."""


def require_metric(metric: str, metrics: Mapping[str, float]) -> None:
    """Refuse a search for what no epoch reports.

    Raises:
        ConfigError: Naming what they report.
    """
    if metric not in metrics:
        known = ", ".join(sorted(key for key in metrics if "/" in key))
        raise ConfigError(f"tune.metric: expected one of {known}, found {metric!r}")
