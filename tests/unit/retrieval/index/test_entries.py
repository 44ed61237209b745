"""Rows of several Parquet files by their number, as a list has them."""

from concurrent.futures import ThreadPoolExecutor

import pyarrow as pa
import pytest

from seje_ray.artifact import write_table
from seje_ray.retrieval.index.entries import Entries


@pytest.mark.parametrize("group", [1, 3, 100])
def test_rows_are_those_of_the_tables_one_after_the_other(tmp_path, group):
    """Whatever the files and their groups hold, also none; asked by several threads."""
    sizes, rows, paths = (5, 0, 1, 7), [], []
    for number, size in enumerate(sizes):
        part = [{"id": f"{number}-{n}", "lines": ["x"] * n} for n in range(size)]
        paths.append(tmp_path / f"{number}.parquet")
        schema = pa.schema([("id", pa.string()), ("lines", pa.list_(pa.string()))])
        write_table(paths[-1], pa.Table.from_pylist(part, schema=schema), row_group_size=group)
        rows += part
    entries = Entries(paths, sizes)

    assert len(entries) == len(Entries(paths)) == len(rows)
    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(entries.row, [*range(len(rows))] * 3)) == rows * 3
    assert entries.row(6, ["id"]) == {"id": rows[6]["id"]}
    assert entries.column("id").to_pylist() == [row["id"] for row in rows]
    assert entries.find("3-2") == 8
    assert entries.find("nobody") is None
    with pytest.raises(IndexError):
        entries.row(len(rows))
