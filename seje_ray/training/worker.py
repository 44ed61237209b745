"""What a training loop needs of the process it runs in."""

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import torch
from torch import nn


class Worker(Protocol):
    """One process of a training; ``LocalWorker`` here, ``RayWorker`` in ``on_ray``."""

    rank: int
    world_size: int
    device: torch.device

    def wrap(self, module: nn.Module, *, broadcast_buffers: bool) -> nn.Module:
        """Move ``module`` to the device and make its gradients shared."""
        ...

    def report(self, metrics: Mapping[str, float], checkpoint_dir: Path | None, name: str) -> None:
        """Publish one epoch; every worker calls it the same number of times.

        Args:
            metrics: The same numbers on every worker.
            checkpoint_dir: What ``training.state.save`` wrote, on rank 0; else None.
            name: Folder name under which the checkpoint is kept.
        """
        ...

    def resume_dir(self) -> Path | None:
        """Folder of the newest checkpoint of this run, or None for a fresh start."""
        ...

    def progress(self, done: int, total: int, text: str) -> None:
        """Tell a person how far the epoch is; called by rank 0 only."""
        ...


class LocalWorker:
    """A training in this one process; keeps checkpoints in ``folder`` and all reports."""

    def __init__(self, folder: Path, device: str = "cpu") -> None:
        self.rank, self.world_size, self.device = 0, 1, torch.device(device)
        self.folder = folder
        self.reports: list[dict[str, float]] = []

    def wrap(self, module: nn.Module, *, broadcast_buffers: bool) -> nn.Module:
        """Move ``module`` to the device."""
        return module.to(self.device)

    def report(self, metrics: Mapping[str, float], checkpoint_dir: Path | None, name: str) -> None:
        """Keep the metrics, and the checkpoint under its name."""
        self.reports.append(dict(metrics))
        if checkpoint_dir is not None:
            checkpoint_dir.rename(self.folder / name)

    def resume_dir(self) -> Path | None:
        """Return the last checkpoint by name."""
        return max(self.folder.glob("checkpoint-*"), default=None)

    def progress(self, done: int, total: int, text: str) -> None:
        """Stay silent."""
