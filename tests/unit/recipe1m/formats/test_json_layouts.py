"""JSON files of any layout: where the recipes are, and that nothing beside them costs any."""

import gzip
import json
from collections import Counter

import pytest

from seje_ray.recipe1m.own_data import OwnData
from seje_ray.recipe1m.records import DataError, Recipe, Reject

RECIPES = [{"title": f"Soup {n}", "ingredients": ["peas"]} for n in range(4)]
BY_ID = {f"r{n}": recipe for n, recipe in enumerate(RECIPES)}


def _read(path, value):
    path.write_text(json.dumps(value, indent=1))
    found = list(OwnData(path).read())
    assert not [one for one in found if isinstance(one, Reject)]
    return found


@pytest.mark.parametrize(
    "value",
    [
        {"sizes": [[1, 2]], "recipes": RECIPES},
        {"recipes": RECIPES[:2], "sizes": [[1, [2]], []], "more": RECIPES[2:]},
        {"recipes": RECIPES, "sizes": [[1, 2]]},
        {"recipes": BY_ID},
        {"version": {"number": [1]}, "data": {"recipes": RECIPES, "total": 4}},
        {"data": {"items": BY_ID}, "recipes": RECIPES},
    ],
)
def test_recipes_are_found_beside_and_below_other_members(tmp_path, value):
    """Lists of lists, objects by id, and a list in an object."""
    assert {one.title for one in _read(tmp_path / "own.json", value)} == {
        recipe["title"] for recipe in RECIPES
    }


@pytest.mark.parametrize("is_by_id", [False, True])
def test_parts_that_are_called_as_partitions_are_these(tmp_path, is_by_id):
    """Objects of recipes by id, which begin to count in each."""
    parts = {"train": RECIPES[:3], "test": RECIPES[3:]}
    if is_by_id:
        parts = {name: dict(enumerate(part)) for name, part in parts.items()}
    found = _read(tmp_path / "own.json", parts)
    assert Counter(one.partition for one in found) == {"train": 3, "test": 1}
    if is_by_id:
        assert {one.id for one in found} == {"train:0", "train:1", "train:2", "test:0"}


def test_an_object_of_recipes_by_id_in_an_object_is_streamed(tmp_path, monkeypatch):
    """No more of it is held than of a record."""
    monkeypatch.setattr("seje_ray.limits.MAX_RECORD_CHARS", 2000)
    recipes = {f"r{n}": {"title": f"Soup {n}", "ingredients": ["x" * 900]} for n in range(50)}
    assert len(_read(tmp_path / "own.json", {"recipes": recipes})) == 50


def test_what_is_no_recipe_in_a_list_of_recipes_costs_itself(tmp_path):
    """A list, a null and a text among them are told."""
    path = tmp_path / "own.json"
    path.write_text(json.dumps({"recipes": [RECIPES[0], [RECIPES[1]], None, "x", RECIPES[2]]}))
    found = list(OwnData(path).read())
    assert [one.reason for one in found if isinstance(one, Reject)] == ["not_an_object"] * 3
    assert len(found) == 5


def test_of_a_cut_file_what_came_before_is_kept(tmp_path):
    """A small one, too; and one that is cut before its first record says so."""
    packed = gzip.compress("".join(json.dumps(one) + "\n" for one in RECIPES * 20).encode())
    path = tmp_path / "own.jsonl.gz"
    path.write_bytes(packed[:-20])
    found = list(OwnData(path).read())
    assert sum(isinstance(one, Recipe) for one in found) == len(RECIPES)
    assert found[-1].reason == "truncated_file"
    path.write_bytes(packed[:10])
    with pytest.raises(DataError, match="cut before the first of them"):
        list(OwnData(path).read())
