"""Categories for recipes whose title names none: from their terms, then from their photos.

Letters: B recipes, C categories with background, E word-vector dimensions, K classes of an image
categorizer, P photos.
"""

import json
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file, save_file

from seje_ray.artifact import write_json
from seje_ray.calibration.categories import BACKGROUND

NEAREST, IMAGE_VOTE = "nearest", "image_vote"  # sources of what is assigned here
BACK_OFF_SOURCES = (BACKGROUND, NEAREST, IMAGE_VOTE)  # of recipes whose title named no category


class CategoryBackoff:
    """The nearest category of a recipe without one, where it is near enough.

    A recipe takes the category whose mean f_term has the highest cosine with its own f_term, if
    that cosine reaches ``threshold``; else the category that its photos see, if their mean
    probability of it reaches ``min_vote``; otherwise it stays background. A recipe without a known
    term (zeros) has no nearest category.

    Args:
        means: Mean f_term of each category, (C, E) float32; zeros if there is none, and for
            background.
        threshold: Cosine in [-1, 1], or infinity: nothing is near enough.
        min_vote: In (0, 1].
        facts: Description of the fit, for the manifest and the report.

    Source: docs/method.md, rule 3.2 (c), (d). The thresholds and the order are ours.
    """

    def __init__(
        self,
        means: np.ndarray,
        threshold: float,
        *,
        min_vote: float = 0.5,
        facts: dict[str, Any] | None = None,
    ) -> None:
        if not 0 < min_vote <= 1:
            raise ValueError(f"min_vote must be in (0, 1], got {min_vote}")
        self.means = np.ascontiguousarray(means, np.float32)
        self.threshold, self.min_vote = threshold, min_vote
        self.facts = dict(facts or {})
        self._directions, self._has_mean = _unit(self.means)

    def assign(
        self, key_term_vectors: np.ndarray, image_probabilities: np.ndarray | None = None
    ) -> tuple[np.ndarray, list[str]]:
        """Categories of recipes that have none.

        Args:
            key_term_vectors: f_term, (B, E) float.
            image_probabilities: Of each category by a recipe's photos, (B, C), of
                ``image_votes``; zeros if it has none. None: photos have no vote.

        Returns:
            Category ids (B,) int32, 0 where it stays background, and the source of each.

        Raises:
            ValueError: If a number is not finite or a shape does not fit.
        """
        ids, cosines = _nearest(*_unit(_finite(key_term_vectors)), self._directions, self._has_mean)
        is_near = (ids > 0) & (cosines >= self.threshold)
        ids = np.where(is_near, ids, 0).astype(np.int32)
        sources = np.where(is_near, NEAREST, BACKGROUND).astype(object)
        if image_probabilities is not None and len(ids) and len(self.means) > 1:
            votes = _finite(image_probabilities)
            if votes.shape != (len(ids), len(self.means)):
                raise ValueError(
                    f"expected probabilities ({len(ids)}, {len(self.means)}), got {votes.shape}"
                )
            seen = votes[:, 1:].argmax(axis=1) + 1
            votes_most = np.take_along_axis(votes, seen[:, None], axis=1)[:, 0] >= self.min_vote
            is_voted = ~is_near & votes_most
            ids[is_voted], sources[is_voted] = seen[is_voted], IMAGE_VOTE
        return ids, sources.tolist()

    def fill(
        self,
        category_ids: np.ndarray,
        sources: Sequence[str],
        key_term_vectors: np.ndarray,
        image_probabilities: np.ndarray | None = None,
    ) -> tuple[np.ndarray, list[str]]:
        """Categories of a shard: those that are there stay, background ones are assigned.

        Args:
            category_ids: (B,) int, 0 is background.
            sources: One per recipe.
            key_term_vectors: As in ``assign``.
            image_probabilities: As in ``assign``.
        """
        filled, told = np.array(category_ids, np.int32), list(sources)
        rows = np.flatnonzero(filled == 0)
        votes = None if image_probabilities is None else image_probabilities[rows]
        ids, found = self.assign(key_term_vectors[rows], votes)
        filled[rows] = ids
        for row, source in zip(rows.tolist(), found, strict=True):
            told[row] = source
        return filled, told

    def save(self, folder: Path) -> None:
        """Write ``category_backoff.safetensors`` and ``.json`` into an existing folder."""
        save_file({"means": self.means}, folder / "category_backoff.safetensors")
        threshold = None if math.isinf(self.threshold) else self.threshold
        stored = {"threshold": threshold, "min_vote": self.min_vote, "facts": self.facts}
        write_json(folder / "category_backoff.json", stored)

    @classmethod
    def load(cls, folder: Path) -> "CategoryBackoff":
        """Read what ``save`` wrote."""
        stored = json.loads((folder / "category_backoff.json").read_text(encoding="utf-8"))
        threshold = math.inf if stored["threshold"] is None else stored["threshold"]
        means = load_file(folder / "category_backoff.safetensors")["means"]
        return cls(means, threshold, min_vote=stored["min_vote"], facts=stored["facts"])


def fit_category_backoff(
    rows: Iterable[tuple[np.ndarray, np.ndarray]],
    num_categories: int,
    *,
    precision: float = 0.8,
    min_vote: float = 0.5,
) -> CategoryBackoff:
    """Fit means and threshold on train recipes whose title names a category.

    The threshold is the lowest cosine from which the nearest mean is right for at least
    ``precision`` of the labelled recipes, each compared with the mean of its category's *other*
    members. A category with one member is never right. So is no threshold with fewer than two
    categories: nothing could be wrong, and nothing is assigned.

    The estimate is kind: a labelled recipe's title may give it terms that a background recipe
    lacks, and a background recipe's dish may be none of the categories.

    Args:
        rows: f_term (B, E) and category ids (B,) of train recipes, shard by shard; 0 is left
            out. Read twice.
        num_categories: C.
        precision: In (0, 1].
        min_vote: Mean probability that the photos of a recipe need, in (0, 1].

    Raises:
        ValueError: If a number is not finite, or ``rows`` can be read only once.

    Source: docs/method.md, rule 3.2 (c); leave-one-out and its precision are ours.
    """
    if not 0 < precision <= 1:
        raise ValueError(f"precision must be in (0, 1], got {precision}")
    sums, counts = _sums(rows, num_categories)
    means = sums / np.maximum(counts, 1)[:, None]
    cosines, is_right = _left_out(rows, sums, counts)
    if len(cosines) != counts.sum():
        raise ValueError("rows must be readable twice, e.g. a list; the second reading differed")
    has_choice = int((counts > 0).sum()) > 1
    threshold = lowest_threshold(cosines, is_right, precision) if has_choice else math.inf
    num_accepted = int((cosines >= threshold).sum())
    facts = {
        "precision": precision,
        "num_labelled": int(counts.sum()),
        "num_categories_with_members": int((counts > 0).sum()),
        "share_right": float(is_right.mean()) if len(is_right) else None,  # with no threshold
        "share_accepted": num_accepted / len(cosines) if len(cosines) else None,
    }
    return CategoryBackoff(means, threshold, min_vote=min_vote, facts=facts)


def lowest_threshold(values: np.ndarray, is_right: np.ndarray, precision: float) -> float:
    """The lowest value such that of all not below it a share of ``precision`` is right.

    Infinity if there is none.
    """
    order = np.argsort(-values, kind="stable")
    ranked = values[order]
    shares = np.cumsum(is_right[order]) / np.arange(1, len(order) + 1)
    is_last = np.append(ranked[1:] != ranked[:-1], True)[: len(ranked)]  # equal values go together
    possible = np.flatnonzero(is_last & (shares >= precision) & np.isfinite(ranked))
    return float(ranked[possible[-1]]) if len(possible) else math.inf


def image_votes(
    probabilities: np.ndarray,
    num_photos: np.ndarray,
    category_of_class: np.ndarray,
    num_categories: int,
) -> np.ndarray:
    """Votes of each recipe's photos, as categories of recipes.

    Args:
        probabilities: Of the categorizer's classes, (P, K), the photos of a recipe together.
        num_photos: Of each recipe, (B,), sum P.
        category_of_class: Category id of each class, (K,) of ``categories_of_classes``; 0 has no
            vote.
        num_categories: C.

    Returns:
        Means over a recipe's photos, (B, C) float32; zeros without photos, and for background.
    """
    by_category = np.zeros((len(probabilities), num_categories), np.float32)
    np.add.at(by_category.T, category_of_class, probabilities.T.astype(np.float32))
    by_category[:, 0] = 0
    totals = np.zeros((len(num_photos), num_categories), np.float32)
    np.add.at(totals, np.repeat(np.arange(len(num_photos)), num_photos), by_category)
    means: np.ndarray = totals / np.maximum(num_photos, 1)[:, None].astype(np.float32)
    return means


def categories_of_classes(class_names: Sequence[str], category_names: Sequence[str]) -> np.ndarray:
    """Category id of the same name for each class, (K,) int64; 0 if there is none."""
    ids = {name: id_ for id_, name in enumerate(category_names) if id_ > 0}
    return np.asarray([ids.get(name, 0) for name in class_names], np.int64)


def _sums(
    rows: Iterable[tuple[np.ndarray, np.ndarray]], num_categories: int
) -> tuple[np.ndarray, np.ndarray]:
    """Sum of f_term (C, E) float64 and number of members (C,) of each category."""
    sums, counts = np.zeros((num_categories, 0)), np.zeros(num_categories, np.int64)
    for vectors, ids in rows:
        labelled = ids > 0
        if sums.shape[1] == 0:
            sums = np.zeros((num_categories, vectors.shape[1]))
        np.add.at(sums, ids[labelled], _finite(vectors)[labelled].astype(np.float64))
        counts += np.bincount(ids[labelled], minlength=num_categories)
    return sums, counts


def _left_out(
    rows: Iterable[tuple[np.ndarray, np.ndarray]], sums: np.ndarray, counts: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Cosine of each labelled recipe with the nearest mean, its own made without it; if right."""
    directions, has_mean = _unit(sums)
    cosines, is_right = [np.zeros(0)], [np.zeros(0, bool)]
    for vectors, ids in rows:
        ids, own = ids[ids > 0], vectors[ids > 0].astype(np.float64)
        units, has_term = _unit(own)
        others, has_others = _unit(sums[ids] - own)
        has_others &= (counts[ids] > 1) & has_term
        similarity = np.where(has_mean, units @ directions.T, -np.inf)
        at_own = np.where(has_others, (units * others).sum(axis=1), -np.inf)
        np.put_along_axis(similarity, ids[:, None], at_own[:, None], axis=1)
        similarity[~has_term] = -np.inf
        nearest = similarity.argmax(axis=1)
        best = np.take_along_axis(similarity, nearest[:, None], axis=1)[:, 0]
        cosines.append(best)
        is_right.append((nearest == ids) & np.isfinite(best))
    return np.concatenate(cosines), np.concatenate(is_right)


def _nearest(
    units: np.ndarray, has_term: np.ndarray, directions: np.ndarray, has_mean: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Category of the nearest mean of each row, 0 if there is none, and the cosine."""
    if not has_mean.any() or not len(units):
        return np.zeros(len(units), np.int64), np.full(len(units), -np.inf)
    similarity = np.where(has_mean, units @ directions.T, -np.inf)
    similarity[~has_term] = -np.inf
    ids = similarity.argmax(axis=1)
    cosines = np.take_along_axis(similarity, ids[:, None], axis=1)[:, 0]
    return np.where(np.isfinite(cosines), ids, 0), cosines


def _unit(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows of length 1, float64, and which rows have a direction; zeros stay zeros."""
    lengths = np.linalg.norm(rows.astype(np.float64), axis=1)
    return rows / np.where(lengths > 0, lengths, 1)[:, None], lengths > 0


def _finite(values: np.ndarray) -> np.ndarray:
    if not np.isfinite(values).all():
        raise ValueError("a key term vector or probability is not finite")
    return values
