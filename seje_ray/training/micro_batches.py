"""Global batches whose photos do not fit into memory: the image backbone in micro-batches.

Letters: B pairs of this worker, F pooled features.
"""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from seje_ray.distributed.collectives import split_sizes
from seje_ray.random_streams import Stream, torch_seed

NORMS = nn.modules.batchnorm._BatchNorm


class MicroBatchedBackbone:
    """Pooled features of one step's photos, and their gradient, a micro-batch at a time.

    The backbone holds nearly all of a step's memory, so it alone is split. A first pass without
    gradients gives the features of all pairs; heads, negatives and losses see the whole batch;
    a second pass repeats each micro-batch and takes the gradient of its features through it.
    Random draws of a backbone are the same in both passes. Loss and gradients are those of one
    pass, but for a backbone that normalises by the statistics of what it is given: those are of
    a micro-batch then. ``train.batch_norm: frozen`` has none of that.

    Source: Gao et al. 2021, GradCache (arXiv:2101.06983), cut at the pooled features.
    """

    def __init__(
        self,
        backbone: nn.Module,
        images: Tensor,
        sizes: Sequence[int],
        *,
        micro_batch_size: int,
        seed: tuple[int, ...],
        autocast: torch.autocast,
    ) -> None:
        """Prepare a step.

        Args:
            backbone: From photos to (B, F), in training or evaluation mode.
            images: This worker's photos, shape (B, 3, side, side).
            sizes: Pairs of each worker; all take the same number of micro-batches.
            micro_batch_size: Photos in one pass, >= 1; one more where a worker with fewer pairs
                would be left without any.
            seed: Of the run; then epoch, step and this worker's rank.
            autocast: Precision of both passes.
        """
        self._backbone, self._seed, self._autocast = backbone, seed, autocast
        num_parts = min(math.ceil(max(sizes) / micro_batch_size), min(sizes))
        self._parts = torch.split(images, list(split_sizes(len(images), num_parts)))
        self._features: Tensor | None = None

    def features(self) -> Tensor:
        """First pass: features (B, F), which collect a gradient where the backbone is trained."""
        with torch.no_grad():
            self._features = torch.cat([self._pass(number) for number in range(len(self._parts))])
        return self._features.requires_grad_(self._is_trained)

    def backward(self) -> None:
        """Second pass: add the gradients of the backbone's parameters; none of a frozen one."""
        if not self._is_trained:
            return
        assert self._features is not None
        assert self._features.grad is not None
        grads = torch.split(self._features.grad, [len(part) for part in self._parts])
        with _statistics_kept(self._backbone):
            for number, grad in enumerate(grads):
                self._pass(number).backward(grad)  # type: ignore[no-untyped-call]

    @property
    def _is_trained(self) -> bool:
        return any(parameter.requires_grad for parameter in self._backbone.parameters())

    def _pass(self, number: int) -> Tensor:
        torch.manual_seed(torch_seed(Stream.MICRO_BATCH, *self._seed, number))
        with self._autocast:
            features: Tensor = self._backbone(self._parts[number])
        return features


@contextmanager
def _statistics_kept(module: nn.Module) -> Iterator[None]:
    """Within: BatchNorm layers normalise as they do, and leave their running statistics."""
    tracking = [m for m in module.modules() if isinstance(m, NORMS) and m.track_running_stats]
    for layer in tracking:
        layer.track_running_stats = False
    try:
        yield
    finally:
        for layer in tracking:
            layer.track_running_stats = True
