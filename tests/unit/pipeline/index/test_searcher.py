"""Searches in an index: what is found is what is near, for every kind of query."""

import io

import numpy as np
import pytest
from PIL import Image

import seje_ray
from seje_ray.calibration.corpus import RecipeText, recipe_text
from seje_ray.features.encoder import QueryError
from seje_ray.pipeline.embed import embed_partition
from seje_ray.retrieval.embeddings import load_embeddings
from seje_ray.retrieval.index.filters import FilterError, Filters
from tests.unit.pipeline.locally import EXECUTOR, rows_of


def test_the_index_holds_the_vectors_of_the_evaluation(cookbook, trained, search):
    """Of recipes and of photos, by their ids; and recipes that no evaluation has."""
    stored = load_embeddings(embed_partition(trained, cookbook, EXECUTOR, "test").shards("test"))
    for row in range(0, len(stored.ids), 5):
        recipe = search.index.vector("recipes", stored.ids[row])
        photo = search.index.vector("photos", stored.image_ids[row])
        np.testing.assert_allclose(recipe, stored.recipe_embeddings[row], atol=1e-5)
        np.testing.assert_allclose(photo, stored.image_embeddings[row], atol=1e-5)
    recipes = rows_of(cookbook.open_recipes())
    assert len(search.index.recipes) == len(recipes)
    assert len(search.index.photos) == sum(len(recipe["images"]) for recipe in recipes)


def test_a_photo_finds_what_a_sorted_collection_gives(cookbook, search):
    """By its bytes, and by itself as it is indexed."""
    recipe = next(r for r in rows_of(cookbook.open_recipes()) if r["images"])
    query = search.photo_query(recipe["images"][0]["jpeg"])
    side = search.index.recipes
    similarities = side.vectors @ query.vector

    found = search.photo(recipe["images"][0]["jpeg"], count=5)

    assert [hit.row for hit in found] == np.argsort(-similarities, kind="stable")[:5].tolist()
    expected = sorted(similarities, reverse=True)[:5]
    assert [hit.similarity for hit in found] == pytest.approx(expected, abs=1e-6)
    assert [hit.rank for hit in found] == [1, 2, 3, 4, 5]
    assert found[0].ingredients


def test_a_recipe_of_the_index_finds_photos_and_by_its_texts_the_same(cookbook, search):
    """An id is looked up; texts are embedded."""
    known = rows_of(cookbook.open_recipes())[7]

    by_id, by_text = search.recipe(known["id"], 4), search.recipe(recipe_text(known), 4)

    assert [hit.id for hit in by_id] == [hit.id for hit in by_text]
    assert by_id[0].kind == "photo"
    assert by_id[0].recipe


def test_words_decide_what_is_found_and_unknown_ones_are_one_line(search):
    """Also of a training that reads no titles, to which all words were the same."""
    tomato, chocolate = (search.text_query(text) for text in ("tomato soup", "Chocolate, sugar"))
    assert tomato.key_terms == ("tomato",)
    assert chocolate.key_terms == ("chocolate", "sugar")
    assert float(tomato.vector @ chocolate.vector) < 0.999
    for text in ("qqqq xyzzy", "<b>"):
        with pytest.raises(QueryError, match=f"^{text}: the training knows none of these words; "):
            search.text(text)
    with pytest.raises(QueryError, match="the training knows none of these words"):
        search.recipe(RecipeText("x", "Qqqq", ("2 xyzzys",), ()))


def test_like_finds_the_same_kind_without_itself(search):
    """Recipes like a recipe, photos like a photo."""
    for what, kind in (("recipes", "recipe"), ("photos", "photo")):
        side = search.index.side(what)
        id_ = side.entries.row(3)["id"]
        found = search.like(id_, 5)
        assert len(found) == 5
        assert id_ not in [hit.id for hit in found]
        assert {hit.kind for hit in found} == {kind}


def test_a_title_alone_or_ingredients_alone_are_a_query(search):
    """Words find recipes; a part of a recipe finds photos."""
    assert len(search.text("tomato soup", 3)) == 3
    assert len(search.recipe(RecipeText("q", "", ("2 tomatoes", "salt"), ()), 3)) == 3
    with pytest.raises(QueryError, match="expected words"):
        search.text("  ")


def test_a_search_is_restricted_to_what_is_wanted(search):
    """By partition, category and ingredients, for recipes and for photos."""
    category = search.index.categories[0]
    wanted = Filters(partitions=("train",), categories=(category,))
    for hit in search.text("tomato", 50, wanted=wanted):
        assert (hit.partition, hit.category) == ("train", category)
    for find in ("recipes", "photos"):
        with_salt = search.text("tomato", 300, find=find, wanted=Filters(ingredients=("salt",)))
        without = search.text("tomato", 300, find=find, wanted=Filters(no_ingredients=("salt",)))
        assert with_salt
        assert without
        assert all("salt" in " ".join(hit.ingredients).lower() for hit in with_salt)
        assert not any("salt" in " ".join(hit.ingredients).lower().split() for hit in without)
    with pytest.raises(FilterError, match="no such category"):
        search.text("tomato", wanted=Filters(categories=("nothing",)))


def test_the_package_offers_the_search(cookbook, trained, indexed, tmp_path):
    """The five lines of the quick start."""
    photo = io.BytesIO()
    Image.new("RGB", (80, 60), "orange").save(photo, "PNG")
    search = seje_ray.Searcher.open(cookbook.folder, run=trained.folder.name)
    (tmp_path / "dinner.png").write_bytes(photo.getvalue())
    found = search.photo(tmp_path / "dinner.png", count=3)
    by_mean = search.photo([photo.getvalue()] * 2, count=3)
    assert [hit.id for hit in by_mean] == [hit.id for hit in found]
    assert search.index.entry("recipes", found[0].id)["title"] == found[0].title
    with pytest.raises(QueryError, match="missing_file"):
        search.photo(tmp_path / "nothing.jpg")
