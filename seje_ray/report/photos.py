"""Photos and texts of a partition's pairs, by their row among its embeddings."""

from bisect import bisect_right
from itertools import accumulate
from typing import Any

import pyarrow.parquet as pq

from seje_ray.artifact import Artifact


class PairBook:
    """Looks a pair up in the calibrated shards; embeddings have the same rows in the same order."""

    def __init__(self, calibrated: Artifact, partition: str) -> None:
        self._calibrated, self._paths = calibrated, calibrated.paths(partition)
        self._ends = list(accumulate(calibrated.counts(partition)))

    def pair(self, row: int) -> dict[str, Any]:
        """Id, title, ingredient lines, instructions and first photo (``jpeg``) of one pair."""
        number = bisect_right(self._ends, row)
        start = self._ends[number - 1] if number else 0
        with pq.ParquetFile(self._calibrated.bring(self._paths[number])) as file:
            offset = row - start
            for group in range(file.num_row_groups):
                rows = file.metadata.row_group(group).num_rows
                if offset < rows:
                    columns = ["id", "title", "ingredients", "instructions", "images"]
                    table = file.read_row_group(group, columns=columns)
                    found: dict[str, Any] = table.slice(offset, 1).to_pylist()[0]
                    return {**found, "jpeg": found["images"][0]["jpeg"]}
                offset -= rows
        raise IndexError(f"row {row} is not in this partition")
