"""The embeddings of a partition, from disk. Letters: N pairs, D dimensions."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from seje_ray.errors import ArtifactError
from seje_ray.schema import embeddings


@dataclass(frozen=True, slots=True)
class Embeddings:
    """N pairs; row i of everything belongs to recipe ``ids[i]``."""

    ids: tuple[str, ...]
    image_ids: tuple[str, ...]
    titles: tuple[str, ...]
    category_ids: np.ndarray  # (N,) int32, 0 is background
    image_embeddings: np.ndarray  # (N, D) float32, unit rows
    recipe_embeddings: np.ndarray  # (N, D) float32, unit rows


def load_embeddings(shards: Sequence[Path]) -> Embeddings:
    """Read the shards of an ``embeddings`` artifact, rows in the shards' order.

    Args:
        shards: Parquet files of ``schema.embeddings``, at least one.

    Raises:
        ArtifactError: If there is none, or one has other columns.
    """
    if not shards:
        raise ArtifactError("there are no embeddings to read; run `seje-ray evaluate` first")
    table = pa.concat_tables([_read(path, shards[0]) for path in shards]).combine_chunks()
    return Embeddings(
        ids=tuple(table.column("id").to_pylist()),
        image_ids=tuple(table.column("image_id").to_pylist()),
        titles=tuple(table.column("title").to_pylist()),
        category_ids=table.column("category_id").to_numpy(),
        image_embeddings=_matrix(table.column("image_embedding")),
        recipe_embeddings=_matrix(table.column("recipe_embedding")),
    )


def _read(path: Path, first: Path) -> pa.Table:
    expected = embeddings(_dim(first))
    table = pq.read_table(path)
    if table.schema.equals(expected):
        return table
    raise ArtifactError(
        f"{path}: expected columns {', '.join(f'{f.name} {f.type}' for f in expected)}; found "
        f"{', '.join(f'{f.name} {f.type}' for f in table.schema)}; run `seje-ray evaluate` again"
    )


def _dim(path: Path) -> int:
    schema = pq.read_schema(path)
    position = schema.get_field_index("image_embedding")
    kind = schema.field(position).type if position >= 0 else None
    return int(kind.list_size) if isinstance(kind, pa.FixedSizeListType) else 0


def _matrix(column: pa.ChunkedArray) -> np.ndarray:
    rows = column.combine_chunks()
    # A copy: Arrow's memory is read-only, which torch warns about.
    return np.array(rows.flatten()).reshape(len(rows), column.type.list_size)
