"""Rows of length 1, from rows of any length. N rows, D dimensions."""

from collections.abc import Sequence

import numpy as np

from seje_ray.retrieval.arrays import EmbeddingsError

ROWS_AT_ONCE = 8192
ROUNDING = 1e-6  # by which the length of a unit row of float32 may differ from 1


def unit_rows(matrix: np.ndarray, label: str, ids: Sequence[str]) -> tuple[np.ndarray, int]:
    """Unit rows (N, D) float32, and how many rows were of another length.

    Rows that are of length 1 already are taken as they are, to the last bit.

    Args:
        matrix: Floats, (N, D).
        label: How an error calls them.
        ids: Of the rows.

    Raises:
        EmbeddingsError: If a number is not finite, or a row is zero: it has no direction.
    """
    found = np.empty(matrix.shape, dtype=np.float32)
    broken: list[int] = []
    zero: list[int] = []
    num_scaled = 0
    for start in range(0, len(matrix), ROWS_AT_ONCE):
        rows = matrix[start : start + ROWS_AT_ONCE].astype(np.float64)
        largest = np.abs(rows).max(axis=1)
        broken += (start + np.flatnonzero(~np.isfinite(largest))).tolist()
        zero += (start + np.flatnonzero(largest == 0)).tolist()
        if broken or zero:
            continue
        # Divided first, so that the squares of huge and tiny numbers stay in range.
        lengths = largest * np.linalg.norm(rows / largest[:, None], axis=1)
        is_unit = np.abs(lengths - 1) <= ROUNDING
        num_scaled += int((~is_unit).sum())
        rows[~is_unit] = (rows / largest[:, None])[~is_unit]
        rows[~is_unit] /= np.linalg.norm(rows[~is_unit], axis=1, keepdims=True)
        found[start : start + ROWS_AT_ONCE] = rows
    _require_none(broken, "hold NaN or infinity", label, ids)
    _require_none(zero, "are zero, which has no direction", label, ids)
    return found, num_scaled


def _require_none(rows: list[int], fault: str, label: str, ids: Sequence[str]) -> None:
    if rows:
        raise EmbeddingsError(
            f"{label}: {len(rows):,} of {len(ids):,} rows {fault}; the first is row {rows[0]} "
            f"(id {ids[rows[0]]!r}); mend or leave out these pairs"
        )
