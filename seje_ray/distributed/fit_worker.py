"""The process that fits a network, as the fit needs it."""

from typing import Protocol, TypeVar

import torch
from torch import Tensor, nn

T = TypeVar("T")


class FitWorker(Protocol):
    """One process of a fit; ``OneFitWorker`` here, ``RayFitWorker`` in ``on_ray``."""

    rank: int
    world_size: int
    device: torch.device

    def wrap(self, module: nn.Module) -> nn.Module:
        """Move ``module`` to the device and average its gradients over the workers."""
        ...

    def sum(self, value: Tensor) -> Tensor:
        """Sum of a detached tensor over the workers, the same on each."""
        ...

    def gather(self, value: T) -> list[T]:
        """Values of all workers in rank order, the same on each."""
        ...

    def count_rows(self, module: nn.Module, are_own: bool) -> None:
        """Say whether the rows that ``module`` gets next belong to the global batch.

        Statistics over the batch leave out rows that only keep a worker in step with the others.
        """
        ...


class OneFitWorker:
    """A fit in this one process."""

    def __init__(self, device: torch.device | str = "cpu") -> None:
        self.rank, self.world_size, self.device = 0, 1, torch.device(device)

    def wrap(self, module: nn.Module) -> nn.Module:
        """Move ``module`` to the device."""
        return module.to(self.device)

    def sum(self, value: Tensor) -> Tensor:
        """The value itself."""
        return value

    def gather(self, value: T) -> list[T]:
        """The value alone."""
        return [value]

    def count_rows(self, module: nn.Module, are_own: bool) -> None:
        """Nothing: all rows are this worker's own."""


def own_rows(num_rows: int, worker: FitWorker) -> tuple[slice, bool]:
    """Rows of a global batch that this worker computes, and whether they are really its own.

    The parts are as equal as they can be, in rank order. A worker that would have none computes
    the first row, to be weighed by 0: every worker takes part in every step.
    """
    first, last = (num_rows * part // worker.world_size for part in (worker.rank, worker.rank + 1))
    return (slice(first, last), True) if last > first else (slice(0, 1), False)
