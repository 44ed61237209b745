"""Queries: a file is embedded as the data set's own photos and recipes are."""

import io
import json

import numpy as np
import pytest
from PIL import Image

from seje_ray.config.data import DataConfig
from seje_ray.features.encoder import QueryError
from seje_ray.pipeline.index.queries import first_recipe
from seje_ray.recipe1m.images import to_jpeg
from seje_ray.recipe1m.records import DataError


def test_a_recipe_to_search_for_is_read_as_the_workspaces_are(tmp_path):
    """By its columns and separator."""
    path = tmp_path / "query.jsonl"
    path.write_text(json.dumps({"id": 1, "heading": "Soup", "what": "peas|salt", "steps": "Boil."}))
    data = DataConfig(
        columns={"title": "heading", "ingredients": "what"}, separator={"ingredients": "|"}
    )
    found = first_recipe(path, data)
    assert (found.title, found.ingredients, found.instructions) == (
        "Soup",
        ("peas", "salt"),
        ("Boil.",),
    )


def test_the_first_recipe_counts_whatever_is_rejected_before_it(tmp_path):
    """A photo, entities and a record that cannot be used; without a recipe, the first is named."""
    path, data = tmp_path / "query.jsonl", DataConfig()
    soup = {"id": 2, "ingredients": ["peas"], "entities": [], "images": [3]}
    lines = ['{"id": 1}', json.dumps(soup), '{"id": 3, "ingredients": "salt"}']
    path.write_text("\n".join(lines))
    assert first_recipe(path, data).id == "2"
    path.write_text('{"id": 1}\n{"id": 2}')
    with pytest.raises(QueryError, match="found none: no_text"):
        first_recipe(path, data)
    path.write_text("[]")
    with pytest.raises(QueryError, match="it is empty"):
        first_recipe(path, data)


def test_a_file_finds_the_same_as_a_stored_row(cookbook, search, tmp_path):
    """A photo or recipe of the data set, given as a file, is embedded as calibration did it."""
    folder = cookbook.folder / "cookbook-120-0"
    layer2 = json.loads((folder / "layer2.json").read_text())
    indexed = search.index.side("photos").entries.row(0)
    own_id, row = indexed["recipe"], 0
    image = next(r for r in layer2 if r["id"] == own_id)["images"][0]["id"]
    assert image.startswith(indexed["id"])
    path = next((folder / "images").rglob(image))
    record = next(r for r in json.loads((folder / "layer1.json").read_text()) if r["id"] == own_id)
    det_ingrs = json.loads((folder / "det_ingrs.json").read_text())
    found = next(r for r in det_ingrs if r["id"] == own_id)
    record["entities"] = [
        {"text": entity["text"], "valid": is_valid}
        for entity, is_valid in zip(found["ingredients"], found["valid"], strict=True)
    ]
    (tmp_path / "query.jsonl").write_text(json.dumps(record))

    by_photo = search.photo(path, 3)
    by_recipe = search.recipe(tmp_path / "query.jsonl", 3)

    for file, stored in (
        (by_photo, search.find(search.photo_row_query(row), "recipes", 3)),
        (by_recipe, search.recipe(own_id, 3)),
    ):
        assert [hit.id for hit in file] == [hit.id for hit in stored]
        similarities = [hit.similarity for hit in stored]
        assert [hit.similarity for hit in file] == pytest.approx(similarities, abs=1e-3)
    with pytest.raises(QueryError, match="neither a file nor the id"):
        search.recipe("nothing", 3)
    with pytest.raises(QueryError, match="undecodable_image"):
        search.photo(tmp_path / "query.jsonl", 3)


def test_recipes_to_search_for_in_every_form_that_people_have(shared_case):
    """Pretty JSON, a list, no id, schema.org: the first one; plain text is told."""
    folder = shared_case("13")

    for name in ("pretty.json", "two.json", "no_id.jsonl", "jsonld.json"):
        found = first_recipe(folder / name, DataConfig())
        assert found.title == "Tomato soup", name
        assert found.ingredients == ("4 tomatoes", "1 onion", "salt"), name
        assert found.instructions[0] == "Chop.", name
    assert first_recipe(folder / "title_only.jsonl", DataConfig()).title
    with pytest.raises((QueryError, DataError), match=r"plain\.txt: expected"):
        first_recipe(folder / "plain.txt", DataConfig())


def test_a_turned_photo_is_the_upright_one(shared_case):
    """As a phone stores it; a file that is no photo is refused with its reason."""
    folder = shared_case("13")
    upright, phone = (
        np.asarray(Image.open(io.BytesIO(to_jpeg((folder / name).read_bytes(), shorter_side=128))))
        for name in ("upright.jpg", "phone.jpg")
    )

    assert upright.shape == phone.shape
    assert np.abs(upright.astype(int) - phone.astype(int)).mean() < 8
    assert not isinstance(to_jpeg((folder / "p.heic").read_bytes(), shorter_side=128), bytes)
    assert not isinstance(to_jpeg((folder / "plain.txt").read_bytes(), shorter_side=128), bytes)
