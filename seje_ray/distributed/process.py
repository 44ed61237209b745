"""A process among those that compute one thing together."""

from typing import Protocol

import torch
from torch import nn


class Process(Protocol):
    """Rank and device of one process in a group.

    What it shares with them goes through ``collectives``, which know the group by themselves.
    """

    rank: int
    world_size: int
    device: torch.device

    def wrap(self, module: nn.Module, *, broadcast_buffers: bool = True) -> nn.Module:
        """Move ``module`` to the device and average its gradients over the processes.

        Args:
            module: With a gradient in each of its parameters after every step.
            broadcast_buffers: Whether each pass begins with rank 0's buffers.
        """
        ...


def default_device() -> torch.device:
    """The device of a process that is told none: CUDA if there is one, otherwise the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


class LocalProcess:
    """The only process."""

    def __init__(self, device: torch.device | str = "cpu") -> None:
        self.rank, self.world_size, self.device = 0, 1, torch.device(device)

    def wrap(self, module: nn.Module, *, broadcast_buffers: bool = True) -> nn.Module:
        """Move ``module`` to the device."""
        return module.to(self.device)


def own_rows(num_rows: int, process: Process) -> tuple[slice, bool]:
    """Rows of a global batch that this process computes, and whether they are really its own.

    The parts are as equal as they can be, in rank order. A process that would have none computes
    the first row, to be weighed by 0: every process takes part in every step.
    """
    rank, size = process.rank, process.world_size
    first, last = (num_rows * part // size for part in (rank, rank + 1))
    return (slice(first, last), True) if last > first else (slice(0, 1), False)
