"""Phase II on Ray Train: the pure loop of ``training`` in a group of DDP workers."""

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ray
import ray.train
import torch
from torch import Tensor

from seje_ray.artifact import Artifact
from seje_ray.config import RunConfig
from seje_ray.errors import StoreError
from seje_ray.lock import Lease
from seje_ray.log import event, logged
from seje_ray.on_ray.connect import num_cpus, num_gpus
from seje_ray.on_ray.decoding import RayTasks, require_decoders, wait_for_a_cpu
from seje_ray.on_ray.group import (
    COLLECTIVE_TIMEOUT_S,
    KEEP,
    GroupMember,
    require_resources,
    run_group,
)
from seje_ray.on_ray.progress import drawn, new_board, reporter
from seje_ray.on_ray.ray_internals import has_autoscaler
from seje_ray.store.mirror import is_mirrored, push
from seje_ray.training.checkpoints import (
    commit_checkpoint,
    keep_with_its_best,
    newest_checkpoint,
)
from seje_ray.training.history import write_history
from seje_ray.training.loaders import loaders_of, origin_of
from seje_ray.training.loop import Trainer
from seje_ray.training.timing import note_timings

if TYPE_CHECKING:
    from seje_ray.report.tensorboard import TrainingCurves


@dataclass(frozen=True, slots=True)
class GroupTraining:
    """Task of each process of a training."""

    run: RunConfig
    calibrated: Artifact
    folder: Path
    board: Any  # handle of the driver's ``ProgressBoard``
    lease: Lease | None = None  # of the command
    decodes_elsewhere: bool = False  # by tasks of the cluster, not by threads of the workers

    def in_group(
        self,
        num_workers: int,
        callbacks: Sequence[ray.train.UserCallback] = (),
        *,
        min_workers: int | None = None,
    ) -> int:
        """Train in a group of processes; return the number of epochs that are done.

        Raises:
            SejeError: What a worker raised for the user.
        """
        # After the watchdog has reported it.
        timeout_s = max(COLLECTIVE_TIMEOUT_S, 2 * 60 * (self.run.train.hang_minutes or 0))
        num_epochs: int = run_group(
            train_on_worker,
            {"training": self, "most_workers": num_workers if min_workers else None},
            self.folder,
            num_workers,
            self.board,
            min_workers=min_workers,
            timeout_s=timeout_s,
            callbacks=callbacks,
        )
        return num_epochs


def train_in_group(
    run: RunConfig,
    calibrated: Artifact,
    folder: Path,
    num_workers: int,
    lease: Lease | None = None,
    min_workers: int | None = None,
) -> int:
    """Train, with a bar; return the number of epochs that are done.

    Raises:
        SejeError: What a worker raised for the user.
    """
    board = new_board()

    def warn(text: str) -> None:
        event("warning", text=text)
        board.warn.remote(text)

    if not num_gpus() and num_workers > (cores := num_cpus()) and not has_autoscaler():
        few = f"{num_workers} workers share {cores} CPUs"
        warn(f"{few}, and are slower than one that has all (no --workers)")
    decodes_elsewhere = run.train.decode == "cluster" and not run.model.freeze_backbone
    if decodes_elsewhere:
        require_decoders(num_workers, require_resources(num_workers, min_workers), warn)
    with drawn(board, "steps"):
        training = GroupTraining(run, calibrated, folder, board, lease, decodes_elsewhere)
        return training.in_group(num_workers, min_workers=min_workers)


def train_on_worker(config: Mapping[str, Any]) -> int:
    """Run the loop in one Ray Train process; return the number of epochs that are done.

    Args:
        config: A ``GroupTraining``, and of a group that may shrink the most workers it may have.
    """
    told: GroupTraining = config["training"]
    run, calibrated, folder = told.run, told.calibrated, told.folder
    context = ray.train.get_context()
    torch.set_num_threads(max(1, (os.cpu_count() or 1) // context.get_local_world_size()))
    log = folder / "logs" / f"worker-{context.get_world_rank()}.jsonl"
    with logged(log), RayWorker(told) as worker:
        event("joined", rank=worker.rank, world_size=worker.world_size, device=worker.device)
        if worker.rank == 0 and worker.world_size < (most := config["most_workers"] or 0):
            few = f"training with {worker.world_size} of at most {most} workers"
            worker.warn(f"{few}; with more as soon as there is room")
        if told.decodes_elsewhere:
            wait_for_a_cpu(worker.warn)
        elsewhere = RayTasks if told.decodes_elsewhere else None
        loaders = loaders_of(run, calibrated, worker, elsewhere)
        trainer = Trainer(run, origin_of(run, calibrated), loaders, worker)
        worker.start(trainer)
        return trainer.fit().num_epochs


class RayWorker(GroupMember):
    """The ``training.worker.Worker`` of a Ray Train process."""

    def __init__(self, told: GroupTraining) -> None:
        super().__init__()
        self.folder, self._config, self._calibrated = told.folder, told.run.train, told.calibrated
        self._board, self._tell = told.board, reporter(told.board, "training")
        self._lease = told.lease
        self._trainer: Trainer | None = None
        self._curves: TrainingCurves | None = None

    def __enter__(self) -> "RayWorker":
        return self

    def __exit__(self, *_: object) -> None:
        if self._curves is not None:
            self._curves.close()
            with suppress(StoreError):  # pictures cost nothing of the work
                push(self._curves.folder)

    def start(self, trainer: Trainer) -> None:
        """Open TensorBoard on rank 0, after the epochs that are done."""
        self._trainer = trainer
        if self.rank == 0:
            from seje_ray.report.tensorboard import TrainingCurves

            done = trainer.state.progress.num_epochs
            self._curves = TrainingCurves(self.folder, self._calibrated, num_epochs=done)

    def show(self, images: Tensor, recipes: Tensor, *, epoch: int, is_last: bool) -> None:
        """Draw the hardest pairs of some epochs; at the end, give TensorBoard the embeddings."""
        assert self._curves is not None
        every = self._config.picture_epochs
        if every is not None and (epoch == 1 or epoch % every == 0 or is_last):
            self._curves.add_hardest_pairs(images, recipes, epoch)
        if is_last:
            self._curves.add_space(images, recipes, epoch)

    def report(
        self,
        metrics: Mapping[str, float],
        timings: Mapping[str, float],
        checkpoint_dir: Path | None,
        name: str,
    ) -> None:
        """Write history, timings and TensorBoard on rank 0; hand the checkpoint to Ray Train."""
        event("epoch", metrics=dict(metrics), timings=dict(timings))
        if self._curves is not None:
            self._curves.add_numbers(metrics, timings)
        self._report({**metrics, KEEP: self._keep()}, checkpoint_dir, name)
        if self.rank == 0 and self._trainer is not None:
            write_history(self.folder, self._trainer.state.progress.history)
            note_timings(self.folder, int(metrics["epoch"]), timings)

    def checkpoint(self, checkpoint_dir: Path | None, name: str) -> None:
        """Hand a checkpoint inside an epoch to Ray Train, which drops it for the next."""
        self._report({KEEP: 0}, checkpoint_dir, name)

    def _report(self, metrics: dict[str, float], checkpoint_dir: Path | None, name: str) -> None:
        if is_mirrored(self.folder):  # Ray knows no mirror: what to resume from, the store lists
            if checkpoint_dir is not None:
                keep_with_its_best(commit_checkpoint(checkpoint_dir, name, self._lease))
            ray.train.report(metrics)
            return
        checkpoint = ray.train.Checkpoint.from_directory(checkpoint_dir) if checkpoint_dir else None
        ray.train.report(
            metrics,
            checkpoint=checkpoint,
            checkpoint_dir_name=name,
            checkpoint_upload_fn=self._renamed,
        )

    def _renamed(self, checkpoint: ray.train.Checkpoint, name: str) -> ray.train.Checkpoint:
        """Put a checkpoint in its place in one stroke, where Ray itself would copy its files."""
        placed = commit_checkpoint(Path(checkpoint.path), name, self._lease)
        return ray.train.Checkpoint.from_directory(placed)

    def _keep(self) -> int:
        """Highest for the newest best epoch, so that Ray keeps exactly our best checkpoint."""
        assert self._trainer is not None
        progress = self._trainer.state.progress
        return progress.num_epochs if progress.best_epoch == progress.num_epochs else 0

    def resume_dir(self) -> Path | None:
        """Folder of the checkpoint to resume from; a local path on a shared or local disk.

        Where a kill has cost Ray its list, it is the newest there is.
        """
        checkpoint = ray.train.get_checkpoint()
        return newest_checkpoint(self.folder) if checkpoint is None else Path(checkpoint.path)

    def warn(self, text: str) -> None:
        """Let the driver write a line."""
        event("warning", text=text)
        self._board.warn.remote(text)

    def progress(self, done: int, total: int, text: str) -> None:
        """Report to the driver's bar, in steps."""
        assert self._trainer is not None
        progress = self._trainer.state.progress
        if progress.history:
            last = progress.history[-1]
            text += (
                f", loss {last['train/loss']:.3f}, val MedR "
                f"{last['val/median_rank/image_to_recipe']:.1f}"
            )
        self._tell(progress.num_epochs * total + done, self._config.num_epochs * total, text)
