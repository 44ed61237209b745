"""Ranks of the true matches of queries. Shapes: N pairs, D dimensions, Q x G of a tile.

The similarity of two rows is their dot product, summed in float64 and rounded to float32: a sum's
last digits depend on the order of its terms, and equal embeddings must tie exactly. Ranks are those
of these similarities, but only the few that float32 cannot tell from the true match are summed so.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from seje_ray.errors import SejeError

Rows = Tensor | np.ndarray
Side = Literal["images", "recipes"]

SUMMED_AT_ONCE = 2**16  # numbers of either side; half a MiB in float64, which a cache holds
DENSE = 32  # a tile is summed as a whole where more than one in so many similarities is too near


class RetrievalError(SejeError):
    """Embeddings cannot be ranked; says why."""


@dataclass(frozen=True, slots=True)
class Ranks:
    """Per query: how many gallery items lie before its true match, and how many beside it."""

    num_better: Tensor  # (N,) int64, items more similar than the true match
    num_tied: Tensor  # (N,) int64, other items exactly as similar

    @property
    def mid_ranks(self) -> Tensor:
        """1-based ranks (N,), float64; ties count half."""
        return 1 + self.num_better.double() + self.num_tied.double() / 2


@dataclass(frozen=True, slots=True)
class BothRanks:
    """Ranks of both directions, query first."""

    image_to_recipe: Ranks
    recipe_to_image: Ranks


def pair_ranks(images: Rows, recipes: Rows, *, block_size: int = 1024) -> BothRanks:
    """Rank each true match among all pairs, in both directions; row i of both is a pair.

    Args:
        images: Rows, shape (N, D); unit rows for cosine similarity.
        recipes: Rows, shape (N, D).
        block_size: As of ``partnered_ranks``.

    Raises:
        RetrievalError: As ``partnered_ranks`` does.
        ValueError: Likewise.
    """
    [ranks] = partnered_ranks(images, recipes, [torch.arange(len(images))], block_size=block_size)
    return ranks


def partnered_ranks(
    images: Rows, recipes: Rows, partners: Sequence[Tensor], *, block_size: int = 1024
) -> list[BothRanks]:
    """Rank true matches by similarity, for several ways of pairing the same rows at once.

    One product of the rows serves both directions of all of them.

    Args:
        images: Rows, shape (N, D); unit rows for cosine similarity.
        recipes: Rows, shape (N, D).
        partners: Of each way the recipe of every image: permutations of 0..N-1, (N,) int64.
        block_size: >= 1; memory is a few times ``block_size * block_size`` similarities.

    Raises:
        RetrievalError: If an embedding is not finite (a NaN would rank first).
        ValueError: If the shapes differ.

    Source: docs/method.md, rule 6.6.
    """
    similarity = _Similarity.of(torch.as_tensor(images), torch.as_tensor(recipes))
    pairs = [recipe_of_image.to(similarity.images.device) for recipe_of_image in partners]
    both = [(_Tally.of_images(similarity, p), _Tally.of_recipes(similarity, p)) for p in pairs]
    blocks = list(_blocks(len(similarity.images), block_size))
    with torch.autocast(similarity.images.device.type, enabled=False):  # it would round to bfloat16
        for rows in blocks:
            for columns in blocks:
                tile = _Tile(similarity, rows, columns)
                for tally in (tally for pair in both for tally in pair):
                    tally.add(tile)
    return [BothRanks(of_images.ranks(), of_recipes.ranks()) for of_images, of_recipes in both]


@dataclass(frozen=True, slots=True)
class _Similarity:
    """Similarities of images and recipes: exact ones, and those of a float32 product."""

    images: Tensor  # (N, D)
    recipes: Tensor  # (N, D)
    error: float  # upper bound of the difference of the two, >= 0

    @classmethod
    def of(cls, images: Tensor, recipes: Tensor) -> "_Similarity":
        """Check the rows.

        Whatever the order of a float32 sum of D products, its error is at most D u / (1 - D u)
        times the product of the norms, with u = 2^-24 (Higham 2002, Accuracy and Stability of
        Numerical Algorithms, section 3.1, with the inequality of Cauchy and Schwarz). 16 u more
        are for the rounding of rows that are given in float64, of what is compared, and of this.
        """
        if images.shape != recipes.shape or images.ndim != 2:
            raise ValueError(
                "images and recipes must both be (N, D), got "
                f"{tuple(images.shape)} and {tuple(recipes.shape)}"
            )
        num_broken = int((~(images.isfinite() & recipes.isfinite()).all(dim=1)).sum())
        if num_broken:
            raise RetrievalError(
                f"{num_broken} of {len(images)} pairs have an embedding that is not finite; "
                "the model diverged, train again with a lower train.learning_rate"
            )
        unit = 2.0**-24 * (images.shape[1] + 16)
        lengths = [float(r.norm(dim=1).max()) if len(r) else 0.0 for r in (images, recipes)]
        return cls(images, recipes, unit / (1 - unit) * lengths[0] * lengths[1] + 1e-30)

    def of_pairs(self, images: Tensor, recipes: Tensor) -> Tensor:
        """Exact similarities (n,) of image rows with recipe rows, both (n,) int64."""
        size = max(1, SUMMED_AT_ONCE // max(1, self.images.shape[1]))
        parts = zip(torch.split(images, size), torch.split(recipes, size), strict=True)
        sums = [
            torch.linalg.vecdot(self.images[i].double(), self.recipes[r].double()) for i, r in parts
        ]
        return torch.cat(sums).float() if sums else self.images.new_empty(0, dtype=torch.float32)

    def exact(self, rows: slice, columns: slice) -> Tensor:
        """Exact similarities of images and recipes, (Q, G) float32."""
        return (self.images[rows].double() @ self.recipes[columns].double().T).float()

    def rough(self, rows: slice, columns: slice) -> Tensor:
        """Similarities off by ``error`` at most, (Q, G) float32."""
        if not _keeps_float32():
            return self.exact(rows, columns)
        return self.images[rows].float() @ self.recipes[columns].float().T


def _keeps_float32() -> bool:
    """Whether a product of float32 is one, not TF32 or bfloat16, as torch may be told."""
    try:
        return torch.get_float32_matmul_precision() == "highest"
    except RuntimeError:  # told for one backend
        return False


class _Tile:
    """Similarities of some images with some recipes."""

    def __init__(self, similarity: _Similarity, rows: slice, columns: slice) -> None:
        self.similarity, self.rows, self.columns = similarity, rows, columns
        self.rough = similarity.rough(rows, columns)
        self._exact: Tensor | None = None

    @property
    def exact(self) -> Tensor:
        """All of them as they are compared; for tiles of which many need it."""
        if self._exact is None:
            self._exact = self.similarity.exact(self.rows, self.columns)
        return self._exact


class _Tally:
    """What lies before and beside each query's match, as far as the gallery has been seen."""

    def __init__(self, similarity: _Similarity, match: Tensor, level: Tensor, side: Side) -> None:
        self._similarity, self._side = similarity, side
        self._match = match  # (N,) gallery row of each query's match
        self._level = level  # (N,) float32, its similarity
        self._better = torch.zeros_like(match)
        self._tied = torch.zeros_like(match)

    @classmethod
    def of_images(cls, similarity: _Similarity, recipe_of_image: Tensor) -> "_Tally":
        """Images ask, recipes are found."""
        images = torch.arange(len(recipe_of_image), device=recipe_of_image.device)
        level = similarity.of_pairs(images, recipe_of_image)
        return cls(similarity, recipe_of_image, level, "images")

    @classmethod
    def of_recipes(cls, similarity: _Similarity, recipe_of_image: Tensor) -> "_Tally":
        """Recipes ask, images are found."""
        image_of_recipe = torch.argsort(recipe_of_image)
        recipes = torch.arange(len(recipe_of_image), device=recipe_of_image.device)
        level = similarity.of_pairs(image_of_recipe, recipes)
        return cls(similarity, image_of_recipe, level, "recipes")

    def ranks(self) -> Ranks:
        """Once every tile has been added."""
        return Ranks(self._better, self._tied)

    def add(self, tile: _Tile) -> None:
        """Count a tile's items that are better than a query's match, or tie with it."""
        queries, gallery = tile.rows, tile.columns
        if self._side == "recipes":
            queries, gallery = gallery, queries
        gap = self._turned(tile.rough) - self._level[queries, None]  # (Q, G)
        error = self._similarity.error
        num_better = (gap > error).sum(dim=1)
        near = gap.abs_() <= error
        if int(near.sum()) * DENSE > near.numel():
            self._add_whole(self._turned(tile.exact), queries, gallery)
            return
        self._better[queries] += num_better
        self._add_near(near, queries, gallery)

    def _turned(self, similarities: Tensor) -> Tensor:
        """A row per query."""
        return similarities if self._side == "images" else similarities.T

    def _add_whole(self, exact: Tensor, queries: slice, gallery: slice) -> None:
        """Count by exact similarities (Q, G)."""
        level = self._level[queries, None]
        items = torch.arange(gallery.start, gallery.stop, device=exact.device)
        is_other = self._match[queries, None] != items
        self._better[queries] += ((exact > level) & is_other).sum(dim=1)
        self._tied[queries] += ((exact == level) & is_other).sum(dim=1)

    def _add_near(self, near: Tensor, queries: slice, gallery: slice) -> None:
        """Count what the float32 product leaves open, a mask (Q, G)."""
        query, item = near.nonzero(as_tuple=True)
        query, item = query + queries.start, item + gallery.start
        is_other = self._match[query] != item
        query, item = query[is_other], item[is_other]
        pairs = (query, item) if self._side == "images" else (item, query)
        exact, level = self._similarity.of_pairs(*pairs), self._level[query]
        self._better += _counts(query[exact > level], len(self._better))
        self._tied += _counts(query[exact == level], len(self._tied))


def _counts(numbers: Tensor, size: int) -> Tensor:
    """How often each of 0..size-1 is there, (size,) int64."""
    return torch.bincount(numbers, minlength=size)


def _blocks(num_rows: int, size: int) -> Iterator[slice]:
    for start in range(0, num_rows, size):
        yield slice(start, min(start + size, num_rows))
