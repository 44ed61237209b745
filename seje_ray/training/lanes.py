"""The order of an epoch's pairs, of which each worker needs to know and read its share alone.

Letters: B pairs of a global batch, L lanes, S steps of an epoch.
"""

from collections.abc import Sequence

import numpy as np

from seje_ray import random_streams
from seje_ray.random_streams import Stream

Rows = list[tuple[int, int]]  # numbers of a shard, and of a row among those of it that are used


def own_part(total: int, rank: int, world_size: int) -> range:
    """This worker's numbers of [0, total): in rank order, their counts differ by at most one."""
    return range(total * rank // world_size, total * (rank + 1) // world_size)


class LaneOrder:
    """Lanes through the shards, of which each step takes as many pairs, and a worker walks its own.

    All shards, in a random order, with the rows of each in a random order, are one long row of
    pairs. What S whole batches take of it is cut into L lanes, and position p of each batch
    belongs to lane ``p * L // B``, about: a step takes the next B / L pairs of each lane. So the
    positions of a worker, which lie side by side, lead through its share of the shards alone, with
    about one open for each of its lanes. Every second lane is walked from its end to its
    beginning: two lanes that share a shard are in it at the same time, and it is read once.

    Source: docs/method.md, rule 10.18.
    """

    def __init__(
        self, counts: Sequence[int], *, batch_size: int, num_lanes: int, seed: int, epoch: int
    ) -> None:
        """Draw the order of the shards.

        Args:
            counts: Rows of each shard that are used.
            batch_size: B, at most their sum.
            num_lanes: L >= 1; more than B are as B.
            seed: Of the run.
            epoch: >= 0.
        """
        self._counts, self._seed, self._epoch = counts, seed, epoch
        self._shards = random_streams.generator(Stream.PAIR_ORDER, seed, epoch).permutation(
            len(counts)
        )
        self._ends = np.cumsum(np.asarray(counts, np.int64)[self._shards])
        num_steps = int(self._ends[-1]) // batch_size
        self._first, self._stride = _walk(num_steps, batch_size, min(num_lanes, batch_size))
        self._rows: dict[int, np.ndarray] = {}  # of each shard that was asked for, as drawn

    def step(self, step: int, positions: range) -> Rows:
        """The pairs of some positions of a step's global batch.

        Args:
            step: In [0, S).
            positions: In [0, B), a part without gaps.
        """
        shards, offsets = self._located(step, positions)
        return [(n, int(self._drawn(n)[k])) for n, k in zip(shards.tolist(), offsets, strict=True)]

    def shards(self, step: int, positions: range) -> list[int]:
        """Numbers of the shards that these pairs are of, each once; arguments as for ``step``."""
        numbers: list[int] = np.unique(self._located(step, positions)[0]).tolist()
        return numbers

    def _located(self, step: int, positions: range) -> tuple[np.ndarray, np.ndarray]:
        own = slice(positions.start, positions.stop)
        numbers, offsets = located(self._ends, self._first[own] + step * self._stride[own])
        return self._shards[numbers], offsets

    def _drawn(self, shard: int) -> np.ndarray:
        if shard not in self._rows:
            generator = random_streams.generator(Stream.PAIR_ORDER, self._seed, self._epoch, shard)
            self._rows[shard] = generator.permutation(self._counts[shard])
        return self._rows[shard]


def located(ends: np.ndarray, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which of the parts that end at ``ends`` each place lies in, and how far from its begin."""
    numbers = np.searchsorted(ends, places, side="right")
    starts = np.concatenate([[0], ends[:-1]])
    return numbers, places - starts[numbers]


def _walk(num_steps: int, batch_size: int, num_lanes: int) -> tuple[np.ndarray, np.ndarray]:
    """Place of each position's first pair, and the way from one step to the next; both (B,)."""
    position = np.arange(batch_size)
    cuts = np.arange(num_lanes + 1) * batch_size // num_lanes  # positions where lanes begin
    lane = np.searchsorted(cuts, position, side="right") - 1
    within, width = position - cuts[lane], np.diff(cuts)[lane]
    is_back = lane % 2 == 1
    forth, back = num_steps * cuts[lane] + within, num_steps * cuts[lane + 1] - 1 - within
    return np.where(is_back, back, forth), np.where(is_back, -width, width)
