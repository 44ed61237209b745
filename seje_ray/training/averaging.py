"""The mean of a model's weights over its last steps, which is what a run evaluates and keeps."""

from copy import deepcopy

import torch
from torch import nn
from torch.optim.swa_utils import get_ema_multi_avg_fn


def averaged_copy(model: nn.Module) -> nn.Module:
    """A copy for the mean, which begins as ``model`` and is never trained itself."""
    return deepcopy(model).requires_grad_(False)


@torch.no_grad()
def update_average(average: nn.Module, model: nn.Module, decay: float, step: int) -> None:
    """Move ``average`` towards ``model`` after a step, running statistics included.

    ``average = d * average + (1 - d) * model`` with d = min(decay, (1 + step) / (10 + step)): early
    steps, whose weights are far from any that count, are soon forgotten.

    Args:
        average: Of ``averaged_copy``.
        model: As the step left it.
        decay: In (0, 1).
        step: Of the training, 0 for the first.

    Source: docs/method.md, rule 6.7.
    """
    own, now = average.state_dict(), model.state_dict()
    floats = [name for name, value in own.items() if value.is_floating_point()]
    factor = min(decay, (1 + step) / (10 + step))
    move = get_ema_multi_avg_fn(factor)  # type: ignore[no-untyped-call]
    move([own[name] for name in floats], [now[name] for name in floats], None)
    for name in own.keys() - floats:
        own[name].copy_(now[name])
