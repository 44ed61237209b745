"""The cookbook's dishes in Food-101's layout."""

import hashlib

import numpy as np
import pytest
from PIL import Image

from seje_ray.cookbook import draw_photo, generate_recipe, write_food101
from seje_ray.cookbook.food101 import SEED_OFFSET
from seje_ray.cookbook.pantry import pantry
from seje_ray.recipe1m.labelled_photos import read_labelled_folder
from seje_ray.recipe1m.records import DataError

NUM_PHOTOS = 45


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out_dir = tmp_path_factory.mktemp("food101")
    write_food101(out_dir, num_photos=NUM_PHOTOS, seed=0)
    return out_dir


def digests(folder):
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_the_folder_reads_as_food101(folder):
    """45 of 20 dishes: five have three photos, fifteen two; no class has a fourth, for test."""
    found = read_labelled_folder(folder)

    assert found.names == ("background", *sorted(pantry().dishes))
    assert (len(found.train), len(found.test), found.rejected) == (45, 0, {})
    counts = [sum(p.category_id == n for p in found.train) for n in range(1, 21)]
    assert sorted(counts) == [2] * 15 + [3] * 5
    labels = (folder / "meta" / "classes.txt").read_text().split()
    assert labels == sorted(dish.replace(" ", "_") for dish in pantry().dishes)


def test_every_photo_shows_a_recipe_of_its_class_that_is_no_near_twin(folder):
    """The number of a photo is its place among the recipes of its dish, twins left out."""
    recipes = {label: [] for label in (folder / "meta" / "classes.txt").read_text().split()}
    for index in range(120):
        if index % 4 != 3:
            recipe = generate_recipe(SEED_OFFSET, index)
            recipes[recipe.look.dish.replace(" ", "_")].append(recipe)
    for label in ("beef_stew", "tomato_soup", "fried_rice"):
        for number, path in enumerate(sorted((folder / "images").glob(f"{label}/*.jpg"))):
            with Image.open(path) as photo:
                drawn = draw_photo(recipes[label][number], 0)
                assert photo.size == drawn.size
                difference = np.asarray(photo, np.int16) - np.asarray(drawn, np.int16)
            assert np.abs(difference).mean() < 8  # what JPEG loses


def test_two_processes_give_the_bytes_of_one_and_more_photos_begin_with_these(folder, tmp_path):
    write_food101(tmp_path, num_photos=85, seed=0, num_processes=2)
    larger, smaller = digests(tmp_path), digests(folder)
    photos = {name: digest for name, digest in smaller.items() if name.startswith("images")}
    assert len(photos) == NUM_PHOTOS
    assert photos.items() <= larger.items()
    # 85 photos: five dishes have a fifth one, and each dish's fourth is for test
    summary = read_labelled_folder(tmp_path)
    assert (len(summary.train), len(summary.test)) == (65, 20)


def test_another_seed_gives_other_photos(folder, tmp_path):
    write_food101(tmp_path, num_photos=3, seed=1)
    assert not set(digests(tmp_path).values()) & set(digests(folder).values())


def test_numbers_out_of_range_and_finished_folders_are_refused(folder, tmp_path):
    with pytest.raises(ValueError, match="num_photos"):
        write_food101(tmp_path / "x", num_photos=0, seed=0)
    assert not (tmp_path / "x").exists()
    before = digests(folder)
    with pytest.raises(DataError, match=r"holds a meta/train\.json already"):
        write_food101(folder, num_photos=3, seed=0)
    assert digests(folder) == before
