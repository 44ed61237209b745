"""One trial, as a training in a process of its own."""

import json
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from seje_ray.artifact import Artifact
from seje_ray.distributed.process import LocalProcess, Process, default_device
from seje_ray.errors import ConfigError
from seje_ray.features.checkpoint import load_model
from seje_ray.features.model import pixel_spec
from seje_ray.lock import Lease
from seje_ray.log import event
from seje_ray.models.joint_embedding import JointEmbedding
from seje_ray.pipeline.initial import prepare_initial
from seje_ray.pipeline.runs import require_same_photos
from seje_ray.recipe1m.pixels import PixelSpec
from seje_ray.store.mirror import pull
from seje_ray.training.checkpoints import (
    checkpoint_name,
    commit_checkpoint,
    keep_with_its_best,
    newest_checkpoint,
    set_aside_damaged,
)
from seje_ray.training.history import write_history
from seje_ray.training.loaders import loader_of, loaders_of, origin_of
from seje_ray.training.loop import Trainer
from seje_ray.training.timing import note_timings
from seje_ray.training.validation import measure_checkpoint
from seje_ray.tuning.trial_plan import TrialPlan
from seje_ray.tuning.trials import write_measured
from seje_ray.workspace import Workspace


class TrialWorker(LocalProcess):
    """The ``training.worker.Worker`` of a trial: one process, checkpoints in its folder."""

    def __init__(self, folder: Path, metric: str, lease: Lease | None = None) -> None:
        super().__init__(default_device())
        self.folder, self._metric, self._lease = folder, metric, lease
        self._trainer: Trainer | None = None

    def start(self, trainer: Trainer) -> None:
        """Know the training whose history is kept."""
        self._trainer = trainer

    def report(
        self,
        metrics: Mapping[str, float],
        timings: Mapping[str, float],
        checkpoint_dir: Path | None,
        name: str,
    ) -> None:
        """Commit the checkpoint and the history."""
        assert self._trainer is not None
        require_metric(self._metric, metrics)
        self.checkpoint(checkpoint_dir, name)
        write_history(self.folder, self._trainer.state.progress.history)
        note_timings(self.folder, int(metrics["epoch"]), timings)

    def checkpoint(self, checkpoint_dir: Path | None, name: str) -> None:
        """Keep a checkpoint and, of those before it, the best."""
        assert checkpoint_dir is not None
        keep_with_its_best(commit_checkpoint(checkpoint_dir, name, self._lease))

    def resume_dir(self) -> Path | None:
        """Return this trial's last checkpoint."""
        return newest_checkpoint(self.folder)

    def progress(self, done: int, total: int, text: str) -> None:
        """Stay silent; the driver shows epochs."""

    def warn(self, text: str) -> None:
        """Stay silent; the score says it, and ``history.jsonl`` whether the model collapsed."""

    def show(self, images: Tensor, recipes: Tensor, *, epoch: int, is_last: bool) -> None:
        """Stay silent."""


def train_trial(
    plan: TrialPlan, calibrated: Artifact, workspace: Workspace, worker: TrialWorker
) -> None:
    """Train a trial to its end, from its last checkpoint on, and measure the best checkpoint.

    Args:
        plan: Of the trial.
        calibrated: Its data, perhaps of a variant.
        workspace: Of the tuning or the comparison.
        worker: Of the trial.

    Raises:
        ArtifactError: If it was begun where its image network saw photos in another way.
    """
    for line in set_aside_damaged(worker.folder, workspace.verify):
        event("warning", text=line)
    require_same_photos(worker.folder, plan.run, "--name")
    prepare_initial(plan.run, calibrated, worker.folder, workspace)
    loaders = loaders_of(plan.run, calibrated, worker)
    trainer = Trainer(plan.run, origin_of(plan.run, calibrated), loaders, worker)
    worker.start(trainer)
    progress = trainer.fit()
    model = trainer.state.model
    assert isinstance(model, JointEmbedding)
    best = worker.folder / checkpoint_name(progress.best_epoch)
    _measure(plan, calibrated, model, pixel_spec(plan.run), best, worker)


def measure_trial(plan: TrialPlan, calibrated: Artifact, folder: Path, process: Process) -> None:
    """Measure the best checkpoint of a trial that was trained elsewhere; every process calls it."""
    last = newest_checkpoint(folder)
    assert last is not None
    progress = json.loads((last / "progress.json").read_text(encoding="utf-8"))
    best = pull(folder / checkpoint_name(progress["best_epoch"]))
    trained = load_model(best, process.device)  # which sees photos as in the training
    _measure(plan, calibrated, trained.single, trained.pixels, best, process)


def require_metric(metric: str, metrics: Mapping[str, float]) -> None:
    """Refuse a tuning for what no epoch reports.

    Raises:
        ConfigError: Naming what they report.
    """
    if metric not in metrics:
        known = ", ".join(sorted(key for key in metrics if "/" in key))
        raise ConfigError(f"tune.metric: expected one of {known}, found {metric!r}")


def _measure(
    plan: TrialPlan,
    calibrated: Artifact,
    model: JointEmbedding,
    pixels: PixelSpec | None,
    checkpoint: Path,
    process: Process,
) -> None:
    """Record that the training has ended by itself, with the result of its best checkpoint."""
    folder, run = pull(checkpoint).parent, plan.run
    measured: dict[str, float] = {}
    bank = None
    if run.evaluate.hubness.weight > 0:
        bank = loader_of(run, calibrated, "train", pixels, process, is_bank=True)
    for partition in plan.partitions:
        loader = loader_of(run, calibrated, partition, pixels, process)
        measured |= measure_checkpoint(model, checkpoint, loader, run, process, partition, bank)
    if process.rank == 0:
        write_measured(folder, measured)
