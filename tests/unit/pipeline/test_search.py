"""Search in the process: a file is embedded as the data set's own photos and recipes are."""

import io
import json

import numpy as np
import pytest
from PIL import Image

from seje_ray.config.data import DataConfig
from seje_ray.features.encoder import QueryError
from seje_ray.pipeline.search import PartitionSearcher, first_recipe
from seje_ray.recipe1m.images import to_jpeg
from seje_ray.recipe1m.records import DataError
from tests.unit.pipeline.locally import EXECUTOR


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
    path.write_text('{"id": 1}\n{"title": "no id"}')
    with pytest.raises(QueryError, match="found none: no_text"):
        first_recipe(path, data)
    path.write_text("[]")
    with pytest.raises(QueryError, match="it is empty"):
        first_recipe(path, data)


def test_search_finds_the_same_for_a_file_as_for_a_stored_pair(cookbook, trained, tmp_path):
    """A photo or recipe of the data set, given as a file, is embedded as calibration did it."""
    search = PartitionSearcher(trained, cookbook, EXECUTOR, "test")
    by_row = search.for_row(0, 3, is_photo=True)
    layer2 = json.loads((cookbook.folder / "cookbook-120-0" / "layer2.json").read_text())
    stored = search.for_row(0, 3, is_photo=False)
    own_id = search._embeddings.ids[0]
    image = next(r for r in layer2 if r["id"] == own_id)["images"][0]["id"]
    path = next((cookbook.folder / "cookbook-120-0" / "images").rglob(image))
    layer1 = json.loads((cookbook.folder / "cookbook-120-0" / "layer1.json").read_text())
    record = next(r for r in layer1 if r["id"] == own_id)
    det_ingrs = json.loads((cookbook.folder / "cookbook-120-0" / "det_ingrs.json").read_text())
    found = next(r for r in det_ingrs if r["id"] == own_id)
    record["entities"] = [
        {"text": entity["text"], "valid": is_valid}
        for entity, is_valid in zip(found["ingredients"], found["valid"], strict=True)
    ]
    (tmp_path / "query.jsonl").write_text(json.dumps(record))

    by_file = search.for_photo(path, 3)
    by_recipe = search.for_recipe(str(tmp_path / "query.jsonl"), 3)

    assert [r.id for r in search.for_recipe(own_id, 3).results] == [r.id for r in stored.results]
    for file, row in ((by_file, by_row), (by_recipe, stored)):
        assert [r.id for r in file.results] == [r.id for r in row.results]
        similarities = [r.similarity for r in row.results]
        assert [r.similarity for r in file.results] == pytest.approx(similarities, abs=1e-3)
    search.write_page(tmp_path / "search.html")
    assert "Photos for a recipe" in (tmp_path / "search.html").read_text()
    with pytest.raises(QueryError, match="neither a file nor the id"):
        search.for_recipe("nothing", 3)
    with pytest.raises(QueryError, match="undecodable_image"):
        search.for_photo(tmp_path / "query.jsonl", 3)


def test_recipes_to_search_for_in_every_form_that_people_have(shared_case):
    """Pretty JSON, a list, no id, schema.org: the first one; a title alone and plain text, told."""
    folder = shared_case("13")

    for name in ("pretty.json", "two.json", "no_id.jsonl", "jsonld.json"):
        found = first_recipe(folder / name, DataConfig())
        assert found.title == "Tomato soup", name
        assert found.ingredients == ("4 tomatoes", "1 onion", "salt"), name
        assert found.instructions[0] == "Chop.", name
    with pytest.raises(QueryError, match="no_text"):
        first_recipe(folder / "title_only.jsonl", DataConfig())
    assert first_recipe(folder / "title_only.jsonl", DataConfig(), is_title_enough=True).title
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
