"""Pairs from files of embeddings that any system may have written. N pairs, D dimensions."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from seje_ray.retrieval.arrays import ArrayFile, EmbeddingsError, open_arrays
from seje_ray.retrieval.labels import as_categories, as_ids, read_labels, row_numbers
from seje_ray.retrieval.unit_rows import unit_rows

NAMES = {  # what is needed -> names under which it is found; the first is the usual one
    "image_embeddings": ("image_embeddings", "image_embedding"),
    "recipe_embeddings": ("recipe_embeddings", "recipe_embedding"),
    "ids": ("ids", "id"),
    "category_ids": ("category_ids", "category_id"),
}
ALONE = ("embeddings", "embedding", "vectors", "vector", "")  # of a matrix in a file of its own
VECTORS = ("id", "kind", "recipe", "vector")  # columns of what ``seje-ray embed`` writes


@dataclass(frozen=True, slots=True)
class GivenPairs:
    """N pairs; row i of everything belongs to recipe ``ids[i]``."""

    ids: tuple[str, ...]
    image_embeddings: np.ndarray  # (N, D) float32, unit rows
    recipe_embeddings: np.ndarray  # (N, D) float32, unit rows
    category_ids: np.ndarray | None  # (N,)
    left_out: Mapping[str, int]  # reason -> rows that are in no pair
    num_scaled: int  # rows of both sides that were of another length than 1


@dataclass(frozen=True, slots=True)
class _Side:
    """Rows of one kind."""

    label: str  # where they are from
    matrix: np.ndarray  # as given
    ids: tuple[str, ...] | None
    categories: np.ndarray | None = None
    left_out: Mapping[str, int] = field(default_factory=dict)

    def at(self, rows: Sequence[int]) -> "_Side":
        """Some of the rows, in that order."""
        chosen = np.asarray(rows, dtype=np.int64)
        ids = None if self.ids is None else tuple(self.ids[row] for row in rows)
        categories = None if self.categories is None else self.categories[chosen]
        return _Side(self.label, self.matrix[chosen], ids, categories)


def read_pairs(
    files: Sequence[Path],
    *,
    ids: Path | None = None,
    categories: Path | None = None,
    names: Mapping[str, str] | None = None,
) -> GivenPairs:
    """Read pairs of embeddings; rows that are not of length 1 are scaled to it.

    Args:
        files: One with both matrices, or one with the images' and one with the recipes'. Two
            files that both have ids are joined by them; otherwise row i of both is one pair.
        ids: A file of ids, one per row, in place of the files' own.
        categories: A file of categories, one per row of the first file.
        names: What an array is called in the files, by its name here (keys of ``NAMES``).

    Raises:
        EmbeddingsError: If a file cannot be read or is not what is expected.
    """
    names = names or {}
    for name in names:
        if name not in NAMES:
            raise EmbeddingsError(f"--map {name}: expected one of {', '.join(NAMES)}")
    opened = [open_arrays(path) for path in files]
    images, recipes = _sides(opened, names)
    if ids is not None:
        own = as_ids(read_labels(ids), str(ids))
        images, recipes = (replace(side, ids=own) for side in (images, recipes))
    if categories is not None:
        found = as_categories(read_labels(categories), str(categories))
        images = replace(images, categories=found)
    images, recipes, left_out = _joined(images, recipes)
    if images.matrix.shape[1] != recipes.matrix.shape[1]:
        raise EmbeddingsError(
            f"{images.label} has {images.matrix.shape[1]:,} dimensions, {recipes.label} "
            f"{recipes.matrix.shape[1]:,}; both must be vectors of one space"
        )
    of_pairs = images.ids or recipes.ids or row_numbers(len(images.matrix))
    known = images.categories if images.categories is not None else recipes.categories
    image_rows, num_images = unit_rows(images.matrix, images.label, of_pairs)
    recipe_rows, num_recipes = unit_rows(recipes.matrix, recipes.label, of_pairs)
    return GivenPairs(of_pairs, image_rows, recipe_rows, known, left_out, num_images + num_recipes)


def _sides(files: Sequence[ArrayFile], names: Mapping[str, str]) -> tuple[_Side, _Side]:
    if len(files) > 1:
        first, second = files
        return (
            _side(first, "image_embeddings", names, is_alone=True),
            _side(second, "recipe_embeddings", names, is_alone=True),
        )
    [file] = files
    if not names and set(VECTORS) <= set(file.names):
        return _sides_of_vectors(file)
    return _side(file, "image_embeddings", names), _side(file, "recipe_embeddings", names)


def _side(file: ArrayFile, what: str, names: Mapping[str, str], *, is_alone: bool = False) -> _Side:
    """One matrix of a file, with the ids and categories that stand beside it."""
    found = _found(file, what, names, ALONE if is_alone else ())
    if found is None:
        if file.names == ("",):
            raise EmbeddingsError(
                f"{file.path}: expected two matrices, found one; give the images' file and the "
                "recipes': --embeddings images.npy recipes.npy"
            )
        raise EmbeddingsError(
            f"{file.path}: expected {' or '.join(NAMES[what])}, found "
            f"{', '.join(file.names) or 'nothing'}; if it has another name: --map {what}=NAME"
        )
    ids, categories = (_found(file, key, names) for key in ("ids", "category_ids"))
    return _Side(
        file.label(found),
        file.read(found),
        None if ids is None else as_ids(file.read(ids), file.label(ids)),
        None
        if categories is None
        else as_categories(file.read(categories), file.label(categories)),
    )


def _found(
    file: ArrayFile, what: str, names: Mapping[str, str], others: tuple[str, ...] = ()
) -> str | None:
    candidates = (names[what],) if what in names else (*NAMES[what], *others)
    return next((name for name in candidates if name in file.names), None)


def _sides_of_vectors(file: ArrayFile) -> tuple[_Side, _Side]:
    """Each recipe with the first of its photos, of what ``seje-ray embed`` writes."""
    kinds, matrix = file.read("kind"), file.read("vector")
    ids = as_ids(file.read("id"), file.label("id"))
    is_recipe = kinds == "recipe"
    recipe_rows = np.flatnonzero(is_recipe).tolist()
    photo_rows = np.flatnonzero(~is_recipe).tolist()
    owners = pq.read_table(file.path, columns=["recipe"])["recipe"].to_pylist()
    first: dict[str, int] = {}
    for row in photo_rows:
        owner = owners[row]
        if owner is not None:
            first.setdefault(owner, row)
    left_out = {"further photos, or of no recipe": len(photo_rows) - len(first)}
    photos = _Side(file.label("vector"), matrix[list(first.values())], tuple(first), None, left_out)
    return photos, _Side(file.label("vector"), matrix, ids).at(recipe_rows)


def _joined(images: _Side, recipes: _Side) -> tuple[_Side, _Side, dict[str, int]]:
    """Both sides in the images' order, and what has no partner."""
    for side in (images, recipes):
        _require_fit(side)
    if images.ids == recipes.ids or images.ids is None or recipes.ids is None:
        if len(images.matrix) != len(recipes.matrix):
            raise EmbeddingsError(
                f"{images.label} has {len(images.matrix):,} rows, {recipes.label} "
                f"{len(recipes.matrix):,}; row i of both must be one pair, or both need ids"
            )
        return images, recipes, {}
    row_of = {name: row for row, name in enumerate(recipes.ids)}
    kept = [row for row, name in enumerate(images.ids) if name in row_of]
    if not kept:
        raise EmbeddingsError(
            f"{images.label} and {recipes.label} have no id in common, e.g. "
            f"{images.ids[:1]} and {recipes.ids[:1]}"
        )
    left_out = {
        "images without a recipe": len(images.ids) - len(kept),
        "recipes without an image": len(recipes.ids) - len(kept),
        **images.left_out,
    }
    return images.at(kept), recipes.at([row_of[images.ids[row]] for row in kept]), left_out


def _require_fit(side: _Side) -> None:
    """A matrix of floats, with as many ids and categories, none of the ids twice."""
    if side.matrix.ndim != 2 or side.matrix.dtype.kind != "f" or 0 in side.matrix.shape:
        raise EmbeddingsError(
            f"{side.label}: expected numbers of type float in the shape (pairs, dimensions), found "
            f"{side.matrix.dtype} in {side.matrix.shape}"
        )
    for what, values in (("ids", side.ids), ("categories", side.categories)):
        if values is not None and len(values) != len(side.matrix):
            raise EmbeddingsError(
                f"{side.label} has {len(side.matrix):,} rows, but there are {len(values):,} {what}"
            )
    counts = Counter(side.ids or ())
    repeated = [name for name, count in counts.items() if count > 1]
    if repeated:
        raise EmbeddingsError(
            f"{side.label}: {len(repeated):,} of {len(counts):,} ids stand there more than once, "
            f"e.g. {repeated[0]!r}; one row for each recipe"
        )
