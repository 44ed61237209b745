"""The learnt temperature, and bias, of losses that classify similarities."""

import math

import torch
from torch import Tensor, nn


class LogitScale(nn.Module):
    """Owns the numbers that turn a cosine similarity into a logit, ``scale * cos + bias``.

    The scale is learnt as its logarithm, so it stays positive. It is cut to ``max_scale`` where
    it is kept, not where it is used: a cut use would have no gradient, and could never fall.

    Args:
        scale: Start of the scale, one over the temperature, > 0.
        max_scale: Largest scale, or None for any.
        bias: Start of the bias, or None for a loss without one.

    Source: Radford et al. 2021 (CLIP, arXiv:2103.00020), section 2.5; Zhai et al. 2023 (SigLIP,
    arXiv:2303.15343), section 3.2.
    """

    def __init__(
        self, scale: float, *, max_scale: float | None = None, bias: float | None = None
    ) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.tensor(math.log(scale)))
        self.bias = None if bias is None else nn.Parameter(torch.tensor(bias))
        self._max_log_scale = None if max_scale is None else math.log(max_scale)

    def forward(self) -> tuple[Tensor, Tensor | None]:
        """Scale, and bias where there is one; scalar tensors with gradient."""
        if self._max_log_scale is not None:
            with torch.no_grad():
                self.log_scale.clamp_(max=self._max_log_scale)
        return self.log_scale.exp(), self.bias
