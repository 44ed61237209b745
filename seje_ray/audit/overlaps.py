"""Recipes or photos that are the same or look alike, counted across and within partitions.

Letters: N items (recipes or photos) in reading order, U different keys, P partitions.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations_with_replacement

import numpy as np

from seje_ray.audit.findings import Overlap
from seje_ray.audit.near import distances, near_pairs
from seje_ray.recipe1m.records import PARTITIONS

P = len(PARTITIONS)
SIDES = tuple(sorted(combinations_with_replacement(range(P), 2), key=lambda s: s[0] == s[1]))
"""Pairs of partitions, those of two different ones first."""
MAX_MEMBERS = 64  # of a group, looked at for an example


@dataclass(frozen=True, slots=True)
class Items:
    """The recipes or photos to compare."""

    partitions: np.ndarray  # (N,) position in PARTITIONS
    recipes: np.ndarray  # (N,) number of the recipe; ascending

    def of_one_recipe(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Pairs (i, j) of items that belong to the same recipe, each once."""
        for shift in range(1, len(self.recipes)):
            first = np.flatnonzero(self.recipes[shift:] == self.recipes[:-shift])
            if not len(first):
                return
            yield first, first + shift


@dataclass(slots=True)
class OverlapFindings:
    """Counts, and the positions of a few pairs."""

    overlaps: tuple[Overlap, ...]
    same_recipe: int
    examples: list[tuple[int, int, int]]  # (distance, i, j)


def equal_items(items: Items, keys: np.ndarray, *, num_examples: int) -> OverlapFindings:
    """Pairs of items with the same key.

    Args:
        items: N items.
        keys: uint64 (N,).
        num_examples: Kept per pair of partitions.
    """
    _, groups = np.unique(keys, return_inverse=True)
    tally = _Tally(items, groups.reshape(-1), num_examples)
    for i, j in items.of_one_recipe():
        tally.add_same_recipe(i[keys[i] == keys[j]])
    return tally.found()


def similar_items(
    items: Items, rows: np.ndarray, columns: np.ndarray, max_distance: int, *, num_examples: int
) -> OverlapFindings:
    """Pairs of photos whose two hashes both differ by at most ``max_distance`` bits.

    Args:
        items: N photos.
        rows: uint64 (N,), hashes of the rows.
        columns: uint64 (N,), hashes of the columns.
        max_distance: Bits of 64.
        num_examples: Kept per pair of partitions, the nearest.
    """
    both = np.stack([rows, columns], axis=1)
    different, groups = np.unique(both, axis=0, return_inverse=True)
    tally = _Tally(items, groups.reshape(-1), num_examples)
    for i, j in items.of_one_recipe():
        apart = distances(both[i], both[j]).max(axis=1, initial=0)
        tally.add_same_recipe(i[apart <= max_distance])
    for u, v, apart in near_pairs(different[:, 0], different[:, 1], max_distance):
        tally.add_linked(u, v, apart)
    return tally.found()


class _Tally:
    """Counts pairs by the keys that share them: two keys of 10,000 photos each are one step."""

    def __init__(self, items: Items, groups: np.ndarray, num_examples: int) -> None:
        """Count the pairs within each group.

        Args:
            items: N items.
            groups: (N,) number of each item's key, 0..U-1.
            num_examples: Kept per pair of partitions.
        """
        self._items, self._groups, self._num_examples = items, groups, num_examples
        num_groups = int(groups.max(initial=-1)) + 1
        cells = np.bincount(groups * P + items.partitions, minlength=num_groups * P)
        self._counts = cells.reshape(num_groups, P).astype(np.int64)  # (U, P) items
        self._has_near = self._counts > 0  # (U, P) whether a key has near items in P
        self._pairs = self._counts.T @ self._counts
        within = self._counts * (self._counts - 1) // 2
        np.fill_diagonal(self._pairs, within.sum(axis=0))
        self._same_recipe = np.zeros(P, np.int64)
        self._examples: dict[tuple[int, int], list[tuple[int, int, int]]] = {}
        self._order = np.argsort(groups, kind="stable")
        self._first = np.full((num_groups, P), -1)  # (U, P) first item of each key
        backwards = np.arange(len(groups))[::-1]
        self._first[groups[backwards], items.partitions[backwards]] = backwards
        self._add_equal_examples()

    def add_same_recipe(self, items: np.ndarray) -> None:
        """Note pairs within a recipe by one of their items; they count neither way."""
        self._same_recipe += np.bincount(self._items.partitions[items], minlength=P)

    def add_linked(self, u: np.ndarray, v: np.ndarray, apart: np.ndarray) -> None:
        """Count all pairs between the items of keys u and of keys v."""
        cross = self._counts[u].T @ self._counts[v]  # (P, P)
        self._pairs += cross + cross.T - np.diag(np.diag(cross))
        np.logical_or.at(self._has_near, u, self._counts[v] > 0)
        np.logical_or.at(self._has_near, v, self._counts[u] > 0)
        for p, q in SIDES:
            for one, other in ((u, v), (v, u)) if p != q else ((u, v),):
                i, j = self._first[one, p], self._first[other, q]
                is_pair = (i >= 0) & (j >= 0)
                is_pair &= self._items.recipes[i] != self._items.recipes[j]
                best = np.flatnonzero(is_pair)
                best = best[np.argsort(apart[best], kind="stable")][: self._num_examples]
                self._keep((p, q), zip(apart[best], i[best], j[best], strict=True))

    def found(self) -> OverlapFindings:
        """The result."""
        overlaps = []
        for p, q in SIDES:
            if p == q:
                pairs, concerned = int(self._pairs[p, p] - self._same_recipe[p]), None
            else:
                pairs = int(self._pairs[p, q])
                concerned = int(self._counts[self._has_near[:, p], q].sum())
            overlaps.append(Overlap(PARTITIONS[p], PARTITIONS[q], pairs, concerned))
        examples = [one for side in SIDES for one in self._examples.get(side, [])]
        return OverlapFindings(tuple(overlaps), int(self._same_recipe.sum()), examples)

    def _add_equal_examples(self) -> None:
        sizes = self._counts.sum(axis=1)
        ends = np.cumsum(sizes)
        wanted = set(SIDES)
        for group in np.flatnonzero(sizes > 1):
            members = self._order[ends[group] - sizes[group] : ends[group]][:MAX_MEMBERS]
            for p, q in tuple(wanted):
                pair = self._pair_of(members, p, q)
                if pair is not None:
                    self._keep((p, q), [(0, *pair)])
                if len(self._examples.get((p, q), [])) >= self._num_examples:
                    wanted.discard((p, q))
            if not wanted:
                return

    def _pair_of(self, members: np.ndarray, p: int, q: int) -> tuple[int, int] | None:
        """The first two members of different recipes, one in p and one in q."""
        partitions, recipes = self._items.partitions[members], self._items.recipes[members]
        for i in np.flatnonzero(partitions == p):
            others = np.flatnonzero((partitions == q) & (recipes != recipes[i]))
            if len(others):
                return int(members[i]), int(members[others[0]])
        return None

    def _keep(self, side: tuple[int, int], found: Iterable[tuple[int, int, int]]) -> None:
        """Keep the nearest of the examples."""
        known = self._examples.get(side, [])
        new = [(int(apart), int(i), int(j)) for apart, i, j in found]
        self._examples[side] = sorted({*known, *new})[: self._num_examples]
