import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from seje_ray import schema
from seje_ray.errors import ArtifactError
from seje_ray.retrieval.embeddings import load_embeddings


def write_shard(path, numbers, dim=3):
    """Rows named after their numbers; every vector tells its row and its side."""
    rows = [
        {
            "id": f"r{n}",
            "image_id": f"p{n}",
            "title": f"dish {n}",
            "category_id": n % 4,
            "image_embedding": [n + 0.25] * dim,
            "recipe_embedding": [n + 0.5] * dim,
        }
        for n in numbers
    ]
    pq.write_table(pa.Table.from_pylist(rows, schema=schema.embeddings(dim)), path)
    return path


def test_rows_of_all_shards_stay_together(tmp_path):
    shards = [write_shard(tmp_path / "b", [5, 6]), write_shard(tmp_path / "a", [2])]

    found = load_embeddings(shards)

    assert found.ids == ("r5", "r6", "r2")
    assert found.image_ids == ("p5", "p6", "p2")
    assert found.titles == ("dish 5", "dish 6", "dish 2")
    assert found.category_ids.tolist() == [1, 2, 2]
    assert found.image_embeddings.tolist() == [[5.25] * 3, [6.25] * 3, [2.25] * 3]
    assert found.recipe_embeddings.tolist() == [[5.5] * 3, [6.5] * 3, [2.5] * 3]
    assert found.image_embeddings.dtype == found.recipe_embeddings.dtype == np.float32


def test_an_empty_shard_adds_nothing(tmp_path):
    shards = [write_shard(tmp_path / "a", []), write_shard(tmp_path / "b", [1])]

    found = load_embeddings(shards)

    assert found.ids == ("r1",)
    assert found.image_embeddings.shape == (1, 3)


def test_shards_of_different_dimensions_are_refused(tmp_path):
    shards = [write_shard(tmp_path / "a", [1]), write_shard(tmp_path / "b", [2], dim=4)]

    with pytest.raises(ArtifactError, match=r"b: expected .*\[3\].* found .*\[4\].*evaluate"):
        load_embeddings(shards)


def test_a_file_of_other_columns_is_refused(tmp_path):
    pq.write_table(pa.table({"id": ["a"]}), tmp_path / "a")

    with pytest.raises(ArtifactError, match="found id string; run `seje-ray evaluate` again"):
        load_embeddings([tmp_path / "a"])


def test_no_shard_is_told():
    with pytest.raises(ArtifactError, match="no embeddings to read"):
        load_embeddings([])
