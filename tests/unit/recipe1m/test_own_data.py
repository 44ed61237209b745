"""A user's own JSON lines and Parquet."""

import json
from collections import Counter

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from seje_ray.recipe1m.own_data import read_own_data
from seje_ray.recipe1m.records import DataError, Entity, ImageFile, Recipe, Reject
from seje_ray.recipe1m.source import open_source

RECORD = {
    "id": 7,
    "title": "Soup",
    "ingredients": ["1 cup peas"],
    "instructions": "Boil.\n\nServe.",
    "images": ["photos/7.jpg"],
    "partition": "val",
    "entities": [{"text": "peas", "valid": True}],
}


def test_json_lines_and_parquet_give_the_same_recipe(tmp_path):
    """Numbers as ids, one text for several lines, paths relative to the file."""
    lines, table = tmp_path / "own.jsonl", tmp_path / "own.parquet"
    lines.write_text(json.dumps(RECORD) + "\n")
    pq.write_table(pa.Table.from_pylist([RECORD]), table)
    expected = Recipe(
        "7",
        "val",
        "Soup",
        ("1 cup peas",),
        ("Boil.", "Serve."),
        (Entity("peas", True),),
        (ImageFile("photos/7.jpg", str(tmp_path / "photos/7.jpg")),),
    )

    assert list(read_own_data(lines)) == [expected]
    assert list(read_own_data(table)) == [expected]
    assert open_source(lines).files() == [lines]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"id": None}, "missing_id"),
        ({"id": True}, "wrong_type"),
        ({"id": 7.5}, "wrong_type"),
        ({"id": "x" * 201}, "id_too_long"),
        ({"title": ["x"]}, "wrong_type"),
        ({"ingredients": {"a": 1}}, "wrong_type"),
        ({"ingredients": [True]}, "wrong_type"),
        ({"partition": "fold 3"}, "unknown_partition"),
        ({"entities": [{"text": "x", "valid": "yes"}]}, "wrong_type"),
        ({"title": "", "ingredients": [], "instructions": None, "entities": None}, "no_text"),
        (
            {"title": " ", "ingredients": [" "], "instructions": ["", "\t"], "entities": None},
            "no_text",
        ),
    ],
)
def test_each_fault_is_rejected_by_its_reason(tmp_path, change, reason):
    """The good record behind it is read."""
    path = tmp_path / "own.jsonl"
    path.write_text("\n".join(map(json.dumps, [{**RECORD, **change}, {**RECORD, "id": "z"}])))

    records = list(read_own_data(path))

    assert Counter(r.reason for r in records if isinstance(r, Reject)) == {reason: 1}
    assert [r.id for r in records if isinstance(r, Recipe)] == ["z"]


@pytest.mark.parametrize(
    ("change", "reason", "kept"),
    [
        ({"images": [1, "a.jpg"]}, "wrong_type", ["a.jpg"]),
        ({"images": {"a": 1}}, "wrong_type", []),
        ({"entities": []}, "entities_mismatch", ["photos/7.jpg"]),
    ],
)
def test_a_fault_of_a_part_costs_that_part_alone(tmp_path, change, reason, kept):
    """The recipe stays, beside a reject that names it."""
    path = tmp_path / "own.jsonl"
    path.write_text(json.dumps({**RECORD, **change}))

    reject, recipe = read_own_data(path)

    assert (reject.id, reject.reason) == ("7", reason)
    assert [image.id for image in recipe.images] == kept
    assert (recipe.entities is None) == ("entities" in change)


@pytest.mark.parametrize(
    ("change", "field", "value"),
    [
        ({"id": 7.0}, "id", "7"),
        ({"partition": " Train "}, "partition", "train"),
        ({"instructions": ["Boil.", " ", "Serve."]}, "instructions", ("Boil.", "Serve.")),
    ],
)
def test_what_is_meant_is_understood(tmp_path, change, field, value):
    """Whole numbers that a table turned to floats, capitals and blanks."""
    path = tmp_path / "own.jsonl"
    path.write_text(json.dumps({**RECORD, **change}))
    (recipe,) = read_own_data(path)
    assert getattr(recipe, field) == value


def test_paths_as_windows_writes_them_lead_to_the_photo(tmp_path):
    """The id of the photo stays as it was given."""
    path = tmp_path / "own.jsonl"
    path.write_text(json.dumps({**RECORD, "images": ["photos\\7.jpg"]}))
    (recipe,) = read_own_data(path)
    assert recipe.images == (ImageFile("photos\\7.jpg", str(tmp_path / "photos" / "7.jpg")),)


def test_a_parquet_row_that_is_no_utf_8_costs_itself(tmp_path):
    """Rows before and behind it are read."""
    path = tmp_path / "own.parquet"
    ids = pa.array([b"a", b"b\xff", b"c"], pa.binary()).view(pa.string())
    pq.write_table(pa.table({"id": ids, "ingredients": [["peas"]] * 3}), path)

    records = list(read_own_data(path))

    assert [r.id for r in records if isinstance(r, Recipe)] == ["a", "c"]
    assert [r.reason for r in records if isinstance(r, Reject)] == ["invalid_unicode"]


def test_a_message_about_half_a_character_can_be_written(tmp_path):
    """A lone surrogate in the name of a key of a record without an id."""
    path = tmp_path / "own.jsonl"
    path.write_text('{"id": null, "\\ud800": 1, "ingredients": ["peas"]}')
    (reject,) = read_own_data(path)
    assert reject.reason == "missing_id"
    reject.detail.encode()


def test_only_the_needed_fields_are_needed(tmp_path):
    """An id and some text."""
    path = tmp_path / "own.jsonl"
    path.write_text('{"id": "a", "ingredients": "peas"}\n{"id": "a", "ingredients": "peas"}')

    recipe, second = read_own_data(path)

    assert recipe == Recipe("a", recipe.partition, "", ("peas",), (), None, ())
    assert second.reason == "duplicate_id"


def test_what_is_no_data_set_is_one_error(tmp_path):
    """A missing path, a strange suffix, a Parquet file that is none or has no text."""
    with pytest.raises(DataError, match="no such file or folder"):
        open_source(tmp_path / "none.jsonl")
    (tmp_path / "own.doc").write_text("id,title")
    with pytest.raises(DataError, match=r"found \.doc"):
        open_source(tmp_path / "own.doc")
    (tmp_path / "own.parquet").write_text("id,title")
    with pytest.raises(DataError, match="expected a Parquet file"):
        list(open_source(tmp_path / "own.parquet").read())
    pq.write_table(pa.table({"colour": ["x"]}), tmp_path / "own.parquet")
    with pytest.raises(DataError, match=r"expected columns id.*found colour"):
        list(open_source(tmp_path / "own.parquet").read())
