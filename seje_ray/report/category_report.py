"""Counts of recipes per category and source, and samples of each category."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from seje_ray.calibration.category_backoff import BACK_OFF_SOURCES
from seje_ray.random_streams import Stream, generator

NUM_EXTREME = 10  # largest and smallest categories shown
NUM_MEMBERS = 10  # titles shown of each


@dataclass(frozen=True)
class CategoryColumns:
    """Columns of the recipes of one partition, in the same order."""

    ids: Sequence[str]
    titles: Sequence[str]
    category_ids: np.ndarray  # int, 0 is background
    category_sources: Sequence[str]

    def __post_init__(self) -> None:
        lengths = {len(self.ids), len(self.titles), len(self.category_ids)}
        if lengths != {len(self.category_sources)}:
            raise ValueError(f"columns of one partition have different lengths: {sorted(lengths)}")


def category_report(
    partitions: Mapping[str, CategoryColumns], names: Sequence[str], *, seed: int
) -> dict[str, Any]:
    """Counts and examples of categories, as plain data.

    Args:
        partitions: Columns by name of the partition.
        names: Category names, background first.
        seed: Of the members that are drawn for show.

    Returns:
        ``num_categories`` and ``num_used`` (those with a recipe), without background;
        ``partitions``: for each ``num_recipes``, ``by_source`` (shares that sum to 1),
        ``background_before`` and ``background_after`` back-off (shares; None without recipes);
        ``largest`` and ``smallest``: up to ten categories by the recipes of all partitions, each
        with ``category_id``, ``name``, ``num_recipes`` (by partition, and ``all``) and
        ``members``, up to ten {id, title, partition} drawn at random.
    """
    num_recipes = {part: _counts(columns, len(names)) for part, columns in partitions.items()}
    totals = np.sum([*num_recipes.values(), np.zeros(len(names), np.int64)], axis=0)
    by_size = 1 + np.argsort(-totals[1:], kind="stable")  # equal ones by number

    def shown(ids: np.ndarray) -> list[dict[str, Any]]:
        return [
            {
                "category_id": int(id_),
                "name": names[id_],
                "num_recipes": {
                    "all": int(totals[id_]),
                    **{part: int(counts[id_]) for part, counts in num_recipes.items()},
                },
                "members": _drawn_members(partitions, int(id_), seed),
            }
            for id_ in ids
        ]

    return {
        "num_categories": len(names) - 1,
        "num_used": int((totals[1:] > 0).sum()),
        "partitions": {part: _shares(columns) for part, columns in partitions.items()},
        "largest": shown(by_size[:NUM_EXTREME]),
        "smallest": shown(by_size[::-1][:NUM_EXTREME]),
    }


def _counts(columns: CategoryColumns, num_categories: int) -> np.ndarray:
    ids = np.asarray(columns.category_ids, np.int64)
    if len(ids) and not 0 <= ids.min() <= ids.max() < num_categories:
        raise ValueError(f"expected category ids in [0, {num_categories}), found {ids.max()}")
    return np.bincount(ids, minlength=num_categories)


def _shares(columns: CategoryColumns) -> dict[str, Any]:
    """Of one partition."""
    num_recipes = len(columns.category_sources)
    counts = Counter(columns.category_sources)
    before = sum(counts[source] for source in BACK_OFF_SOURCES)
    after = int((np.asarray(columns.category_ids) == 0).sum())
    return {
        "num_recipes": num_recipes,
        "by_source": {source: n / num_recipes for source, n in counts.most_common()},
        "background_before": before / num_recipes if num_recipes else None,
        "background_after": after / num_recipes if num_recipes else None,
    }


def _drawn_members(
    partitions: Mapping[str, CategoryColumns], category_id: int, seed: int
) -> list[dict[str, str]]:
    """Members drawn by seed and category, independent of everything else on the page."""
    members = [
        (part, int(row))
        for part, columns in partitions.items()
        for row in np.flatnonzero(np.asarray(columns.category_ids) == category_id)
    ]
    draws = generator(Stream.CATEGORY_MEMBERS, seed, category_id)
    chosen = draws.choice(len(members), min(NUM_MEMBERS, len(members)), replace=False)
    return [
        {"id": partitions[part].ids[row], "title": partitions[part].titles[row], "partition": part}
        for part, row in (members[i] for i in sorted(chosen.tolist()))
    ]
