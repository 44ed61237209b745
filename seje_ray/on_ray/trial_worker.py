"""One training as a Ray Tune trial: in the trial's own process, or as the driver of a group."""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from ray import tune
from ray.tune.integration.ray_train import TuneReportCallback

from seje_ray.artifact import write_text
from seje_ray.config import with_settings
from seje_ray.lock import Lease
from seje_ray.log import event
from seje_ray.on_ray.connect import user_error
from seje_ray.on_ray.group import GroupMember, run_group
from seje_ray.on_ray.progress import new_board
from seje_ray.on_ray.train import GroupTraining
from seje_ray.pipeline.initial import prepare_initial
from seje_ray.pipeline.runs import require_same_photos
from seje_ray.pipeline.trial_training import (
    TrialWorker,
    measure_trial,
    require_metric,
    train_trial,
)
from seje_ray.store.mirror import remove
from seje_ray.training.checkpoints import newest_checkpoint, set_aside_damaged
from seje_ray.training.history import read_history
from seje_ray.training.loop import Trainer
from seje_ray.tuning.space import Point
from seje_ray.tuning.trial_plan import TrialPlan
from seje_ray.tuning.trials import clear_mirror, write_measured
from seje_ray.workspace import Workspace

HANDED = ".handed"  # folder in that of a trial: the checkpoint of another one, to go on from


@contextmanager
def recorded_failure(folder: Path) -> Iterator[None]:
    """Leave the reason in the trial's folder where what is within fails."""
    remove(folder / "failure.txt")
    try:
        yield
    except Exception as error:
        cause = user_error(error)
        lines = str(error).strip().splitlines() or [""]
        reason = str(cause) if cause is not None else f"{type(error).__name__}: {lines[-1]}"
        write_text(folder / "failure.txt", reason + "\n")
        raise


def train_in_trial(
    folder: Path,
    workspace: Workspace,
    values: Point,
    metric: str,
    *,
    num_threads: int,
    hands_over: bool,
) -> None:
    """Tune's function of a trial that trains in its own process.

    Args:
        folder: Of the trial.
        workspace: Where its data lies.
        values: Of settings; where a scheduler has changed them, the plan is written again.
        metric: What the tuning is after.
        num_threads: Of torch.
        hands_over: Whether other trials may continue from this one's checkpoints.
    """
    torch.set_num_threads(num_threads)
    clear_mirror(folder.parent)
    plan = TrialPlan.read(folder, workspace)
    if values != plan.values:
        plan = replace(plan, run=with_settings(plan.run, values), values=values)
        plan.write(folder)
    calibrated = plan.open_calibrated(workspace)
    worker = TuneWorker(folder, metric, workspace.lease, hands_over=hands_over)
    train_trial(plan, calibrated, workspace, worker)


def train_as_driver(folder: Path, workspace: Workspace, metric: str, num_workers: int) -> None:
    """Tune's function of a trial whose training is a Ray Train group of ``num_workers``.

    The group keeps its checkpoints in the trial's folder and finds them again by itself.
    """
    plan = TrialPlan.read(folder, workspace)
    calibrated = plan.open_calibrated(workspace)
    for line in set_aside_damaged(folder, workspace.verify):
        event("warning", text=line)
    require_same_photos(folder, plan.run, "--name")
    prepare_initial(plan.run, calibrated, folder, workspace)
    for entry in read_history(folder):
        tune.report(entry)
    board = new_board()
    training = GroupTraining(plan.run, calibrated, folder, board, workspace.lease)
    try:
        training.in_group(num_workers, [TuneReportCallback()])
    finally:
        for entry in read_history(folder)[:1]:
            require_metric(metric, entry)
    if not plan.partitions:
        write_measured(folder, {})
        return
    scratch = folder / "measuring"
    shutil.rmtree(scratch, ignore_errors=True)  # Ray would take its name for a run to resume
    told = {"plan": plan, "folder": folder, "workspace": workspace}
    run_group(measure_on_worker, told, scratch, num_workers, board)
    shutil.rmtree(scratch, ignore_errors=True)


def measure_on_worker(config: Mapping[str, Any]) -> None:
    """Measure the best checkpoint of a trial's group in one of its Ray Train processes."""
    plan: TrialPlan = config["plan"]
    calibrated = plan.open_calibrated(config["workspace"])
    measure_trial(plan, calibrated, config["folder"], GroupMember())


class TuneWorker(TrialWorker):
    """The worker of a trial that Ray Tune has started, and may end after any epoch."""

    def __init__(self, folder: Path, metric: str, lease: Lease | None, *, hands_over: bool) -> None:
        super().__init__(folder, metric, lease)
        self._hands_over = hands_over

    def start(self, trainer: Trainer) -> None:
        """Tell Tune of the epochs that an earlier part of this trial has done.

        A scheduler of this session knows nothing of them, and decides on each as it did then.
        """
        super().start(trainer)
        if tune.get_checkpoint() is None:
            for entry in trainer.state.progress.history:
                tune.report(dict(entry))

    def report(
        self,
        metrics: Mapping[str, float],
        timings: Mapping[str, float],
        checkpoint_dir: Path | None,
        name: str,
    ) -> None:
        """Commit the checkpoint and the history; tell Tune, which may end the trial here."""
        super().report(metrics, timings, checkpoint_dir, name)
        shutil.rmtree(self.folder / HANDED, ignore_errors=True)  # it has gone on from there
        kept = self.folder / name
        handed = tune.Checkpoint.from_directory(kept) if self._hands_over else None
        tune.report(dict(metrics), checkpoint=handed)

    def resume_dir(self) -> Path | None:
        """Return what the scheduler handed over, or this trial's own last checkpoint."""
        handed = tune.get_checkpoint()
        if handed is None:
            return newest_checkpoint(self.folder)
        shutil.rmtree(self.folder / HANDED, ignore_errors=True)
        return Path(handed.to_directory(self.folder / HANDED))  # from wherever Tune keeps it
