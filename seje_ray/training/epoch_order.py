"""Which pairs each step of an epoch has: of few shards in windows, of many in lanes."""

from collections.abc import Sequence
from typing import Literal, Protocol, assert_never

import numpy as np

from seje_ray import random_streams
from seje_ray.random_streams import Stream
from seje_ray.training.lanes import LaneOrder, Rows

OrderKind = Literal["windows", "lanes"]


class EpochOrder(Protocol):
    """The pairs of every step of one epoch, the same for any number of workers."""

    def step(self, step: int, positions: range) -> Rows:
        """The pairs of some positions, side by side, of a step's global batch."""

    def shards(self, step: int, positions: range) -> list[int]:
        """Numbers of the shards that these pairs are of, each once."""


def order_kind(num_shards: int, window: int) -> OrderKind:
    """The order of a training: a plain shuffle of all pairs where one window holds the shards."""
    return "windows" if num_shards <= window else "lanes"


def epoch_order(
    kind: OrderKind,
    counts: Sequence[int],
    *,
    batch_size: int,
    window: int,
    seed: int,
    epoch: int,
) -> EpochOrder:
    """Draw the order of an epoch.

    Args:
        kind: Of the order.
        counts: Rows of each shard that are used.
        batch_size: Pairs of a global batch, at most the sum of ``counts``.
        window: Shards that a batch is drawn from.
        seed: Of the run.
        epoch: >= 0.

    Source: docs/method.md, rule 10.18.
    """
    match kind:
        case "windows":
            return WindowOrder(counts, batch_size=batch_size, window=window, seed=seed, epoch=epoch)
        case "lanes":
            return LaneOrder(
                counts, batch_size=batch_size, num_lanes=window, seed=seed, epoch=epoch
            )
        case _:
            assert_never(kind)


class WindowOrder:
    """All shards, in a random order, and the pairs of each window of them shuffled together.

    Each worker needs all shards of a window. Versions before lanes drew every epoch so; one that
    they began is ended so.
    """

    def __init__(
        self, counts: Sequence[int], *, batch_size: int, window: int, seed: int, epoch: int
    ) -> None:
        """Draw all of it; arguments as of ``epoch_order``."""
        generator = random_streams.generator(Stream.PAIR_ORDER, seed, epoch)
        shards = generator.permutation(len(counts))
        pairs = []
        for start in range(0, len(shards), window):
            own = shards[start : start + window].tolist()
            rows = np.array([(n, k) for n in own for k in range(counts[n])], np.int64)
            pairs.append(rows.reshape(-1, 2)[generator.permutation(len(rows))])
        self._pairs, self._batch_size = np.concatenate(pairs), batch_size

    def step(self, step: int, positions: range) -> Rows:
        """The pairs of some positions, side by side, of a step's global batch."""
        return [(shard, row) for shard, row in self._own(step, positions).tolist()]

    def shards(self, step: int, positions: range) -> list[int]:
        """Numbers of the shards that these pairs are of, each once."""
        numbers: list[int] = np.unique(self._own(step, positions)[:, 0]).tolist()
        return numbers

    def _own(self, step: int, positions: range) -> np.ndarray:
        first = step * self._batch_size
        return self._pairs[first + positions.start : first + positions.stop]
