"""The photos whose recipe a model misses by most, beside the recipe it ranks first.

Letters: N pairs, D dimensions.
"""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from seje_ray.recipe1m.images import decode
from seje_ray.report.photos import PairBook
from seje_ray.retrieval.ranking import Rows


@dataclass(frozen=True, slots=True)
class HardPair:
    """A photo, and the wrong recipe that is nearest to it."""

    row: int  # of the photo and of its own recipe
    wrong_row: int
    similarity: float  # cosine of photo and own recipe
    wrong_similarity: float


def hardest_pairs(
    images: Rows, recipes: Rows, num: int, *, block_size: int = 1024
) -> list[HardPair]:
    """Photos whose nearest wrong recipe lies nearest before their own, the worst first.

    Args:
        images: Unit rows, shape (N, D), N >= 2.
        recipes: Unit rows, shape (N, D); row i is the pair of image i.
        num: At most so many; equally hard ones in row order.
        block_size: Photos compared at a time, >= 1.
    """
    queries, gallery = torch.as_tensor(images), torch.as_tensor(recipes)
    found = []
    for start in range(0, len(queries), block_size):
        similarities = queries[start : start + block_size] @ gallery.T  # (b, N)
        own = similarities.diagonal(start).clone()
        similarities.diagonal(start).fill_(-2.0)  # below any cosine
        wrong, wrong_rows = similarities.max(dim=1)
        found += [
            HardPair(start + n, int(wrong_rows[n]), float(own[n]), float(wrong[n]))
            for n in range(len(own))
        ]
    return sorted(found, key=lambda pair: pair.similarity - pair.wrong_similarity)[:num]


def picture(pairs: Sequence[HardPair], book: PairBook, *, num_columns: int = 4) -> np.ndarray:
    """Photos with both titles, as pixels (height, width, 3), uint8."""
    num_rows = max(1, -(-len(pairs) // num_columns))
    figure = Figure(figsize=(3.2 * num_columns, 3.9 * num_rows), dpi=80, layout="constrained")
    grid = list(figure.subplots(num_rows, num_columns, squeeze=False).flat)
    for axes in grid:
        axes.set_axis_off()
    for axes, pair in zip(grid, pairs, strict=False):
        own, wrong = book.pair(pair.row), book.pair(pair.wrong_row)
        axes.imshow(np.asarray(decode(own["jpeg"])))
        axes.set_title(
            f"{_cut(own['title'])} {pair.similarity:.2f}\n"
            f"but: {_cut(wrong['title'])} {pair.wrong_similarity:.2f}",
            fontsize=8,
            parse_math=False,  # a title may hold a dollar sign
        )
    canvas = FigureCanvasAgg(figure)
    canvas.draw()  # type: ignore[no-untyped-call]
    pixels = np.asarray(canvas.buffer_rgba())  # type: ignore[no-untyped-call]
    return pixels[..., :3].copy()


def _cut(title: str) -> str:
    return textwrap.shorten(title, 44, placeholder="…")
