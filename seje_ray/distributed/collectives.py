"""Collectives over the workers that keep gradients; each is the identity on one worker.

Letters: B pairs of this worker, W workers, D dimensions.
"""

from collections.abc import Sequence
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

T = TypeVar("T")


def world_size() -> int:
    """Workers of the process group; 1 if there is none."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def split_sizes(total: int, num_parts: int) -> tuple[int, ...]:
    """Rows of each worker: as equal as they can be, the first ones hold one more."""
    return tuple(total // num_parts + (part < total % num_parts) for part in range(num_parts))


def gather_rows(local: Tensor, sizes: Sequence[int]) -> Tensor:
    """Rows of all workers in rank order; gradients go back to the worker they came from.

    The backward pass sums what every worker's loss says about a row. With losses scaled by
    ``W * B / sum(sizes)`` and averaged by DDP, the parameters get exactly the gradient of the
    mean over the global batch.

    Args:
        local: Shape (B, ...), with B equal to ``sizes[rank]``.
        sizes: Rows of each worker; they may differ.

    Returns:
        Shape (sum(sizes), ...); ``local`` itself on one worker.

    Raises:
        ValueError: If B is not this worker's entry of ``sizes``.
    """
    rank = dist.get_rank() if world_size() > 1 else 0
    if len(sizes) != world_size() or local.shape[0] != sizes[rank]:
        raise ValueError(f"worker {rank} holds {local.shape[0]} rows, sizes are {tuple(sizes)}")
    if world_size() == 1:
        return local
    gathered: Tensor = _GatherRows.apply(local, tuple(sizes))
    return gathered


class _GatherRows(torch.autograd.Function):
    """all_gather of padded rows forward, all_reduce and slice backward."""

    @staticmethod
    def forward(ctx: Any, local: Tensor, sizes: tuple[int, ...]) -> Tensor:
        ctx.sizes = sizes
        padded = local.new_zeros((max(sizes), *local.shape[1:]))
        padded[: local.shape[0]] = local
        parts = [torch.empty_like(padded) for _ in sizes]
        dist.all_gather(parts, padded)
        return torch.cat([part[:size] for part, size in zip(parts, sizes, strict=True)])

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> tuple[Tensor, None]:
        total = grads[0].contiguous().clone()
        dist.all_reduce(total)
        start = sum(ctx.sizes[: dist.get_rank()])
        return total[start : start + ctx.sizes[dist.get_rank()]], None


def sum_over_workers(value: Tensor) -> Tensor:
    """Sum of a detached tensor over the workers, the same on each."""
    total = value.detach().clone()
    if world_size() > 1:
        dist.all_reduce(total)
    return total


def gather_objects(value: T) -> list[T]:
    """Small values of all workers in rank order, the same on each; they are pickled."""
    if world_size() == 1:
        return [value]
    values: list[Any] = [None] * world_size()
    dist.all_gather_object(values, value)
    return values


def average_gradients(parameters: Sequence[torch.nn.Parameter]) -> None:
    """Replace each gradient by its mean over the workers, as DDP would.

    For a network that stays outside DDP: a gradient penalty there gives wrong gradients where
    the last layer has a bias (pytorch issue 47562).
    """
    if world_size() == 1:
        return
    grads = [p.grad for p in parameters if p.grad is not None]
    flat = torch.cat([grad.reshape(-1) for grad in grads])
    dist.all_reduce(flat)
    flat /= world_size()
    start = 0
    for grad in grads:
        grad.copy_(flat[start : start + grad.numel()].view_as(grad))
        start += grad.numel()


def broadcast_buffers(module: torch.nn.Module) -> None:
    """Give every worker rank 0's buffers (running statistics)."""
    if world_size() > 1:
        for buffer in module.buffers():
            dist.broadcast(buffer, src=0)
