"""Galleries that are measured: how many, how large, and how they are drawn. Letter: N pairs."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, assert_never

import numpy as np

from seje_ray.retrieval.ranking import RetrievalError

Draw = Literal["seeded", "im2recipe", "im2recipe-pytorch", "consecutive"]
Preset = Literal["seje", "adamine", "tfood", "full", "curve"]

RELEASED_SEED = 1234  # default of the released codes' --seed
CURVE = (100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 30_000, 40_000, 50_000)
CURVE_FROM = 1000  # pairs of its smallest gallery, where there are ten times as many
MOST_REPEATS = 10  # galleries of one size on the curve


@dataclass(frozen=True, slots=True)
class GalleryPlan:
    """Galleries to be drawn from pairs."""

    counts: tuple[tuple[int, int], ...]  # pairs per gallery, galleries; by size
    seed: int
    draw: Draw = "seeded"
    preset: Preset | None = None  # that ``counts`` are of


def preset_counts(preset: Preset, num_pairs: int) -> tuple[tuple[int, int], ...]:
    """Pairs per gallery and galleries of a protocol, each as ``GalleryPlan.counts``.

    Args:
        preset: ``full`` is one gallery of all pairs. ``curve`` grows from 1,000 pairs, or from 100
            where there are fewer than 10,000, to 50,000: as many galleries of a size as could be
            disjoint, 10 at most, since more of them would mostly repeat each other.
        num_pairs: N that there are.

    Source: docs/method.md, rule 6.9.
    """
    match preset:
        case "seje":
            return ((1000, 10), (10_000, 10))
        case "adamine" | "tfood":
            return ((1000, 10), (10_000, 5))
        case "full":
            return ((num_pairs, 1),)
        case "curve":
            smallest = CURVE_FROM if num_pairs >= 10 * CURVE_FROM else 0
            sizes = {size for size in CURVE if smallest <= size <= num_pairs}
            sizes |= {min(num_pairs, CURVE[-1])}
            return tuple(
                (n, max(1, min(MOST_REPEATS, num_pairs // max(1, n)))) for n in sorted(sizes)
            )
        case _:
            assert_never(preset)


def draw_galleries(
    ids: Sequence[str],
    *,
    gallery_size: int,
    num_repeats: int,
    seed: int,
    draw: Draw = "seeded",
) -> list[np.ndarray]:
    """Row numbers of each gallery, in the order of their ids.

    Args:
        ids: N different ids, in row order.
        gallery_size: Pairs per gallery, >= 1; where N or more, one gallery holds all rows.
        num_repeats: Galleries, >= 1. Consecutive ones are fewer where there are fewer.
        seed: Of the draw; gallery r is the same for any ``num_repeats > r``.
        draw: ``seeded`` and ``im2recipe`` depend on the ids, not on the order of rows: a draw of
            our own for each gallery, or Python's ``random.sample`` of the rows sorted by id, again
            and again from one seed. ``im2recipe-pytorch`` samples so from the rows as they stand.
            ``consecutive``: rows as they stand, one gallery after another, no seed.

    Raises:
        RetrievalError: If there is no id.
        ValueError: If ids repeat, or a number is < 1.

    Source: docs/method.md, rule 6.9.
    """
    if len(set(ids)) != len(ids):
        raise ValueError(f"ids must differ, got {len(ids)} with {len(set(ids))} different ones")
    if gallery_size < 1 or num_repeats < 1:
        raise ValueError(
            f"gallery_size and num_repeats must be >= 1, got {gallery_size} and {num_repeats}"
        )
    if not ids:
        raise RetrievalError("there is no pair to rank; the partition is empty, add recipes to it")
    by_id = np.array(sorted(range(len(ids)), key=ids.__getitem__), dtype=np.int64)
    if gallery_size >= len(ids):
        return [by_id]
    place = np.empty_like(by_id)  # of each row among the sorted ids
    place[by_id] = np.arange(len(ids))
    places = _drawn(place, gallery_size, num_repeats, seed, draw)
    return [by_id[np.sort(gallery)] for gallery in places]


def _drawn(
    place: np.ndarray, size: int, num_repeats: int, seed: int, draw: Draw
) -> list[np.ndarray]:
    """Places of each gallery among the sorted ids, in any order; ``place`` is that of each row."""
    num_pairs, repeats = len(place), range(num_repeats)
    match draw:
        case "seeded":
            generators = (np.random.default_rng((seed, repeat)) for repeat in repeats)
            return [one.choice(num_pairs, size, replace=False) for one in generators]
        case "im2recipe":
            python = random.Random(seed)
            return [np.array(python.sample(range(num_pairs), size)) for _ in repeats]
        case "im2recipe-pytorch":
            python = random.Random(seed)
            return [place[python.sample(range(num_pairs), size)] for _ in repeats]
        case "consecutive":
            there_are = min(num_repeats, num_pairs // size)
            return [place[size * repeat : size * (repeat + 1)] for repeat in range(there_are)]
        case _:
            assert_never(draw)


def num_left_out(galleries: Sequence[np.ndarray], num_pairs: int) -> int:
    """Pairs of N that are in none of the galleries."""
    return num_pairs - len(np.unique(np.concatenate(galleries)))
