"""Recipe1M's layout: joined by id in any order, rejected by reason, never stopped."""

import json
import os
import random
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seje_ray.recipe1m.reader import Recipe1M
from seje_ray.recipe1m.records import DataError, Entity, ImageFile, Recipe, Reject

RECIPE = {
    "id": "a1",
    "title": "Penne",
    "partition": "train",
    "ingredients": [{"text": "6 ounces penne"}, {"text": "salt"}],
    "instructions": [{"text": "Boil."}],
}
ENTITIES = {
    "id": "a1",
    "ingredients": [{"text": "penne"}, {"text": "salt"}],
    "valid": [True, False],
}
IMAGES = {"id": "a1", "images": [{"id": "abcdef.jpg", "url": "http://example.org"}]}


def folder_of(path: Path, layer1, layer2=None, entities=None, removed=None) -> Path:
    """A data set of the given records; text is written as it is."""
    files = {"layer1.json": layer1, "layer2.json": layer2, "det_ingrs.json": entities}
    for name, records in files.items():
        if records is not None:
            text = records if isinstance(records, str) else json.dumps(records)
            (path / name).write_text(text)
    if removed is not None:
        (path / "remove1M.txt").write_text(removed)
    return path


def read(path: Path, **options):
    """(recipes, count of each reason)."""
    records = list(Recipe1M(path, **options).read())
    recipes = [record for record in records if isinstance(record, Recipe)]
    return recipes, Counter(record.reason for record in records if isinstance(record, Reject))


def test_a_recipe_is_joined_from_three_files(tmp_path):
    """Text, entities and photos of one id."""
    folder = folder_of(tmp_path, [RECIPE], [IMAGES], [ENTITIES])
    (tmp_path / "images" / "train").mkdir(parents=True)

    recipes, reasons = read(folder)

    location = tmp_path / "images" / "train" / "a" / "b" / "c" / "d" / "abcdef.jpg"
    assert recipes == [
        Recipe(
            "a1",
            "train",
            "Penne",
            ("6 ounces penne", "salt"),
            ("Boil.",),
            (Entity("penne", True), Entity("salt", False)),
            (ImageFile("abcdef", str(location)),),
        )
    ]
    assert not reasons


def test_images_without_partition_folders_are_found(tmp_path):
    """The other layout in the wild."""
    (tmp_path / "images" / "a").mkdir(parents=True)
    recipes, _ = read(folder_of(tmp_path, [RECIPE], [IMAGES]))
    assert recipes[0].images[0].location == str(tmp_path / "images/a/b/c/d/abcdef.jpg")


def test_layer2_plus_is_preferred_and_may_list_no_image(tmp_path):
    """layer2+ also has recipes without photos."""
    folder = folder_of(tmp_path, [RECIPE], [IMAGES])
    (tmp_path / "layer2+.json").write_text(json.dumps([{"id": "a1", "images": []}]))
    source = Recipe1M(folder)

    assert [record.images for record in source.read()] == [()]
    assert "layer2+.json" in [path.name for path in source.files()]


BROKEN = {
    "malformed_json": "{'id': 1}",
    "not_an_object": "[1, 2]",
    "missing_id": '{"title": "x"}',
    "duplicate_id": json.dumps(RECIPE),
    "wrong_type": json.dumps({**RECIPE, "id": "b", "title": 7}),
    "no_text": '{"id": "c", "title": " "}',
    "unknown_partition": json.dumps({**RECIPE, "id": "d", "partition": "dev"}),
    "invalid_unicode": '{"id": "e", "title": "\\ud800", "ingredients": ["x"]}',
}


@pytest.mark.parametrize("reason", BROKEN)
def test_a_broken_record_is_rejected_by_its_reason(tmp_path, reason):
    """The recipes before and behind it are read."""
    last = json.dumps({**RECIPE, "id": "z"})
    text = "[" + ",\n".join([json.dumps(RECIPE), BROKEN[reason], last]) + "]"

    recipes, reasons = read(folder_of(tmp_path, text))

    assert [recipe.id for recipe in recipes] == ["a1", "z"]
    assert reasons == {reason: 1}


@pytest.mark.parametrize(
    ("entities", "reason"),
    [
        ([{**ENTITIES, "valid": [True]}], "wrong_type"),
        ([{"id": "a1", "ingredients": [{"text": "x"}], "valid": [True]}], "entities_mismatch"),
        ([ENTITIES, ENTITIES], "duplicate_id"),
        ('[{"id": "a1"\n]', "malformed_json"),
        ('[{"id": "other", "ingredients": [], "valid": []}', "truncated_file"),
    ],
)
def test_broken_entities_cost_the_entities_and_not_the_recipe(tmp_path, entities, reason):
    """The recipe stays without them, or with the first."""
    recipes, reasons = read(folder_of(tmp_path, [RECIPE], [IMAGES], entities))

    assert [recipe.id for recipe in recipes] == ["a1"]
    assert reasons[reason] == 1
    assert (recipes[0].entities is not None) == (reason == "duplicate_id")


@pytest.mark.parametrize("name", ["../../etc/passwd", "abc", "a\\b\\c.jpg", 7.5])
def test_an_image_name_that_is_no_file_name_is_rejected(tmp_path, name):
    """A data set cannot point out of its folder."""
    layer2 = [{"id": "a1", "images": [{"id": name}]}]
    recipes, reasons = read(folder_of(tmp_path, [RECIPE], layer2))
    assert recipes[0].images == ()
    assert reasons == {"wrong_type": 1}


@pytest.mark.parametrize(
    ("removed", "kept"), [("none", ["a1", "b"]), ("public", ["a1"]), ("strict", [])]
)
def test_remove1m_is_read_in_three_ways(tmp_path, removed, kept):
    """im2recipe's reading misses the first line."""
    layer1 = [RECIPE, {**RECIPE, "id": "b"}]
    recipes, reasons = read(folder_of(tmp_path, layer1, removed="a1\nb\n"), removed=removed)

    assert [recipe.id for recipe in recipes] == kept
    assert reasons["removed"] == 2 - len(kept)


def test_a_missing_partition_is_drawn_by_the_id(tmp_path):
    """About 70/15/15, the same each time and for any order."""
    layer1 = [{**RECIPE, "id": f"r{n}", "partition": None} for n in range(2000)]
    first, _ = read(folder_of(tmp_path, layer1))
    random.Random(1).shuffle(layer1)
    again, _ = read(folder_of(tmp_path, layer1))

    assert {r.id: r.partition for r in first} == {r.id: r.partition for r in again}
    counts = Counter(recipe.partition for recipe in first)
    for partition, share in {"train": 0.7, "val": 0.15, "test": 0.15}.items():
        # Five standard deviations of a binomial draw.
        assert abs(counts[partition] - 2000 * share) < 5 * (2000 * share * (1 - share)) ** 0.5


@settings(max_examples=15)
@given(seed=st.integers(0, 2**16), num_recipes=st.integers(1, 12))
def test_the_order_of_the_joined_files_changes_nothing(tmp_path_factory, seed, num_recipes):
    """Join by id, in layer1's order."""
    folder = tmp_path_factory.mktemp("data")
    ids = [f"id{n}" for n in range(num_recipes)]
    layer1 = [{**RECIPE, "id": i} for i in ids]
    layer2 = [{"id": i, "images": [{"id": f"{i}photo.jpg"}]} for i in ids[::2]]
    entities = [{**ENTITIES, "id": i} for i in ids[::3]]
    for records in (layer2, entities):
        random.Random(seed).shuffle(records)

    recipes, reasons = read(folder_of(folder, layer1, layer2, entities))

    assert not reasons
    assert [recipe.id for recipe in recipes] == ids
    assert [r.id for r in recipes if r.images] == ids[::2]
    assert all(r.images[0].id == f"{r.id}photo" for r in recipes if r.images)
    assert [r.id for r in recipes if r.entities is not None] == ids[::3]


def test_a_folder_without_layer1_and_files_that_are_no_json_are_one_error(tmp_path):
    """The message names what was expected and what is there."""
    (tmp_path / "photos.zip").write_text("x")
    with pytest.raises(DataError, match=r"layer1.json, found photos.zip"):
        Recipe1M(tmp_path)
    with pytest.raises(DataError, match="expected a JSON list"):
        read(folder_of(tmp_path, "<html>"))
    with pytest.raises(DataError, match="empty file"):
        read(folder_of(tmp_path, ""))


def test_real_fragments_of_recipe1m(tmp_path, shared_data):
    """Real records, with and without partition, an entry of each other file."""
    fragments = shared_data / "recipe1m_fragments"
    names = {
        "layer1.json": "layer1_sample.json",
        "layer2.json": "layer2_sample.json",
        "det_ingrs.json": "det_ingrs_sample.json",
    }
    for target, source in names.items():
        (tmp_path / target).write_bytes((fragments / source).read_bytes())
    recipes, reasons = read(tmp_path)
    assert len(recipes) == len(json.loads((tmp_path / "layer1.json").read_text())) == 2
    assert not reasons
    assert recipes[0].ingredients[0] == "6 ounces penne"
    assert all(recipe.partition in ("train", "val", "test") for recipe in recipes)

    without = (fragments / "layer1_without_partition.json").read_bytes()
    (tmp_path / "layer1.json").write_bytes(without)
    recipes, reasons = read(tmp_path)
    assert len(recipes) == 7
    assert not reasons


def test_the_real_cookbook_is_read_whole(shared_data):
    """417 recipes with 452 photos, all in their place."""
    recipes, reasons = read(shared_data / "cookbook")

    assert len(recipes) == 417
    assert not reasons
    assert Counter(recipe.partition for recipe in recipes) == {"train": 294, "val": 50, "test": 73}
    photos = [Path(image.location) for recipe in recipes for image in recipe.images]
    assert len(photos) == 452
    assert all(photo.is_file() for photo in photos)
    assert all(recipe.entities is not None for recipe in recipes)


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo], ids=["folder", "pipe"])
def test_a_layer_that_is_no_file_is_named_as_such(tmp_path, make):
    """A30, A31: it is there, but cannot be read; nothing waits for it."""
    make(tmp_path / "layer1.json")
    with pytest.raises(DataError, match=r"layer1\.json: expected a regular file"):
        Recipe1M(tmp_path)
