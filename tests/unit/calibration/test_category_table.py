"""A given table from recipe id to class, in every format."""

import gzip
import json
import pickle
import shlex
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from seje_ray.calibration.category_table import read_category_table
from seje_ray.errors import SejeError
from seje_ray.recipe1m.formats.column_values import row_bytes
from seje_ray.recipe1m.records import DataError

IDS = {"r1": "Plum_Cake", "r2": "soup", "r3": "plum cake", "r4": "background"}
EXPECTED = {"r1": 1, "r2": 2, "r3": 1, "r4": 0}


def written(path, rows):
    """A table with one of the formats' ways to say the same."""
    if path.suffix == ".json":
        path.write_text(json.dumps(dict(rows)), encoding="utf-8")
    elif path.suffix == ".parquet":
        columns = {
            "class": [c for _, c in rows],
            "other": [0] * len(rows),
            "id": [i for i, _ in rows],
        }
        pq.write_table(pa.table(columns), path)
    else:
        mark = "\t" if path.suffix == ".tsv" else ","
        path.write_text("".join(f"{i}{mark}{c}\n" for i, c in rows), encoding="utf-8")
    return path


@pytest.mark.parametrize("suffix", [".json", ".csv", ".tsv", ".parquet"])
def test_all_formats_give_the_same_table(tmp_path, suffix):
    table = read_category_table(written(tmp_path / f"t{suffix}", list(IDS.items())))

    assert table.names == ("background", "plum cake", "soup")
    assert table.numbers == EXPECTED
    assert table.rejected == {}
    categories = table.categories()
    assert categories.of("any title", "r2") == (2, "given")
    assert categories.of("", "r4") == categories.of("", "unknown") == (0, "background")


@pytest.mark.parametrize("suffix", [".json", ".csv", ".parquet"])
def test_numbers_without_names_are_their_own_names_and_0_is_background(tmp_path, suffix):
    rows = [("a", 10), ("b", 9), ("c", 0), ("d", 10)]
    table = read_category_table(written(tmp_path / f"t{suffix}", rows))
    assert table.names == ("background", "9", "10")
    assert table.numbers == {"a": 2, "b": 1, "c": 0, "d": 2}


@pytest.mark.parametrize(
    ("names", "expected_names", "numbers"),
    [
        (["background", "soup", "Plum_cake"], ("background", "soup", "plum cake"), [0, 2, 1, 1]),
        (["soup", "plum cake", "pho"], ("background", "soup", "plum cake", "pho"), [1, 3, 2, 1]),
    ],
)
def test_names_give_numbers_their_meaning(tmp_path, names, expected_names, numbers):
    """0, 2 and 1 are places in names; without a background among them 0 is their first."""
    path = tmp_path / "t.json"
    ids = {"a": 0, "b": 2, "c": 1, "d": "soup", "e": 3, "f": "pizza", "g": -1, "h": 1.0}
    path.write_text(json.dumps({"names": names, "ids": ids}))

    table = read_category_table(path)

    assert table.names == expected_names
    assert [table.numbers[id_] for id_ in "abcd"] == numbers
    assert table.numbers["h"] == table.numbers["c"]
    assert table.rejected == {"unknown_class": 3}  # e, f, g


def test_a_recipe_may_be_called_ids_or_names(tmp_path):
    path = tmp_path / "t.json"
    path.write_text(json.dumps({"names": "soup", "ids": "cake"}))
    assert read_category_table(path).numbers == {"names": 2, "ids": 1}


def test_rows_that_cannot_be_used_are_counted(tmp_path):
    path = tmp_path / "t.csv"
    lines = [
        "ID,clàss", "a,soup", "a,soup", "a,cake", ",soup", "b,", "c", "d,x,y", "", "e,-5", "f,  ",
        'g,"cake"', "h,\udcff",
    ]  # fmt: skip
    path.write_text("\n".join(lines), encoding="utf-8", errors="surrogateescape")

    table = read_category_table(path)

    assert table.numbers == {"a": 2, "g": 1}
    assert table.rejected == {
        "conflicting_class": 1, "empty_class": 2, "invalid_unicode": 1, "missing_id": 1,
        "repeated_row": 1, "unknown_class": 1, "wrong_columns": 2,
    }  # fmt: skip


def test_what_a_json_object_has_twice_is_found(tmp_path):
    path = tmp_path / "t.json"
    path.write_text('{"a": "soup", "b": null, "a": "cake", "c": true, "d": [1], "e": 1.5}')
    table = read_category_table(path)
    assert table.numbers == {"a": 1}
    assert table.rejected == {"conflicting_class": 1, "empty_class": 1, "wrong_type": 3}


def test_ids_of_parquet_may_be_numbers_and_classes_dictionaries(tmp_path):
    path = tmp_path / "t.parquet"
    classes = pa.array(["soup", None, "soup"]).dictionary_encode()
    pq.write_table(pa.table({"id": [7, 8, 9], "class": classes}), path)
    table = read_category_table(path)
    assert table.numbers == {"7": 1, "9": 1}
    assert table.rejected == {"empty_class": 1}


def test_a_pickle_is_never_read_and_the_hint_converts_it(tmp_path):
    """The command in the message is run as it stands."""
    path = tmp_path / "classes.pkl"
    path.write_bytes(pickle.dumps(IDS))
    with pytest.raises(SejeError, match="found a pickle") as error:
        read_category_table(path)

    command = shlex.split(str(error.value).partition("convert it once: ")[2])
    subprocess.run([sys.executable, *command[1:]], check=True)
    assert read_category_table(path.with_suffix(".json")).numbers == EXPECTED


def test_classes1m_converts_with_its_numbers_and_its_names(tmp_path):
    """Two pickles in one file, as im2recipe writes it: id -> number, then number -> name."""
    path = tmp_path / "classes1M.pkl"
    names = {0: "background", 2: "plum_cake", 1: "soup"}
    ids = {"r1": np.int64(2), "r2": 1, "r4": 0}
    path.write_bytes(pickle.dumps(ids, protocol=2) + pickle.dumps(names, protocol=2))
    with pytest.raises(SejeError, match="found a pickle") as error:
        read_category_table(path)

    command = str(error.value).partition("convert it once: python ")[2]
    subprocess.run(f"{sys.executable} {command}", shell=True, check=True)

    table = read_category_table(tmp_path / "classes1M.json")
    assert table.names == ("background", "soup", "plum cake")
    assert table.numbers == {"r1": 2, "r2": 1, "r4": 0}
    assert not table.rejected


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("t.txt", "a,b", r"expected \.json, \.csv, \.tsv or \.parquet, found \.txt"),
        ("t.json", "[1]", "expected an object of id: class, found list"),
        ("t.json", "{", "expected a table of id and class"),
        ("t.json", "{}", r"found none \(empty\)"),
        ("t.json", '{"ids": {"a": 1}, "names": ["x", "x"]}', "each once and none empty"),
        ("t.json", '{"ids": {"a": 1}, "names": ["x", ""]}', "each once and none empty"),
        ("t.json", '{"ids": {"a": 1}, "names": 3}', "names: expected a list"),
        ("t.csv", "id,class\n,x\n", "missing_id: 1"),
        ("t.csv", "", "found none"),
        ("t.parquet", "no", "expected a table of id and class"),
    ],
)
def test_a_file_that_is_no_table_is_one_line(tmp_path, name, content, expected):
    path = tmp_path / name
    path.write_text(content)
    with pytest.raises(SejeError, match=expected) as error:
        read_category_table(path)
    assert str(error.value).startswith(str(path))
    assert "\n" not in str(error.value)


def test_a_missing_file_and_missing_columns_are_named(tmp_path):
    with pytest.raises(DataError, match="expected a regular file, found none"):
        read_category_table(tmp_path / "t.csv")
    pq.write_table(pa.table({"recipe": ["a"], "class": ["b"]}), tmp_path / "t.parquet")
    with pytest.raises(DataError, match="expected columns id and class, found recipe, class"):
        read_category_table(tmp_path / "t.parquet")


@pytest.mark.parametrize(
    "text",
    [
        "id;class\n1;soup\n2;plum, red\n",
        'recipe_id,class\n1,soup\n2,"plum, red"\n',
        'ID,Class,Note\n1,soup,x\n2,"plum, red",y\n',
        "Category|Recipe Id\nsoup|1\nplum, red|2\n",
        "1\tsoup\n2\tplum, red\n",
    ],
)
def test_delimiter_header_and_columns_are_found(tmp_path, text):
    """No name of a column becomes a category, and other columns do not matter."""
    path = tmp_path / "t.csv"
    path.write_text(text)
    table = read_category_table(path)
    assert (table.names, table.rejected) == (("background", "plum, red", "soup"), {})
    assert table.numbers == {"1": 2, "2": 1}


def test_packed_tables_are_read(tmp_path):
    """JSON and CSV."""
    for name, text in (("t.json.gz", '{"1": "soup"}'), ("t.csv.gz", "id,class\n1,soup\n")):
        (tmp_path / name).write_bytes(gzip.compress(text.encode()))
        assert read_category_table(tmp_path / name).numbers == {"1": 1}


def test_a_header_without_a_class_among_several_columns_is_an_error(tmp_path):
    """It names them."""
    (tmp_path / "t.csv").write_text("id,colour,size\n1,red,big\n")
    with pytest.raises(DataError, match="found id, colour, size; rename yours"):
        read_category_table(tmp_path / "t.csv")


HOSTILE = {
    "deep.json": b"[" * 100_000,
    "deeper.json": b'{"a":' * 100_000,
    "digits.json": b'{"a": ' + b"9" * 5000 + b"}",
    "number.json": b"5",
    "nul.csv": b"id,class\nr1,a\0b\n",
    "pickle.csv": pickle.dumps({"r1": "a"}),
    "cut.parquet": b"PAR1" + b"\0" * 50,
    "text.parquet": b"id,class\n",
    "cut.json.gz": gzip.compress(b'{"r1": "a"}' * 100)[:40],
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_table_that_is_none_is_one_line(tmp_path, name):
    """D21: and short, whatever the file holds."""
    (tmp_path / name).write_bytes(HOSTILE[name])
    with pytest.raises(SejeError) as caught:
        read_category_table(tmp_path / name)
    assert str(caught.value).startswith(str(tmp_path / name))
    assert len(str(caught.value)) < 600


def test_one_absurd_class_costs_its_row(tmp_path):
    """A number of 5,000 digits, which Python does not make a number."""
    path = written(tmp_path / "t.csv", [("r1", "9" * 5000), ("r2", "soup")])
    assert read_category_table(path).rejected == {"wrong_type": 1}


def test_a_small_parquet_file_does_not_fill_the_memory(tmp_path):
    """100,000 rows share one text of a megabyte: they would be 100 GB."""
    rows = 100_000
    large = pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), ["x" * (1 << 20)])
    ids = pa.array([str(n) for n in range(rows)])
    labels = pa.DictionaryArray.from_arrays(pa.array([0] * (rows - 1) + [1], pa.int32()), ["", "a"])
    pq.write_table(pa.table({"id": large, "class": labels}), tmp_path / "ids.parquet")
    pq.write_table(pa.table({"id": ids, "class": labels}), tmp_path / "classes.parquet")
    with pytest.raises(DataError, match="id_too_long: 100000"):
        read_category_table(tmp_path / "ids.parquet")
    assert len(read_category_table(tmp_path / "classes.parquet").numbers) == 1


def test_a_text_file_without_end_is_given_up(tmp_path, monkeypatch):
    """A table has an end."""
    monkeypatch.setattr("seje_ray.limits.MAX_TABLE_CHARS", 1000)
    path = written(tmp_path / "t.csv", [(str(n), "soup") for n in range(1000)])
    with pytest.raises(DataError, match="at most 1,000 characters"):
        read_category_table(path)


def test_a_dictionary_that_is_damaged_is_refused():
    """Its numbers point outside it, which Arrow does not look at."""
    for number in (5, -1):
        damaged = pa.DictionaryArray.from_arrays(
            pa.array([0, number], pa.int8()), ["a", "b"], safe=False
        )
        batch = pa.record_batch({"id": ["x", "y"], "class": damaged})
        with pytest.raises(pa.ArrowInvalid, match="a damaged column"):
            row_bytes(batch)
