"""Numbers that show a collapsing model, and the limits at which it is called one.

Letters: N pairs, D dimensions.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

MODALITIES = ("image", "recipe")
# Independent features give 1/pi = 0.32 behind BatchNorm and LeakyReLU; trained models had 0.3 to
# 0.5, untrained ones up to 0.7 (0.92 after four steps of a tiny one), a constant one has 1. At 0.95
# the mean squared distance is 0.1 instead of 1.4: distances have shrunk to a quarter.
MAX_MEAN_COSINE = 0.95
# Of the most that N rows of D dimensions can have. Trained models had 12 to 90 % of it, recipes of
# one that a discriminator weight of 100 had spoilt (R@1 0.3 %, chance) 3 %.
MIN_EFFECTIVE_RANK_SHARE = 0.05
MIN_EFFECTIVE_RANK = 2.0  # below it everything lies along a line; half of all where that is less
MIN_SCORE_SHARE = 0.2  # of the best score so far: "from R@1 31 % to 1 %"


def mean_cosine(rows: Tensor) -> float:
    """Mean cosine of two different rows, in [-1 / (N - 1), 1]; 1 of a constant model.

    Args:
        rows: Unit rows, shape (N, D), N >= 2.
    """
    rows = rows.double()
    num_rows = len(rows)
    if num_rows < 2:
        raise ValueError(f"expected at least 2 rows, got {num_rows}")
    together = rows.sum(dim=0).square().sum() - rows.square().sum()
    return float(together / (num_rows * (num_rows - 1)))


def effective_rank(rows: Tensor) -> float:
    """Exponential of the entropy of the singular values, in [1, min(N, D)]; 1 of a constant model.

    Args:
        rows: Shape (N, D), not all zero.

    Source: Roy and Vetterli 2007, the effective rank; RankMe (arXiv:2210.02885) uses it so.
    """
    rows = rows.double()
    small = rows @ rows.T if len(rows) < rows.shape[1] else rows.T @ rows
    values = torch.linalg.eigvalsh(small).clamp(min=0).sqrt()
    shares = values / values.sum()
    shares = shares[shares > 0]
    return float(torch.exp(-(shares * shares.log()).sum()))


def discriminator_accuracy(
    image_scores: Tensor, recipe_scores: Tensor, *, has_threshold: bool
) -> float:
    """Share of images and recipes that a discriminator tells apart, in [0, 1]; 0.5 is chance.

    A classifier's logits have a threshold, 0: the share of rows on the right side of it, a logit
    of exactly 0 counts half. Wasserstein scores have none: the share of all (image,
    recipe) pairs in which the image scores higher, a tie counts half.

    Args:
        image_scores: Shape (N,), images are scored high.
        recipe_scores: Shape (N,).
        has_threshold: Whether scores are logits.
    """
    images, recipes = image_scores.double(), recipe_scores.double()
    if has_threshold:
        right = torch.cat([images, -recipes])
        return float(((right > 0).double() + (right == 0).double() / 2).mean())
    ordered = recipes.sort().values
    num_lower = torch.searchsorted(ordered, images, right=False)
    num_not_higher = torch.searchsorted(ordered, images, right=True)
    return float((num_lower + num_not_higher).double().mean() / 2 / len(recipes))


def spread(images: Tensor, recipes: Tensor) -> dict[str, float]:
    """Mean cosine and effective rank of both modalities' embeddings, under their metric keys."""
    pairs = tuple(zip(MODALITIES, (images, recipes), strict=True))
    return {f"mean_cosine/{name}": mean_cosine(rows) for name, rows in pairs} | {
        f"effective_rank/{name}": effective_rank(rows) for name, rows in pairs
    }


def signs_of_collapse(
    metrics: Mapping[str, float], *, num_pairs: int, embedding_dim: int, best_score: float
) -> list[str]:
    """Signs of collapse in an epoch's model, in words; empty if it is fine.

    Args:
        metrics: Of ``validate``, keys with ``val/``.
        num_pairs: N of the val embeddings.
        embedding_dim: D.
        best_score: Highest selection score of the epochs before; negative if there is none.
    """
    full = min(num_pairs, embedding_dim)
    least = max(min(MIN_EFFECTIVE_RANK, full / 2), MIN_EFFECTIVE_RANK_SHARE * full)
    signs = []
    for name in MODALITIES:
        cosine, rank = metrics[f"val/mean_cosine/{name}"], metrics[f"val/effective_rank/{name}"]
        if cosine > MAX_MEAN_COSINE:
            signs.append(f"{name} embeddings are nearly all the same, mean cosine {cosine:.3f}")
        elif rank < least:
            signs.append(f"{name} embeddings use {rank:.1f} of {full} possible directions")
    score = metrics["val/selection_score"]
    if score < MIN_SCORE_SHARE * best_score:
        signs.append(f"the val score fell to {score:.3f} from {best_score:.3f}")
    return signs
