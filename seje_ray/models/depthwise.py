"""Depthwise convolutions that are trained on a CPU in mixed precision."""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn


def depthwise_in_float32(network: nn.Module) -> None:
    """Let the depthwise convolutions of ``network`` leave bf16 while they are trained on a CPU.

    Its bf16 kernels take three to five times as long for their gradients as the float32 ones, and
    most of a step of an EfficientNet with them. Without gradients bf16 stays, which is fast there.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d) and module.groups == module.in_channels > 1:
            module.forward = partial(_in_float32, module.forward)  # type: ignore[method-assign]


def _in_float32(forward: Callable[[Tensor], Tensor], images: Tensor) -> Tensor:
    if not torch.is_grad_enabled():
        return forward(images)
    with torch.autocast("cpu", enabled=False):
        return forward(images.float()).to(images.dtype)
