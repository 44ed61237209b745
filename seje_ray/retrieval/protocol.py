"""The evaluation protocol: galleries drawn at random, both directions.

Source: docs/method.md, rule 6.5. Letters: N pairs, D dimensions.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from seje_ray.retrieval.metrics import metrics_of
from seje_ray.retrieval.ranking import Ranks, RetrievalError, Rows, true_match_ranks

DIRECTIONS = ("image_to_recipe", "recipe_to_image")  # query first


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
    """MedR and Recall@{1, 5, 10} on random galleries, both directions.

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
    images, recipes = torch.as_tensor(image_embeddings), torch.as_tensor(recipe_embeddings)
    if images.shape != recipes.shape or len(images) != len(ids):
        raise ValueError(
            f"expected {len(ids)} rows in both embeddings, got {tuple(images.shape)} and "
            f"{tuple(recipes.shape)}"
        )

    def ranks(rows: np.ndarray) -> dict[str, Ranks]:
        chosen = torch.from_numpy(rows)
        pair = images[chosen], recipes[chosen]
        return {
            DIRECTIONS[0]: true_match_ranks(*pair),
            DIRECTIONS[1]: true_match_ranks(*reversed(pair)),
        }

    galleries = draw_galleries(ids, gallery_size=gallery_size, num_repeats=num_repeats, seed=seed)
    return measure(galleries, ranks)


def measure(
    galleries: Sequence[np.ndarray], ranks: Callable[[np.ndarray], Mapping[str, Ranks]]
) -> RetrievalResult:
    """Metrics of ``ranks``, given a gallery's rows, for each direction and gallery."""
    values: dict[str, list[float]] = {}
    for rows in galleries:
        for direction, found in ranks(rows).items():
            for name, value in metrics_of(found).items():
                values.setdefault(f"{name}/{direction}", []).append(value)
    return RetrievalResult(
        len(galleries[0]), len(galleries), {key: tuple(v) for key, v in values.items()}
    )


def draw_galleries(
    ids: Sequence[str], *, gallery_size: int, num_repeats: int, seed: int
) -> list[np.ndarray]:
    """Row numbers of each gallery, in the order of their ids.

    Args:
        ids: N different ids, in row order.
        gallery_size: Pairs per gallery, >= 1; where N or more, one gallery holds all rows.
        num_repeats: Galleries, >= 1.
        seed: Of the draw; gallery r is the same for any ``num_repeats > r``.

    Raises:
        RetrievalError: If there is no id.
        ValueError: If ids repeat, or a number is < 1.
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
    draws = [
        np.random.default_rng((seed, repeat)).choice(len(ids), gallery_size, replace=False)
        for repeat in range(num_repeats)
    ]
    return [by_id[np.sort(draw)] for draw in draws]


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
