"""Dropout over the global batch: the same masks for any number of workers."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

COLUMNS = 64  # that ``PaddedDropout`` draws at once


class _Global(nn.Module):
    """Draws for this worker's rows as rows of one draw for all workers' rows."""

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p
        self._first, self._num_rows = 0, 0
        self._generator = torch.Generator()

    def begin_step(self, generator: torch.Generator, first: int, num_rows: int) -> None:
        """Say which of ``num_rows`` global rows the next input begins with, and where to draw."""
        self._generator, self._first, self._num_rows = generator, first, num_rows

    def _own(self, count: int) -> slice:
        """The global rows of the next ``count`` of this worker.

        Raises:
            ValueError: If the rows do not lie in the global batch that was announced.
        """
        last = self._first + count
        if last > self._num_rows:
            raise ValueError(f"rows up to {last} of a global batch of {self._num_rows}")
        return slice(self._first, last)

    def _numbers(self, *shape: int) -> Tensor:
        """Room for a draw of (M, ...), M rows of the global batch, where the generator draws."""
        return torch.empty((self._num_rows, *shape), device=self._generator.device)


class GlobalDropout(_Global):
    """Dropout whose mask is this worker's rows of one mask over all workers' rows.

    torch's own draws each worker's mask by itself, so that another number of workers trains
    another model.

    Args:
        p: Share of the values that become zero, in [0, 1).
    """

    def forward(self, input: Tensor) -> Tensor:
        """Drop values of (B, D) in training.

        Raises:
            ValueError: If the rows do not lie in the global batch that was announced.
        """
        if not self.training or self.p == 0:
            return input
        keep = self._kept(input.shape[1:])[self._own(len(input))]
        return input * (keep.to(input) / (1 - self.p))

    def _kept(self, shape: Sequence[int]) -> Tensor:
        """Which values of rows of this shape stay, 1 or 0, for all rows of the global batch."""
        return self._numbers(*shape).bernoulli_(1 - self.p, generator=self._generator)


class PaddedDropout(GlobalDropout):
    """Dropout of rows that are padded to a width of their own on each worker.

    What is drawn for a column depends on its number and not on how many there are, so that no
    worker has to know the others' width.

    Args:
        p: Share of the values that become zero, in [0, 1).
    """

    def _kept(self, shape: Sequence[int]) -> Tensor:
        (width,) = shape
        draws = [self._drawn(block) for block in range(-(-width // COLUMNS))]
        return torch.cat(draws, dim=1)[:, :width]

    def _drawn(self, block: int) -> Tensor:
        """Of some columns, from a generator of their own: the shared one stays where it is."""
        seed = self._generator.initial_seed() + 1 + block
        generator = torch.Generator(self._generator.device).manual_seed(seed)
        return self._numbers(COLUMNS).bernoulli_(1 - self.p, generator=generator)


class PartDropout(_Global):
    """Leaves out whole parts of a row in training, never all of them.

    The draws are this worker's rows of one draw over all workers' rows. What is left keeps its
    size: a recipe without a part is a recipe, too.

    Args:
        widths: Columns of each part, in their order.
        p: Chance of a part to be left out, in [0, 1); of several the one with the largest draw
            stays in any case.

    Source: docs/method.md, rule 4.7.
    """

    def __init__(self, widths: Sequence[int], p: float) -> None:
        super().__init__(p)
        self._widths = tuple(widths)

    def forward(self, input: Tensor) -> Tensor:
        """Set the columns of parts of (B, sum of the widths) to zero in training.

        Raises:
            ValueError: If the rows do not lie in the global batch that was announced.
        """
        if not self.training or self.p == 0:
            return input
        own = self._own(len(input))
        draws = self._numbers(len(self._widths)).uniform_(generator=self._generator)[own]
        keep = (draws >= self.p) | (draws == draws.amax(dim=1, keepdim=True))
        widths = torch.tensor(self._widths, device=keep.device)
        return input * keep.repeat_interleave(widths, dim=1, output_size=input.shape[1]).to(input)


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
    """Let every dropout here in ``module`` draw again from ``seed``, equal on all workers.

    Args:
        module: The model.
        first: Global number of this worker's first row.
        num_rows: Rows of the global batch.
        seed: Of this step.
        device: Where the model is.
    """
    generator = torch.Generator(device).manual_seed(seed)
    for part in module.modules():
        if isinstance(part, _Global):
            part.begin_step(generator, first, num_rows)
