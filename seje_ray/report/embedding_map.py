"""Photos and recipes of the joint space as points of a plane.

Letters: N pairs, D dimensions.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE

from seje_ray.random_streams import Stream, generator
from seje_ray.report.page import svg_text
from seje_ray.report.panels import GREY, INCHES_OF_ROW, SERIES, panel
from seje_ray.retrieval.embeddings import Embeddings

MAX_PAIRS = 400  # drawn from more
LEAST_PAIRS = 5
PCA_DIM, PERPLEXITY = 50, 30
NUM_COLOURS = 8  # categories with a colour of their own


def mapped(images: np.ndarray, recipes: np.ndarray, seed: int) -> np.ndarray:
    """Both sides in one plane, photos first, (2N, 2): PCA to 50 dimensions, then t-SNE.

    Each side is centred first: photos and recipes lie in cones of their own, a gap between which
    would be all that is seen.

    Args:
        images: Unit rows, (N, D), N >= 5.
        recipes: Unit rows, (N, D).
        seed: Of t-SNE.

    Source: van der Maaten and Hinton 2008; docs/method.md, rule 6.10.
    """
    sides = [side - side.mean(axis=0) for side in (np.float64(images), np.float64(recipes))]
    rows = np.concatenate(sides)
    dim = min(PCA_DIM, *rows.shape)
    reduced = PCA(dim, svd_solver="full").fit_transform(rows)
    perplexity = perplexity_of(len(rows))
    points: np.ndarray = TSNE(
        init="pca", perplexity=perplexity, random_state=seed, n_jobs=1
    ).fit_transform(reduced)
    return points


def perplexity_of(num_points: int) -> float:
    """Of t-SNE: 30, or less where there are too few points for it."""
    return min(PERPLEXITY, (num_points - 1) / 3)


def embedding_map(embeddings: Embeddings, names: Sequence[str], seed: int) -> str | None:
    """The map as SVG text, a colour for each of the largest categories; None of too few pairs.

    Args:
        embeddings: Of N pairs.
        names: Of the categories, background first.
        seed: Of the pairs that are drawn, and of t-SNE.
    """
    num_pairs = len(embeddings.ids)
    if num_pairs < LEAST_PAIRS:
        return None
    draws = generator(Stream.EMBEDDING_MAP, seed)
    rows = np.sort(draws.choice(num_pairs, min(MAX_PAIRS, num_pairs), replace=False))
    points = mapped(embeddings.image_embeddings[rows], embeddings.recipe_embeddings[rows], seed)
    photos, recipes = points[: len(rows)], points[len(rows) :]
    categories = embeddings.category_ids[rows]
    figure, axes = panel(width=INCHES_OF_ROW, height=6.4)
    for photo, recipe in zip(photos, recipes, strict=True):
        axes.plot(*zip(photo, recipe, strict=True), color=GREY, alpha=0.3, linewidth=0.6, zorder=1)
    counts = Counter(int(one) for one in categories if one != 0)
    largest = [one for one, _ in counts.most_common(NUM_COLOURS)]
    groups = [(~np.isin(categories, largest), GREY, "others, background")]
    groups += [
        (categories == one, colour, names[one])
        for one, colour in zip(largest, SERIES, strict=False)
    ]
    for inside, colour, name in groups:
        if inside.any():
            style: Any = {"color": colour, "linewidths": 0, "zorder": 2, "alpha": 0.9}
            for points, marker, label in ((photos, "o", name), (recipes, "^", None)):
                x, y = points[inside].T
                axes.scatter(x, y, s=20, marker=marker, label=label, **style)
    axes.set_axis_off()
    legend = axes.legend(
        fontsize=8, frameon=False, loc="upper left", bbox_to_anchor=(1, 1), handletextpad=0.2
    )
    for text in legend.get_texts():
        text.set_parse_math(False)
    return svg_text(figure)
