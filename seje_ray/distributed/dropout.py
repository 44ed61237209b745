"""Dropout over the global batch: the same masks for any number of workers."""

import torch
from torch import Tensor, nn


class GlobalDropout(nn.Module):
    """Dropout whose mask is this worker's rows of one mask over all workers' rows.

    torch's own draws each worker's mask by itself, so that another number of workers trains
    another model.

    Args:
        p: Share of the values that become zero, in [0, 1).
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p
        self._first, self._num_rows = 0, 0
        self._generator = torch.Generator()

    def begin_step(self, generator: torch.Generator, first: int, num_rows: int) -> None:
        """Say which of ``num_rows`` global rows the next input begins with, and where to draw."""
        self._generator, self._first, self._num_rows = generator, first, num_rows

    def forward(self, input: Tensor) -> Tensor:
        """Drop values of (B, D) in training.

        Raises:
            ValueError: If the rows do not lie in the global batch that was announced.
        """
        if not self.training or self.p == 0:
            return input
        last = self._first + len(input)
        if last > self._num_rows:
            raise ValueError(f"rows up to {last} of a global batch of {self._num_rows}")
        shape = (self._num_rows, *input.shape[1:])
        keep = torch.empty(shape, device=self._generator.device)
        keep = keep.bernoulli_(1 - self.p, generator=self._generator)[self._first : last]
        return input * (keep.to(input) / (1 - self.p))


def use_global_dropout(module: nn.Module) -> None:
    """Replace every ``nn.Dropout`` in ``module`` (in place) by a ``GlobalDropout``."""
    for name, child in module.named_children():
        if isinstance(child, nn.Dropout):
            setattr(module, name, GlobalDropout(child.p))
        else:
            use_global_dropout(child)


def begin_dropout_step(
    module: nn.Module, *, first: int, num_rows: int, seed: int, device: torch.device
) -> None:
    """Let every ``GlobalDropout`` in ``module`` draw again from ``seed``, equal on all workers.

    Args:
        module: The model.
        first: Global number of this worker's first row.
        num_rows: Rows of the global batch.
        seed: Of this step.
        device: Where the model is.
    """
    generator = torch.Generator(device).manual_seed(seed)
    for part in module.modules():
        if isinstance(part, GlobalDropout):
            part.begin_step(generator, first, num_rows)
