"""Batch normalisation over the global batch, on any device and with any row counts.

Letters: B rows of this worker, C channels, W workers, N values of a channel over all workers.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from seje_ray.distributed.collectives import gather_rows, world_size


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
        self._track(mean, variance, count)
        output: Tensor = _Normalise.apply(
            input, self.weight, self.bias, mean, variance, count, self.eps, self.counts_rows
        )
        return output

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


class _Normalise(torch.autograd.Function):
    """Normalise by given statistics that are those of the inputs of all workers.

    By the kernels of the built-in layer, in its evaluation mode, which take the statistics for
    constants; the backward pass adds what went into the loss through them. With g the gradient of
    the output, x' the normalised input and c the scale, the input's is

    ``c (g - mean(g) - x' mean(g x'))``

    with means over all values of a channel. All workers call both passes together.
    """

    @staticmethod
    def forward(
        ctx: Any,
        input: Tensor,
        weight: Tensor | None,
        bias: Tensor | None,
        mean: Tensor,
        variance: Tensor,
        count: Tensor,
        eps: float,
        counts_rows: bool,
    ) -> Tensor:
        ctx.save_for_backward(input, weight, mean, variance, count)
        ctx.eps, ctx.counts_rows = eps, counts_rows
        return F.batch_norm(input, mean, variance, weight, bias, training=False, eps=eps)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        input, weight, mean, variance, count = ctx.saved_tensors
        scale = torch.rsqrt(variance + ctx.eps)
        gain = torch.ones_like(mean) if weight is None else weight
        # CPUs read the running statistics, CUDA's channels-last kernels the saved ones.
        grad, to_weight, to_bias = torch.ops.aten.native_batch_norm_backward(
            grads[0],
            input,
            gain,
            mean,
            variance,
            mean,
            scale,
            False,
            ctx.eps,
            [True] * 3,
        )
        if ctx.needs_input_grad[0]:
            sums = _gathered(torch.stack([to_bias, to_weight]).to(mean)).sum(0)  # of g and g x'
            if ctx.counts_rows:
                mean_g, mean_gx = sums / count * (scale * gain)
                factor = -mean_gx * scale
                shape = (1, -1) + (1,) * (input.ndim - 2)
                grad.addcmul_(input, factor.view(shape))
                grad.sub_((mean_g + factor * mean).view(shape))
        affine = (None, None) if weight is None else (to_weight, to_bias)
        return grad, *affine, None, None, None, None, None


@torch.no_grad()
def _global_statistics(rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Mean (C,), biased variance (C,) and N (C,), over all workers, float32.

    Each worker's mean and sum of squared deviations are merged (Chan et al. 1979): one
    collective, and no cancellation as with sums of squares.
    """
    if rows.numel() == 0:  # their mean is NaN
        local_mean = local_variance = torch.zeros(rows.shape[1], device=rows.device)
    else:
        local_mean, local_variance = torch.batch_norm_update_stats(rows, None, None, 0.0)
    local_mean, local_variance = local_mean.float(), local_variance.float()
    count = torch.full_like(local_mean, rows.numel() / rows.shape[1])
    parts = _gathered(torch.stack([local_mean, local_variance, count]))
    means, variances, counts = parts.unbind(1)  # each (W, C)
    total = counts.sum(0)
    mean = (means * counts).sum(0) / total
    variance = ((variances + (means - mean).square()) * counts).sum(0) / total
    return mean, variance, total


def _gathered(statistics: Tensor) -> Tensor:
    """(W, ...) of all workers; for a few numbers it takes gloo less time than their sum."""
    return gather_rows(statistics[None], [1] * world_size())


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
