"""Mining pools: the candidates of a large global batch that an anchor is compared with.

The M rows of the global batch are cut, in order, into pools of nearly equal size, and an anchor
sees the candidates of the pool that its own row lies in. So the negatives stay as hard as those
of a batch of one pool, and all that is held is B x L numbers, whatever M is. The cut depends on
M alone: it is the same for any number of workers.

Letters: B pairs of this worker, M pairs of the global batch, D dimensions, L candidates of the
largest pool, G pools that hold rows of this worker, A rows of this worker in the fullest of them.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

SMALLEST_POOL = 3  # below, an odd batch would be cut into pools one of which has no negative


def pool_bounds(num_candidates: int, mining_pool: int | None) -> list[int]:
    """Starts of the pools and the end of the last: as few as have ``mining_pool`` rows at most.

    Args:
        num_candidates: M >= 2.
        mining_pool: Largest size of a pool, >= 3; None for one pool of all.

    Returns:
        Ascending numbers, from 0 to M. Sizes differ by at most one, and none is below 2.

    Raises:
        ValueError: If ``mining_pool`` is less than 3.
    """
    if mining_pool is None:
        return [0, num_candidates]
    if mining_pool < SMALLEST_POOL:
        raise ValueError(f"a mining pool holds at least {SMALLEST_POOL} rows, got {mining_pool}")
    num_pools = -(-num_candidates // mining_pool)
    return [number * num_candidates // num_pools for number in range(num_pools + 1)]


@dataclass(frozen=True, slots=True)
class MiningPools:
    """This worker's anchors and the candidates of each; column j is the j-th of its pool."""

    own_slice: slice  # this worker's rows among the candidates
    is_own: Tensor  # (B, L), bool: the anchor's own pair
    is_padding: Tensor  # (B, L), bool: no candidate, the pool is smaller than the largest
    own_columns: Tensor  # (B,), int64
    first_candidates: Tensor  # (B,), int64, global number of column 0
    pool_numbers: Tensor  # (B,), int64, in 0..G-1
    pool_anchors: Tensor  # (G, A), int64, this worker's rows by pool; padded
    pool_candidates: Tensor  # (G, L), int64, global rows by pool; padded
    slots: Tensor  # (B,), int64, where the anchors lie in the flattened (G, A)
    only_pool: slice | None  # its rows, where all anchors lie in one pool

    @classmethod
    def of(
        cls,
        own: range,
        num_candidates: int,
        mining_pool: int | None = None,
        *,
        device: torch.device | str = "cpu",
    ) -> "MiningPools":
        """Pools of this worker's anchors; ``GlobalPairs.pools`` has what it takes.

        Args:
            own: Numbers of this worker's rows among the candidates, at least one.
            num_candidates: M >= 2.
            mining_pool: Largest size of a pool, >= 3; None for one pool of all.
            device: Where the numbers are held.

        Raises:
            ValueError: If ``mining_pool`` is less than 3.
        """
        bounds = pool_bounds(num_candidates, mining_pool)
        return _lay_out(bounds, own, torch.device(device))

    @property
    def excluded(self) -> Tensor:
        """True where column j is no negative of the anchor, (B, L)."""
        return self.is_own | self.is_padding

    def compare(
        self, compared: Callable[[Tensor, Tensor], Tensor], anchors: Tensor, candidates: Tensor
    ) -> Tensor:
        """Numbers (B, L) of each anchor with the candidates of its pool.

        Args:
            compared: From (G, A, D) and (G, L, D) to (G, A, L).
            anchors: Shape (B, D).
            candidates: Shape (M, D).
        """
        if self.only_pool is not None:  # nothing is padding: the same, without copies
            return compared(anchors[None], candidates[None, self.only_pool])[0]
        whole = compared(anchors[self.pool_anchors], candidates[self.pool_candidates])
        return whole.flatten(0, 1)[self.slots]

    def values(self, of_candidates: Tensor) -> Tensor:
        """Values (M,) of the candidates by column, (B, L), or (1, L) where anchors share a pool.

        What stands at padding is the value of some candidate.
        """
        by_pool = of_candidates[self.pool_candidates]  # (G, L)
        return by_pool if len(by_pool) == 1 else by_pool[self.pool_numbers]

    def rows(self, columns: Tensor) -> Tensor:
        """Global numbers (B,) of one column (B,) of each anchor."""
        return self.first_candidates + columns

    def own_rows(self, candidates: Tensor) -> Tensor:
        """Rows of this worker among the candidates: the anchors' positives, (B, D)."""
        return candidates[self.own_slice]

    def own(self, matrix: Tensor) -> Tensor:
        """Entries (B,) of the anchors' own pairs in (B, L)."""
        return matrix.gather(1, self.own_columns[:, None])[:, 0]


def _lay_out(bounds: list[int], own: range, device: torch.device) -> MiningPools:
    first, end = own.start, own.stop
    held = [n for n in range(len(bounds) - 1) if bounds[n] < end and bounds[n + 1] > first]
    largest = max(bounds[n + 1] - bounds[n] for n in held)
    fullest = max(min(bounds[n + 1], end) - max(bounds[n], first) for n in held)
    edges = torch.tensor(bounds[held[0] : held[-1] + 2], device=device)  # (G + 1,)
    starts, lows = edges[:-1], edges[:-1].clamp(min=first)
    row = torch.arange(first, end, device=device)
    column = torch.arange(largest, device=device)
    pool = torch.bucketize(row, edges, right=True) - 1  # (B,)
    own_columns = row - starts[pool]
    anchors = lows[:, None] - first + torch.arange(fullest, device=device)
    return MiningPools(
        own_slice=slice(first, end),
        is_own=column == own_columns[:, None],
        is_padding=column >= edges.diff()[pool][:, None],
        own_columns=own_columns,
        first_candidates=starts[pool],
        pool_numbers=pool,
        pool_anchors=anchors.clamp(max=len(own) - 1),
        pool_candidates=(starts[:, None] + column).clamp(max=bounds[-1] - 1),
        slots=pool * fullest + row - lows[pool],
        only_pool=slice(bounds[held[0]], bounds[held[0] + 1]) if len(held) == 1 else None,
    )
