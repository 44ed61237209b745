"""Keys of own recipes: which field each fills, what is said, and what is refused."""

import json
from collections import Counter

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from seje_ray.recipe1m.keys import is_empty, mapped
from seje_ray.recipe1m.notes import looks_of, reading_lines
from seje_ray.recipe1m.records import DataError, Recipe
from seje_ray.recipe1m.source import open_source
from seje_ray.workspace import Workspace
from tests.tiny import tiny_run
from tests.unit.pipeline.locally import calibrated_locally

SOUP = {
    "id": "a",
    "title": "Pea soup",
    "ingredients": ["1 cup peas", "salt"],
    "instructions": ["Boil.", "Serve."],
}


def written(path, records):
    """The records as JSON lines."""
    path.write_text("\n".join(map(json.dumps, records)))
    return path


def read(path, **options):
    """What a file gives, and its notes."""
    source = open_source(path, **options)
    return list(source.read()), source.notes


def renamed(record, **names):
    """The record with other keys."""
    return {names.get(key, key): value for key, value in record.items()}


@pytest.mark.parametrize("instructions", ["directions", "steps", "method", "Instructions"])
@pytest.mark.parametrize("title", ["name", "Title", "recipe_name"])
@pytest.mark.parametrize("suffix", [".jsonl", ".parquet"])
def test_near_names_are_taken_and_said(tmp_path, instructions, title, suffix):
    """The same recipes as under our names, whatever the format."""
    records = [{**SOUP, "id": str(n), "partition": "test"} for n in range(3)]
    theirs = [
        renamed(record, title=title, instructions=instructions, partition="split")
        for record in records
    ]
    path = tmp_path / f"own{suffix}"
    if suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(theirs), path)
    else:
        written(path, theirs)

    found, notes = read(path)

    ours, _ = read(written(tmp_path / "ours.jsonl", records))
    assert found == ours
    assert {recipe.partition for recipe in found} == {"test"}
    (line,) = notes.lines()
    for said in (f"{title} -> title", f"{instructions} -> instructions", "split -> partition"):
        assert f"{said} in 3 of 3 records" in line
    assert notes.problem() is None


@pytest.mark.parametrize("key", ["image", "image_path", "photo", "Image Path"])
def test_a_photo_under_a_near_name_is_found(tmp_path, key):
    """One path as text."""
    (recipe,), _ = read(written(tmp_path / "own.jsonl", [{**SOUP, key: "a.jpg"}]))
    assert [image.location for image in recipe.images] == [str(tmp_path / "a.jpg")]


@pytest.mark.parametrize(
    ("word", "partition"),
    [("validation", "val"), ("valid", "val"), (" Dev ", "val"), ("training", "train")],
)
def test_partitions_under_other_words_are_taken_and_said(tmp_path, word, partition):
    """The field keeps its own name."""
    (recipe,), notes = read(written(tmp_path / "own.jsonl", [{**SOUP, "partition": word}]))
    assert recipe.partition == partition
    assert notes.lines() == [f"taken: {word.strip().lower()} -> {partition} in 1 of 1 records"]


def test_a_field_of_our_name_wins_and_a_near_name_fills_its_gaps():
    """A key that is not needed is said to be unused."""
    both = {"title": "Soup", "name": "Broth", "steps": None, "method": "Boil.", "cuisine": "x"}
    fields, said = mapped(both, {})
    assert fields == {"title": "Soup", "instructions": "Boil."}
    assert said.taken == (("method", "instructions"),)
    assert said.unused == ("name", "steps", "cuisine")
    fields, said = mapped({**both, "title": " "}, {})
    assert fields["title"] == "Broth"


def test_what_the_user_says_of_a_key_wins(tmp_path):
    """Also over our own names; "" leaves a field empty."""
    record = {**SOUP, "heading": "Green soup"}
    path = written(tmp_path / "own.jsonl", [record])
    columns = {"title": "heading", "instructions": ""}
    (recipe,), notes = read(path, columns=columns)
    assert (recipe.title, recipe.instructions) == ("Green soup", ())
    assert "keys not used: title in 1 of 1 records, instructions in 1 of 1 records" in notes.lines()
    assert notes.problem() is None


def test_keys_that_are_not_used_are_counted(tmp_path):
    """In as many records as hold them."""
    records = [{**SOUP, "id": str(n), **({"NER": []} if n else {})} for n in range(3)]
    _, notes = read(written(tmp_path / "own.jsonl", records))
    assert notes.lines() == ["keys not used: NER in 2 of 3 records"]
    assert reading_lines({"reading": json.loads(json.dumps(notes.to_facts()))}) == notes.lines()


def test_data_keyed_by_id_names_no_million_keys(tmp_path):
    """Fifty by name, the rest together."""
    record = {**SOUP, **{f"key {n}": n for n in range(80)}}
    _, notes = read(written(tmp_path / "own.jsonl", [record]))
    assert len(notes.unused) == 51
    assert notes.unused["(others)"] == 30


@pytest.mark.parametrize(
    ("field", "key", "values"),
    [
        ("partition", "fold", ["train", "Test", "val"]),
        ("title", "heading", ["Pea soup", "Green soup", "Leek soup"]),
        ("instructions", "text_body", [["Boil it.", "Eat."], ["Cook it."], ["Fry the leek."]]),
        ("images", "file", ["a.jpg", "b.PNG", "c.webp"]),
    ],
)
def test_a_field_that_is_empty_in_all_records_names_its_candidates(tmp_path, field, key, values):
    """Before anything is written; and the option that it names helps."""
    records = [
        {**{k: v for k, v in SOUP.items() if k != field}, "id": str(n), key: value}
        for n, value in enumerate(values)
    ]
    path = written(tmp_path / "own.jsonl", records)
    expected = rf"expected {field}, found no such key in all 3 records; it may be {key}: .*--map"
    with pytest.raises(DataError, match=expected):
        calibrated_locally(tiny_run(), path, Workspace(tmp_path / "w"), last_stage="ingest")
    assert not (tmp_path / "w" / "recipes" / "manifest.json").exists()
    for key_of_it in (key, ""):
        _, notes = read(path, columns={field: key_of_it})
        assert notes.problem() is None


def test_a_field_that_is_there_and_empty_without_a_candidate_is_said(tmp_path):
    """A table's column of nulls is no error."""
    _, notes = read(written(tmp_path / "own.jsonl", [{**SOUP, "images": None, "partition": ""}]))
    assert notes.problem() is None
    assert notes.lines() == ["empty in all 1 records: images, partition"]


def test_a_mapping_to_a_key_that_no_record_has_is_an_error(tmp_path):
    """It names those there are."""
    _, notes = read(written(tmp_path / "own.jsonl", [{**SOUP, "x": 1}]), columns={"title": "head"})
    assert "'head', which no record has; the keys that were not used are title, x" in str(
        notes.problem()
    )


def test_a_recipe1m_folder_takes_no_columns(tmp_path):
    """Its keys are known."""
    (tmp_path / "layer1.json").write_text("[]")
    with pytest.raises(DataError, match=r"data\.columns is for a file of own recipes"):
        open_source(tmp_path, columns={"title": "name"})


def test_the_calibration_says_what_was_taken_and_plans_stay(tmp_path):
    """In its summary, again when it finds everything there; the default adds nothing to a plan."""
    records = [{**renamed(SOUP, title="name"), "NER": []}]
    path = written(tmp_path / "own.jsonl", records)
    for _ in range(2):
        made = calibrated_locally(tiny_run(), path, Workspace(tmp_path / "w"), last_stage="ingest")
        assert "taken: name -> title in 1 of 1 records" in str(made)
        assert "keys not used: NER in 1 of 1 records" in str(made)
    assert "columns" not in made.recipes.manifest.plan.section["data"]
    run = tiny_run("data.columns.title=name")
    again = calibrated_locally(run, path, Workspace(tmp_path / "w"), last_stage="ingest")
    assert again.recipes.manifest.plan.section["data"]["columns"] == {"title": "name"}


@pytest.mark.parametrize(
    ("value", "fields"),
    [
        ("train", {"partition"}),
        ("https://example.org/a b", set()),
        ("Italian", set()),
        (7, set()),
        (["brown sugar", "milk", "salt"], set()),
        (["1 cup milk", "salt", "2 eggs"], {"ingredients", "instructions"}),
        ({"bytes": b"x", "path": None}, {"images"}),
        ("a.jpg", {"images"}),
    ],
)
def test_a_value_looks_like_its_field(value, fields):
    """Links, tags and numbers like none."""
    assert looks_of(value) == fields


def test_cells_that_say_nothing():
    """As tables write them."""
    assert all(map(is_empty, [None, float("nan"), "", " \n", [], {}]))
    assert not any(map(is_empty, [0, False, "x", [None]]))


def test_keys_of_other_collections_move_no_test_recipe_into_train(shared_case):
    """Case 19: ``split`` of 40, 8 and 8 recipes."""
    found, notes = read(shared_case("19") / "recipenlg_like.jsonl")
    recipes = [recipe for recipe in found if isinstance(recipe, Recipe)]
    assert Counter(r.partition for r in recipes) == {"train": 40, "val": 8, "test": 8}
    assert all(recipe.title and recipe.instructions and recipe.images for recipe in recipes)
    assert "keys not used: NER in 56 of 56 records" in notes.lines()


@pytest.mark.parametrize("name", ["split_column.parquet", "validation.parquet"])
def test_parquet_as_the_hub_writes_it_keeps_its_partitions(shared_case, name):
    """Case 03: a dictionary column ``split``, and the word ``validation``."""
    found, _ = read(shared_case("03") / name)
    assert Counter(r.partition for r in found) == {"train": 30, "val": 6, "test": 6}
