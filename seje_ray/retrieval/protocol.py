"""The evaluation protocol: galleries drawn at random, both directions.

Source: docs/method.md, rule 6.5. Letters: N pairs, D dimensions.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from seje_ray.retrieval.galleries import draw_galleries
from seje_ray.retrieval.metrics import RECALL_AT, metrics_of
from seje_ray.retrieval.ranking import BothRanks, Rows, pair_ranks

DIRECTIONS = ("image_to_recipe", "recipe_to_image")  # query first
RECALL_SUM = "recall_sum"  # key of the metric that has no direction


@dataclass(frozen=True, slots=True)
class RetrievalResult:
    """Metrics of each gallery, keyed like ``recall_at_1/image_to_recipe``."""

    gallery_size: int  # pairs, as used
    num_repeats: int  # galleries, as used
    values: Mapping[str, tuple[float, ...]]  # one number per gallery

    def means(self) -> dict[str, float]:
        """Mean of each metric over the galleries."""
        return {key: float(np.mean(values)) for key, values in self.values.items()}

    def deviations(self) -> dict[str, float]:
        """Sample standard deviation of each metric over the galleries; 0 of a single one."""
        ddof = 0 if self.num_repeats == 1 else 1
        return {key: float(np.std(values, ddof=ddof)) for key, values in self.values.items()}


def evaluate_retrieval(
    ids: Sequence[str],
    image_embeddings: Rows,
    recipe_embeddings: Rows,
    *,
    gallery_size: int,
    num_repeats: int,
    seed: int,
) -> RetrievalResult:
    """All metrics on random galleries, both directions.

    Args:
        ids: N different ids; galleries depend on them and ``seed`` only, not on the row order.
        image_embeddings: Unit rows, shape (N, D).
        recipe_embeddings: Unit rows, shape (N, D); row i is the pair of image i.
        gallery_size: Pairs per gallery, >= 1; cut to N, and then there is one gallery only.
        num_repeats: Galleries, >= 1.
        seed: Of the draw.

    Raises:
        RetrievalError: If there is no pair, or an embedding is not finite.
        ValueError: If shapes do not fit, or ids repeat.

    Source: docs/method.md, rule 6.5.
    """
    rows = rows_of(ids, image_embeddings, recipe_embeddings)
    galleries = draw_galleries(ids, gallery_size=gallery_size, num_repeats=num_repeats, seed=seed)
    return measure(galleries, lambda gallery: pair_ranks(*(side[gallery] for side in rows)))


def rows_of(ids: Sequence[str], images: Rows, recipes: Rows) -> tuple[Tensor, Tensor]:
    """Both sides' rows as tensors.

    Raises:
        ValueError: If there are not as many in both as there are ids.
    """
    sides = torch.as_tensor(images), torch.as_tensor(recipes)
    if sides[0].shape != sides[1].shape or len(sides[0]) != len(ids):
        raise ValueError(
            f"expected {len(ids)} rows in both embeddings, got {tuple(sides[0].shape)} and "
            f"{tuple(sides[1].shape)}"
        )
    return sides


def measure(
    galleries: Sequence[np.ndarray], ranks: Callable[[Tensor], BothRanks]
) -> RetrievalResult:
    """Metrics of ``ranks``, given a gallery's rows, for each gallery."""
    return result_of([ranks(torch.from_numpy(rows)) for rows in galleries])


def result_of(galleries: Sequence[BothRanks]) -> RetrievalResult:
    """Metrics of the ranks in each gallery, at least one."""
    values: dict[str, list[float]] = {}
    for ranks in galleries:
        metrics = {
            f"{name}/{direction}": value
            for direction in DIRECTIONS
            for name, value in metrics_of(getattr(ranks, direction)).items()
        }
        metrics[RECALL_SUM] = recall_sum(metrics)
        for key, value in metrics.items():
            values.setdefault(key, []).append(value)
    size = len(galleries[0].image_to_recipe.num_better)
    return RetrievalResult(size, len(galleries), {key: tuple(v) for key, v in values.items()})


def recall_sum(metrics: Mapping[str, float]) -> float:
    """R-sum: the sum of the six recalls of both directions, in [0, 6]; papers print it in %."""
    return sum(metrics[f"recall_at_{k}/{direction}"] for direction in DIRECTIONS for k in RECALL_AT)


def selection_score(result: RetrievalResult) -> float:
    """Score by which checkpoints are chosen: R@1 + 0.8 R@5 + 0.6 R@10, both directions' mean.

    In [0, 2.4]. Source: docs/method.md, rule 6.2; the authors take image to recipe alone.
    """
    means = result.means()
    weights = {"recall_at_1": 1.0, "recall_at_5": 0.8, "recall_at_10": 0.6}
    scores = [
        sum(weight * means[f"{name}/{direction}"] for name, weight in weights.items())
        for direction in DIRECTIONS
    ]
    return sum(scores) / len(scores)
