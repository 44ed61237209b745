"""Columns of every type of Arrow: texts and photos are found, and others do not matter."""

import io
from datetime import date
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from seje_ray.recipe1m.own_data import read_own_data
from seje_ray.recipe1m.records import DataError, Recipe
from seje_ray.recipe1m.stored_photos import photo_bytes


def _photo(colour):
    data = io.BytesIO()
    Image.new("RGB", (8, 8), colour).save(data, "png")
    return data.getvalue()


PHOTOS = [_photo("red"), _photo("blue")]
IDS = pa.array(["a", "b"])
LINES = pa.array([["peas"], ["salt", "oil"]])


def _write(tmp_path, kind, table):
    path = tmp_path / f"own.{kind}"
    if kind == "parquet":
        pq.write_table(table, path)
    else:
        with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
            writer.write_table(table)
    return path


def _with_bytes(photo):
    return {"bytes": photo, "path": None}


HUB = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
NESTED = pa.list_(pa.struct([("image", HUB), ("caption", pa.string())]))
COLUMNS = {
    "binary_view": pa.array(PHOTOS, pa.binary_view()),
    "numbers": pa.array([list(photo) for photo in PHOTOS], pa.list_(pa.uint8())),
    "fixed list": pa.array([[_with_bytes(photo)] for photo in PHOTOS], pa.list_(HUB, 1)),
    "list of bytes": pa.array([[photo] for photo in PHOTOS]),
    "nested": pa.array(
        [[{"image": _with_bytes(photo), "caption": "x"}] for photo in PHOTOS], NESTED
    ),
    "list of {bytes}": pa.array([[{"bytes": photo}] for photo in PHOTOS]),
}


@pytest.mark.parametrize("kind", ["parquet", "arrow"])
@pytest.mark.parametrize("name", list(COLUMNS))
def test_photos_are_found_in_every_kind_of_column(tmp_path, kind, name):
    """Each recipe has its own."""
    table = pa.table({"id": IDS, "ingredients": LINES, "image": COLUMNS[name]})
    found = list(read_own_data(_write(tmp_path, kind, table)))
    assert [[photo_bytes(one.location) for one in recipe.images] for recipe in found] == [
        [photo] for photo in PHOTOS
    ]


@pytest.mark.parametrize("kind", ["parquet", "arrow"])
def test_texts_that_are_stored_as_bytes_are_texts(tmp_path, kind):
    """Of each field, names of photos too, and a column that is not used."""
    table = pa.table(
        {
            "id": pa.array([b"a", b"b"]),
            "title": pa.array([b"Soup", "Crème".encode()]),
            "ingredients": pa.array([[b"peas"], [b"salt"]]),
            "image": pa.array([b"1.jpg", b"2.jpg"]),
            "author": pa.array([b"Ann", b"Bo"]),
        }
    )
    first, second = read_own_data(_write(tmp_path, kind, table))
    assert (first.id, first.ingredients, first.images[0].id) == ("a", ("peas",), "1.jpg")
    assert second.title == "Crème"


@pytest.mark.parametrize("kind", ["parquet", "arrow"])
@pytest.mark.parametrize(
    "unused",
    [
        pa.array([2**62, 0], pa.timestamp("us")),
        pa.array([0, 1], pa.timestamp("us", tz="Nowhere/City")),
        pa.array([Decimal("1.5"), None]),
        pa.array([date(2020, 1, 1), None]),
        pa.array([b"\xff\xfe", b"x"]),
    ],
)
def test_a_column_that_is_not_used_does_not_matter(tmp_path, kind, unused):
    """Years beyond Python's, zones that are not known, decimals, dates and bytes."""
    table = pa.table({"id": IDS, "ingredients": LINES, "extra": unused})
    found = list(read_own_data(_write(tmp_path, kind, table)))
    assert [one.ingredients for one in found] == [("peas",), ("salt", "oil")]


def test_ids_may_be_decimals_or_dates(tmp_path):
    """A whole decimal is the number it is."""
    table = pa.table({"id": pa.array([Decimal("7.00")]), "ingredients": [["peas"]]})
    assert [one.id for one in read_own_data(_write(tmp_path, "parquet", table))] == ["7"]
    table = pa.table({"id": pa.array([date(2020, 1, 2)]), "ingredients": [["peas"]]})
    assert [one.id for one in read_own_data(_write(tmp_path, "parquet", table))] == ["2020-01-02"]


def test_a_cell_without_a_value_in_python_costs_itself(tmp_path):
    """A far year where photos are named."""
    far = pa.array([2**62, None], pa.timestamp("us"))
    table = pa.table({"id": IDS, "ingredients": LINES, "image": far})
    found = list(read_own_data(_write(tmp_path, "parquet", table)))
    assert all(isinstance(one, Recipe) and not one.images for one in found)


def test_views_of_lists_and_texts_are_read(tmp_path):
    """As Polars writes them."""
    table = pa.table(
        {
            "id": IDS.cast(pa.string_view()),
            "ingredients": pa.array([["peas"], ["salt", "oil"]], pa.list_view(pa.string())),
        }
    )
    found = list(read_own_data(_write(tmp_path, "arrow", table)))
    assert [(one.id, len(one.ingredients)) for one in found] == [("a", 1), ("b", 2)]


def test_two_columns_of_one_name_are_an_error_only_where_they_are_used(tmp_path):
    """It names them."""
    names = ["id", "ingredients", "x", "x"]
    table = pa.Table.from_arrays([IDS, LINES, IDS, IDS], names)
    assert len(list(read_own_data(_write(tmp_path, "parquet", table)))) == 2
    table = table.rename_columns(["id", "ingredients", "title", "title"])
    with pytest.raises(DataError, match="several called title; rename all but one"):
        list(read_own_data(_write(tmp_path, "parquet", table)))
