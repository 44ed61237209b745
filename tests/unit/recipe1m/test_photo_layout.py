"""Recipe1M's folders as people have them after unpacking: every photo is found."""

import json
from pathlib import Path

import pytest

from seje_ray.recipe1m.photo_layout import PhotoLayout, layouts_of
from seje_ray.recipe1m.records import Recipe
from seje_ray.recipe1m.source import open_source

PARTS = {"a1b2c3": "train", "b1b2c3": "train", "c1b2c3": "val", "d1b2c3": "test"}


def unpacked(folder, where, *, layers="", with_partition=True, suffix=".jpg"):
    """Four recipes with a photo each; ``where`` gives its place from partition and name."""
    (folder / layers).mkdir(parents=True, exist_ok=True)
    recipes = [
        {"id": i, "title": "t", "ingredients": [{"text": "x"}], "instructions": [{"text": "y"}]}
        | ({"partition": part} if with_partition else {})
        for i, part in PARTS.items()
    ]
    images = [{"id": i, "images": [{"id": f"{i}.jpg", "url": ""}]} for i in PARTS]
    (folder / layers / "layer1.json").write_text(json.dumps(recipes))
    (folder / layers / "layer2.json").write_text(json.dumps(images))
    for i, part in PARTS.items():
        path = folder / where(part, f"{i}{suffix}")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(i.encode())
    return folder


def text_of(recipe):
    """What lies where its photo is said to be."""
    return Path(recipe.images[0].location).read_text()


def nested(name):
    """The folders of a name, and it."""
    return "/".join([*name[:4], name])


PLACES = {
    "as documented": lambda p, n: f"images/{p}/{nested(n)}",
    "Recipe1M+": lambda p, n: f"images/{nested(n)}",
    "beside the layers": lambda p, n: f"{p}/{nested(n)}",
    "flat": lambda p, n: f"images/{n}",
    "flat by partition": lambda p, n: f"images/{p}/{n}",
    "flat beside the layers": lambda p, n: n,
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("layers", ["", "recipe1M_layers"])
def test_photos_are_found_as_archives_unpack(tmp_path, place, layers):
    """Also with the layers in a folder of their own, by whichever folder is named; it is said."""
    folder = unpacked(tmp_path / "data", PLACES[place], layers=layers)
    for named in {folder, folder / layers}:
        source = open_source(named)
        found = list(source.read())
        assert [text_of(r) for r in found] == list(PARTS)
        said = place in ("as documented", "Recipe1M+") and not layers
        assert bool(source.notes.lines()) != said


def test_two_archives_in_one_folder_are_both_found(tmp_path):
    """Recipe1M's by partition, and those of Recipe1M+ without."""
    folder = unpacked(
        tmp_path, lambda p, n: f"images/{p}/{nested(n)}" if n < "c" else f"images/{nested(n)}"
    )
    found = list(open_source(folder).read())
    assert [text_of(r) for r in found] == list(PARTS)


def test_an_empty_folder_left_over_hides_nothing(tmp_path):
    folder = unpacked(tmp_path, PLACES["Recipe1M+"])
    (folder / "images" / "train").mkdir()
    assert all(text_of(r) == r.id for r in open_source(folder).read())


@pytest.mark.parametrize("suffix", [".jpeg", ".webp", ""])
def test_photos_stored_anew_are_found_under_another_suffix(tmp_path, suffix):
    source = open_source(unpacked(tmp_path, PLACES["as documented"], suffix=suffix))
    assert all(text_of(r) == r.id for r in source.read())
    assert source.notes.lines() == [
        f"photos are taken from {tmp_path}/images/PARTITION/a/b/c/d/NAME{suffix}"
    ]


def test_without_a_partition_the_folder_of_the_photos_gives_it(tmp_path):
    """A hash of the id would move recipes of the test partition into train."""
    source = open_source(unpacked(tmp_path, PLACES["as documented"], with_partition=False))
    found = [record for record in source.read() if isinstance(record, Recipe)]
    assert {recipe.id: recipe.partition for recipe in found} == PARTS
    assert source.notes.lines() == [
        "taken: the folder of the photos -> partition in 4 of 4 records"
    ]


def test_photos_that_are_nowhere_are_looked_for_where_they_should_be(tmp_path):
    layouts = layouts_of([tmp_path / "images"], ["a1b2.jpg"], by_partition=False)
    assert layouts.path("a1b2.jpg", "val") == tmp_path / "images/a/1/b/2/a1b2.jpg"
    assert layouts.said() == ""
    assert PhotoLayout(tmp_path, True, False).partition_with("a1b2.jpg") is None
