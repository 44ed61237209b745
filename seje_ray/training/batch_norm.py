"""Batch normalisation over the global batch, on any device and with any row counts."""

from typing import Any

import torch
from torch import Tensor, nn

from seje_ray.training.gather import gather_rows, world_size


class GlobalBatchNorm(nn.modules.batchnorm._BatchNorm):
    """BatchNorm whose statistics are those of all workers' rows together.

    torch's own SyncBatchNorm refuses CPU tensors; this one runs anywhere and its gradients equal
    those of one process with the whole batch. On one worker it is the built-in kernel. Its state
    has the names of the layer that it replaces.
    """

    counts_rows = True  # False: its next rows are normalised, and no part of the global batch

    def _check_input_dim(self, input: Tensor) -> None:
        if input.ndim < 2:
            raise ValueError(f"expected (B, C, ...), got {tuple(input.shape)}")

    def forward(self, input: Tensor) -> Tensor:
        """Normalise (B, C, ...) per channel."""
        if not self.training or world_size() == 1:
            normalised: Tensor = super().forward(input)
            return normalised
        self._check_input_dim(input)
        mean, variance, count = _global_statistics(input if self.counts_rows else input[:0])
        self._track(mean.detach(), variance.detach(), count)
        scale = torch.rsqrt(variance + self.eps)
        if self.affine:
            scale = scale * self.weight
        shift = -mean * scale + (self.bias if self.affine else 0.0)
        shape = (1, -1) + (1,) * (input.ndim - 2)
        return torch.addcmul(shift.view(shape), input, scale.view(shape)).to(input.dtype)

    @torch.no_grad()
    def _track(self, mean: Tensor, variance: Tensor, count: Tensor) -> None:
        if not self.track_running_stats or self.running_mean is None or self.running_var is None:
            return
        assert self.num_batches_tracked is not None
        self.num_batches_tracked += 1
        momentum = self.momentum
        if momentum is None:
            momentum = 1.0 / float(self.num_batches_tracked)
        self.running_mean.lerp_(mean, momentum)
        self.running_var.lerp_(variance * count / (count - 1), momentum)


class GlobalBatchNormAct(GlobalBatchNorm):
    """A ``GlobalBatchNorm`` in the place of timm's BatchNormAct2d: drop and activation behind it.

    Args:
        layer: The BatchNormAct2d.
    """

    def __init__(self, layer: Any) -> None:
        super().__init__(*_settings(layer))
        self.drop, self.act = layer.drop, layer.act

    def forward(self, input: Tensor) -> Tensor:
        """Normalise (B, C, ...) per channel, drop, activate."""
        activated: Tensor = self.act(self.drop(super().forward(input)))
        return activated


def _global_statistics(rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Mean (C,), biased variance (C,) and values per channel, over all workers.

    Each worker's mean and sum of squared deviations are merged (Chan et al. 1979): one
    collective, and no cancellation as with sums of squares.
    """
    axes = [axis for axis in range(rows.ndim) if axis != 1]
    values = rows.float()
    if values.numel() == 0:  # their mean is NaN; their sum is 0 and has a gradient too
        local_variance = local_mean = values.sum(dim=axes)
    else:
        local_variance, local_mean = torch.var_mean(values, dim=axes, correction=0)
    count = torch.full_like(local_mean, values.numel() / values.shape[1])
    parts = gather_rows(torch.stack([local_mean, local_variance, count])[None], [1] * world_size())
    means, variances, counts = parts.unbind(1)  # each (W, C)
    total = counts.sum(0)
    mean = (means * counts).sum(0) / total
    variance = ((variances + (means - mean).square()) * counts).sum(0) / total
    return mean, variance, total[0]


def use_global_batch_norm(module: nn.Module) -> nn.Module:
    """Replace every BatchNorm in ``module`` (in place) by a ``GlobalBatchNorm`` with its state."""
    for name, child in module.named_children():
        if isinstance(child, nn.modules.batchnorm._BatchNorm):
            setattr(module, name, _converted(child))
        else:
            use_global_batch_norm(child)
    return module


def _converted(layer: nn.modules.batchnorm._BatchNorm) -> nn.Module:
    is_plain = type(layer) in (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
    new = GlobalBatchNorm(*_settings(layer)) if is_plain else GlobalBatchNormAct(layer)
    new.load_state_dict(layer.state_dict())
    return new.to(next(iter(layer.state_dict().values())).device)


def _settings(layer: nn.modules.batchnorm._BatchNorm) -> tuple[Any, ...]:
    return (
        layer.num_features,
        layer.eps,
        layer.momentum,
        layer.affine,
        layer.track_running_stats,
    )


def count_rows(module: nn.Module, are_own: bool) -> None:
    """Say whether the next rows of every ``GlobalBatchNorm`` belong to the global batch.

    A worker without rows puts any row through the network, to take part in the collectives.
    """
    for part in module.modules():
        if isinstance(part, GlobalBatchNorm):
            part.counts_rows = are_own
