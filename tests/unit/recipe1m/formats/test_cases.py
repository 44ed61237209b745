"""Files as people report them in public (../shared/cases): each is read right."""

import json

import pytest

from seje_ray.audit.check import audit
from seje_ray.recipe1m.images import load_image
from seje_ray.recipe1m.records import Recipe
from seje_ray.recipe1m.source import open_source
from seje_ray.report.audit import as_text


def read(path):
    """Recipes by title, and what was noted; nothing is rejected."""
    source = open_source(path)
    found = list(source.read())
    assert all(isinstance(one, Recipe) for one in found), found
    return {one.title: one for one in found}, source.notes


def texts(recipe):
    """What a recipe says."""
    return recipe.title, recipe.ingredients, recipe.instructions


def has_photos(recipes):
    """Whether every recipe has a photo that can be used."""
    return all(
        isinstance(load_image(image, shorter_side=64), bytes)
        for recipe in recipes.values()
        for image in recipe.images[:1]
    ) and all(recipe.images for recipe in recipes.values())


def test_kaggles_table_is_read_as_it_is(shared_case):
    """Case 01: list literals, an index without a name, photos without suffix in a folder."""
    folder = shared_case("01")
    recipes, notes = read(folder / "recipes.csv")
    renamed, _ = read(folder / "renamed.jsonl")
    assert {t: texts(r) for t, r in recipes.items()} == {t: texts(r) for t, r in renamed.items()}
    assert len(recipes) > 50
    assert has_photos(recipes)
    assert "photos are found in Food Images/, as NAME.jpg" in notes.recognition()
    assert "table with comma between cells; UTF-8; 56 records" in notes.recognition()
    whole, _ = read(folder / "renamed_no_suffix.jsonl")
    assert has_photos(whole)


@pytest.mark.parametrize("name", ["jsonld.jsonl", "renamed.jsonl", "one_page.json"])
def test_schema_org_is_read_as_scraped(shared_case, name):
    """Case 02: each form of steps gives the cookbook's, with the names of sections."""
    folder = shared_case("02")
    recipes, _ = read(folder / name)
    scraped = [json.loads(line) for line in (folder / "jsonld.jsonl").read_text().splitlines()]
    scraped = {one["name"]: one for one in scraped}
    assert len(recipes) == (1 if name == "one_page.json" else 28)
    assert has_photos(recipes)
    for title, recipe in recipes.items():
        steps = scraped[title]["recipeInstructions"]
        assert recipe.ingredients == tuple(scraped[title]["recipeIngredient"])
        is_section = (
            name == "one_page.json" or steps[0].get("@type") == "HowToSection"
            if (isinstance(steps, list))
            else False
        )
        assert ("Prepare" in recipe.instructions) == is_section
        assert not any("<p>" in line for line in recipe.instructions)
        if isinstance(steps, list) and not is_section:
            assert recipe.instructions == tuple(step["text"] for step in steps)


def test_parquet_of_the_hub_is_read_in_all_its_forms(shared_case):
    """Case 03: every file has the same texts; photos in a column are those of the files."""
    folder = shared_case("03")
    good, _ = read(folder / "good.parquet")
    parts = {recipe.partition for recipe in good.values()}
    assert parts == {"train", "val", "test"}
    for path in sorted([*folder.glob("*.parquet"), *folder.glob("*.PARQUET"), folder / "parts"]):
        recipes, notes = read(path)
        assert [texts(r) for r in recipes.values()] == [texts(r) for r in good.values()], path
        if path.name in ("validation.parquet", "split_column.parquet"):
            assert [r.partition for r in recipes.values()] == [r.partition for r in good.values()]
        if path.name not in ("parts", "nan_images.parquet"):
            assert has_photos(recipes), path
    assert "all files are called train" in notes.recognition() or path.name != "parts"


def test_every_encoding_and_container_gives_the_same_recipes(shared_case):
    """Case 05; what was encoded twice is another matter."""
    folder = shared_case("05")
    plain, _ = read(folder / "records.json")
    said = {
        "bom.jsonl": "UTF-8 with BOM",
        "cp1252.jsonl": "Windows-1252",
        "utf16.jsonl": "UTF-16",
        "recipes.jsonl.gz": "gzip",
        "wrapped.jsonl": "JSON object with recipes in 'recipes'",
        "by_id.jsonl": "JSON object of recipes by id",
        "cr.jsonl": "JSON lines",
        "crlf.jsonl": "JSON lines",
        "pretty.jsonl": "JSON lines",
        "concat_bom.jsonl": "56 records",
    }
    for name, word in said.items():
        recipes, notes = read(folder / name)
        assert word in notes.recognition()
        if name == "cp1252.jsonl":  # the case writes ? for what that encoding lacks
            lost = [str(texts(one)).encode("cp1252", "replace") for one in plain.values()]
            assert [str(texts(one)).encode("cp1252") for one in recipes.values()] == lost
        elif name == "concat_bom.jsonl":  # all of them twice, under other ids
            assert recipes.keys() == plain.keys()
        else:
            assert recipes == plain, name


def test_the_first_screen_says_what_was_recognised_and_whether_it_will_do(shared_case):
    """Cases 00 and 19: of a good file, and of one whose photos are not there."""
    found = audit(shared_case("00") / "recipes.jsonl", num_photos=10)
    first = as_text(found).splitlines()[:10]
    assert any("JSON lines; UTF-8; 144 records; fields: id, title" in line for line in first)
    assert any("nothing stands against a calibration" in line for line in first)
    path = shared_case("19") / "recipenlg_like.jsonl"
    moved = path.with_name("moved")
    moved.mkdir()
    found = audit(path.rename(moved / path.name), num_photos=10)
    first = as_text(found).splitlines()[:10]
    assert any("calibrate would refuse this data set: " in line for line in first)
    assert any("directions -> instructions in 56 of 56" in line for line in first)
