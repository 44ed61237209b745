"""Search in the process: a file is embedded as the data set's own photos and recipes are."""

import json

import pytest

from seje_ray.config.data import DataConfig
from seje_ray.features.encoder import QueryError
from seje_ray.pipeline.search import Searcher, first_recipe
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
    search = Searcher(trained, cookbook, EXECUTOR, "test")
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
