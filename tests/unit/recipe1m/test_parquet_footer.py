"""Sizes in a Parquet footer: as pyarrow reads them, and from damaged bytes."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seje_ray.recipe1m.parquet_footer import ColumnSize, column_sizes

CODECS = {"UNCOMPRESSED": 0, "SNAPPY": 1}
TABLE = pa.table(
    {
        "id": ["a", "b", "c"],
        "steps": [["Boil."], [], ["Fry.", "Serve."]],
        "photo": [{"bytes": b"1", "path": None}, None, {"bytes": b"23", "path": "p"}],
        "stars": [1.5, None, 3.0],
    }
)


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    path = tmp_path_factory.mktemp("good") / "own.parquet"
    pq.write_table(TABLE, path, row_group_size=2)
    return path


def test_the_sizes_are_those_that_pyarrow_reads(good):
    """Of a whole file, where pyarrow can be asked: lists, structs, two row groups."""
    metadata = pq.read_metadata(good)
    expected = [
        ColumnSize(
            column.path_in_schema,
            column.num_values,
            column.total_compressed_size,
            column.total_uncompressed_size,
            CODECS[column.compression],
            min(filter(None, (column.dictionary_page_offset, column.data_page_offset))),
            group,
        )
        for group in range(metadata.num_row_groups)
        for column in map(metadata.row_group(group).column, range(metadata.num_columns))
    ]

    assert column_sizes(good) == expected
    assert len(expected) == 10


@given(place=st.floats(0, 1), bit=st.integers(0, 7), cut=st.booleans())
def test_a_damaged_footer_ends_in_sizes_or_in_one_error(good, tmp_path_factory, place, bit, cut):
    data = bytearray(good.read_bytes())
    footer = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    at = footer + int(place * (len(data) - footer - 1))
    if cut:
        del data[footer:at]
    else:
        data[at] ^= 1 << bit
    path = tmp_path_factory.mktemp("damaged") / "own.parquet"
    path.write_bytes(data)

    try:
        found = column_sizes(path)
    except ValueError:
        return
    assert all(isinstance(size.num_values, int) for size in found)


def of_footer(tmp_path, footer):
    path = tmp_path / "own.parquet"
    path.write_bytes(b"PAR1" + footer + len(footer).to_bytes(4, "little") + b"PAR1")
    return path


def test_a_footer_without_row_groups_has_no_sizes(tmp_path):
    assert column_sizes(of_footer(tmp_path, b"\0")) == []


@pytest.mark.parametrize(
    ("footer", "reason"),
    [
        (b"\x1c" * 40, "nested too deeply"),
        (b"\x19\xfc" + b"\xff" * 9 + b"\x01", "ends too early"),
        (b"\x15" + b"\xff" * 11, "more than 64 bits"),
        (b"\x1f\0", "unknown type 15"),
        (b"\x49\x1c\x19\x1c\0\0\0", "a column without its metadata"),
    ],
)
def test_a_footer_made_to_harm_is_told(tmp_path, footer, reason):
    """Depth, a list of a billion, a number without end, and what no writer writes."""
    with pytest.raises(ValueError, match=reason):
        column_sizes(of_footer(tmp_path, footer))


def test_what_is_no_parquet_file_is_told(tmp_path):
    (tmp_path / "own.parquet").write_bytes(b"PAR")
    with pytest.raises(ValueError, match="no Parquet footer"):
        column_sizes(tmp_path / "own.parquet")
