"""The process that a training loop runs in, as the loop needs it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from seje_ray.distributed.process import LocalProcess, Process
from seje_ray.lock import Lease
from seje_ray.training.checkpoints import (
    commit_checkpoint,
    keep_with_its_best,
    newest_checkpoint,
)
from seje_ray.training.timing import note_timings


class Worker(Process, Protocol):
    """One process of a training; ``LocalWorker`` here, ``RayWorker`` in ``on_ray``."""

    folder: Path  # of the run

    def report(
        self,
        metrics: Mapping[str, float],
        timings: Mapping[str, float],
        checkpoint_dir: Path | None,
        name: str,
    ) -> None:
        """Publish one epoch; every worker calls it the same number of times.

        Args:
            metrics: The same numbers on every worker, and every time the training is repeated.
            timings: What ``EpochClock`` measured.
            checkpoint_dir: What ``begin_checkpoint`` gave and ``TrainingState.save`` filled, on
                rank 0; otherwise None.
            name: Folder name under which the checkpoint is kept.
        """
        ...

    def checkpoint(self, checkpoint_dir: Path | None, name: str) -> None:
        """Keep a checkpoint inside an epoch, until the next one; called as ``report`` is."""
        ...

    def resume_dir(self) -> Path | None:
        """Folder of the newest checkpoint of this run, or None for a fresh start."""
        ...

    def progress(self, done: int, total: int, text: str) -> None:
        """Tell a person how far the epoch is; called by rank 0 only."""
        ...

    def warn(self, text: str) -> None:
        """Tell a person what is wrong, in one line; any worker, at any time."""
        ...

    def show(self, images: Tensor, recipes: Tensor, *, epoch: int, is_last: bool) -> None:
        """Show a person an epoch's val embeddings; called by rank 0 only, before ``report``.

        Args:
            images: Shape (N, D), unit rows on the CPU in the order of the shards.
            recipes: Shape (N, D), the same.
            epoch: 1 for the first.
            is_last: Whether training ends with it.
        """
        ...


class LocalWorker(LocalProcess):
    """A training in this one process; keeps two checkpoints in ``folder``, and all reports."""

    def __init__(
        self, folder: Path, device: torch.device | str = "cpu", lease: Lease | None = None
    ) -> None:
        super().__init__(device)
        self.folder, self._lease = folder, lease
        self.reports: list[dict[str, float]] = []
        self.warnings: list[str] = []

    def report(
        self,
        metrics: Mapping[str, float],
        timings: Mapping[str, float],
        checkpoint_dir: Path | None,
        name: str,
    ) -> None:
        """Keep the metrics, the timings, and the checkpoint under its name."""
        self.reports.append(dict(metrics))
        note_timings(self.folder, int(metrics["epoch"]), timings)
        self.checkpoint(checkpoint_dir, name)

    def checkpoint(self, checkpoint_dir: Path | None, name: str) -> None:
        """Keep the checkpoint under its name and, of those before it, the best."""
        if checkpoint_dir is not None:
            keep_with_its_best(commit_checkpoint(checkpoint_dir, name, self._lease))

    def resume_dir(self) -> Path | None:
        """Return the last checkpoint by name."""
        return newest_checkpoint(self.folder)

    def progress(self, done: int, total: int, text: str) -> None:
        """Stay silent."""

    def warn(self, text: str) -> None:
        """Keep the line."""
        self.warnings.append(text)

    def show(self, images: Tensor, recipes: Tensor, *, epoch: int, is_last: bool) -> None:
        """Stay silent."""
