"""One calibrated Parquet file as arrays."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from seje_ray.artifact import read_columns
from seje_ray.calibration.corpus import PARTS
from seje_ray.calibration.recipe_parts import COLUMNS as TEXT_COLUMNS
from seje_ray.calibration.text_tokens import COLUMNS as TOKEN_COLUMNS
from seje_ray.features.inputs import Reads
from seje_ray.features.tokens import RecipeTokens

SENTENCES, KEY_TERMS = "sentence_vectors", "key_term_vector"
TERMS, WEIGHTS = "lexical_terms", "lexical_weights"
IS_THERE, PARTIAL_KEY_TERMS = "partial_is_there", "partial_key_term_vectors"
STEPS = PARTS.index("steps")


class Shard:
    """One calibrated Parquet file as arrays; a photo's bytes stay in Arrow until needed.

    A ``part`` is a number in ``PARTS``: features of it alone; None for those of the whole recipe.
    """

    def __init__(
        self, path: Path, *, use_features: bool, reads: Reads, partial: bool = False
    ) -> None:
        columns = ["id", "title", "images", "image_category_vectors", "category_id"]
        if use_features:
            columns[2:3] = ["images.list.element.id", "image_features"]
        lists = [*([SENTENCES] if reads.sentences else []), *(TEXT_COLUMNS if reads.texts else [])]
        vectors = [KEY_TERMS] if reads.key_terms else []
        bags = [TERMS, WEIGHTS] if reads.lexical else []
        tokens = TOKEN_COLUMNS if reads.tokens else ()
        parts = [IS_THERE, *([PARTIAL_KEY_TERMS] if reads.key_terms else [])] if partial else []
        partial_bags = [f"partial_{name}" for name in bags] if partial else []
        table = read_columns(
            path, [*columns, *lists, *vectors, *bags, *tokens, *parts, *partial_bags]
        )
        self.num_rows = table.num_rows
        self.ids: list[str] = table.column("id").to_pylist()
        self.titles: list[str] = table.column("title").to_pylist()
        self.category_ids = table.column("category_id").to_numpy()
        self._vectors = {name: _matrix(_whole(table.column(name))) for name in vectors}
        self._lists = {name: _Ragged(table.column(name)) for name in lists}
        self._bags = {name: _whole(table.column(name)) for name in bags}
        self._is_there = table.column(IS_THERE).to_pylist() if partial else None
        self._partial_key_terms = (
            _Ragged(table.column(PARTIAL_KEY_TERMS)) if partial and reads.key_terms else None
        )
        self._partial_bags = [_Lines(table.column(name)) for name in partial_bags]
        self._tokens = [_Lines(table.column(name)) for name in tokens]
        self._image_categories = _Ragged(table.column("image_category_vectors"))
        self._features = _Ragged(table.column("image_features")) if use_features else None
        images = _whole(table.column("images"))
        self._image_offsets = images.offsets.to_numpy()
        self._images = {
            field.name: images.values.field(field.name) for field in images.type.value_type
        }

    def num_images(self, row: int) -> int:
        """Photos of a recipe, >= 1."""
        return int(self._image_offsets[row + 1] - self._image_offsets[row])

    def image_id(self, row: int, image: int) -> str:
        """Id of one photo."""
        name: str = self._images["id"][self._image_offsets[row] + image].as_py()
        return name

    def jpeg(self, row: int, image: int) -> bytes:
        """Bytes of one photo."""
        data: bytes = self._images["jpeg"][self._image_offsets[row] + image].as_py()
        return data

    def image_features(self, row: int, image: int) -> np.ndarray:
        """Pooled features (F,) of one photo."""
        assert self._features is not None
        features: np.ndarray = self._features.row(row)[image]
        return features

    def image_category_vector(self, row: int, image: int) -> np.ndarray:
        """f_cat (E,) of one photo."""
        vector: np.ndarray = self._image_categories.row(row)[image]
        return vector

    def parts_there(self, row: int) -> list[int]:
        """Parts of a recipe that are not empty, if they were read."""
        assert self._is_there is not None
        return [part for part, is_there in enumerate(self._is_there[row]) if is_there]

    def key_term_vector(self, row: int, part: int | None = None) -> np.ndarray:
        """f_term (E,) of a recipe, if it was read."""
        if part is not None:
            assert self._partial_key_terms is not None
            own: np.ndarray = self._partial_key_terms.row(row)[part]
            return own
        vector: np.ndarray = self._vectors[KEY_TERMS][row]
        return vector

    def sentence_vectors(self, row: int, part: int | None = None) -> np.ndarray:
        """f_sent (S, sentence dimensions) of a recipe, if it was read."""
        vectors = self._lists[SENTENCES].row(row)
        return vectors if part in (None, STEPS) else vectors[:0]

    def text_vectors(self, row: int, part: int | None = None) -> list[np.ndarray]:
        """Vectors (lines, H) of title, ingredients and steps of a recipe, if they were read."""
        found = [self._lists[name].row(row) for name in TEXT_COLUMNS]
        return [own if part in (None, n) else own[:0] for n, own in enumerate(found)]

    def bag(self, row: int, part: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Terms (K,) and weights (K,) of a recipe's lexical bag, if it was read."""
        if part is not None:
            own_terms, own_weights = (bags.row(row)[part] for bags in self._partial_bags)
            return own_terms, own_weights
        terms, weights = (self._bags[name][row].values.to_numpy() for name in (TERMS, WEIGHTS))
        return terms, weights

    def tokens(self, row: int, part: int | None = None) -> RecipeTokens:
        """Tokens of the lines of a recipe, if they were read."""
        found = [lines.row(row) for lines in self._tokens]
        return RecipeTokens(*(own if part in (None, n) else [] for n, own in enumerate(found)))


class _Lines:
    """A column of lists of lists of numbers."""

    def __init__(self, column: pa.ChunkedArray) -> None:
        rows = _whole(column)
        self._rows, self._lines = rows.offsets.to_numpy(), rows.values.offsets.to_numpy()
        self._values = rows.values.values.to_numpy()

    def row(self, row: int) -> list[np.ndarray]:
        lines = self._lines[self._rows[row] : self._rows[row + 1] + 1]
        return [self._values[start:end] for start, end in pairwise(lines)]


class _Ragged:
    """A column of lists of equally long vectors."""

    def __init__(self, column: pa.ChunkedArray) -> None:
        array = _whole(column)
        self._offsets = array.offsets.to_numpy()
        self._vectors = _matrix(array.values)

    def row(self, row: int) -> np.ndarray:
        return self._vectors[self._offsets[row] : self._offsets[row + 1]]


def _whole(column: pa.ChunkedArray) -> Any:
    """One array of a column, also where it has no chunk; a copy only where it has several."""
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def _matrix(array: pa.FixedSizeListArray) -> np.ndarray:
    """Rows of a fixed-size list array, without a copy."""
    dim = array.type.list_size
    values = array.values.slice(array.offset * dim, len(array) * dim)
    return np.asarray(values.to_numpy(zero_copy_only=False)).reshape(-1, dim)
