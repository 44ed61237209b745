"""Ids and categories beside embeddings, as users' files hold them. N rows."""

from pathlib import Path

import numpy as np

from seje_ray.retrieval.arrays import EmbeddingsError, open_arrays


def read_labels(path: Path) -> np.ndarray:
    """A .npy of one label per row, or a text file of one label per line.

    Raises:
        EmbeddingsError: If it cannot be read.
    """
    if path.suffix.lower() != ".txt":
        return open_arrays(path).read("")
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise EmbeddingsError(f"{path}: expected text in UTF-8, one label per line") from error
    return np.array([line.strip() for line in lines], dtype=str)


def as_ids(values: np.ndarray, label: str) -> tuple[str, ...]:
    """Ids as text (N,); numbers with zeros in front, so that they sort as numbers do.

    Raises:
        EmbeddingsError: If they are neither text nor whole numbers.
    """
    _require_labels(values, label)
    if values.dtype.kind == "S":
        return tuple(value.decode("utf-8", "replace") for value in values.tolist())
    if values.dtype.kind == "U":
        return tuple(values.tolist())
    numbers = values.tolist()
    digits = max((len(str(number)) for number in numbers), default=1)
    return tuple(f"{number:0{digits}d}" for number in numbers)


def row_numbers(num_rows: int) -> tuple[str, ...]:
    """Ids of rows that have none: their numbers, in an order that is that of the rows."""
    return as_ids(np.arange(num_rows), "")


def as_categories(values: np.ndarray, label: str) -> np.ndarray:
    """A number for each category (N,) int64, whatever they are called.

    Raises:
        EmbeddingsError: If they are neither text nor whole numbers.
    """
    _require_labels(values, label)
    return np.asarray(np.unique(values, return_inverse=True)[1])


def _require_labels(values: np.ndarray, label: str) -> None:
    if values.ndim != 1 or values.dtype.kind not in "USiu":
        raise EmbeddingsError(
            f"{label}: expected one text or whole number per row, found {values.dtype} in "
            f"{values.shape}"
        )
