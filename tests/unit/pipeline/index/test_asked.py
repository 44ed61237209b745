"""The command ``search``: queries together, arithmetic, reasons, pictures, and what is printed."""

import io
import json

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from seje_ray.cli.main import cli
from seje_ray.errors import ArtifactError
from seje_ray.features.encoder import QueryError
from seje_ray.features.occlusion import PARTS, heat_picture, occluded_embeddings
from seje_ray.pipeline.index.asked import Asked, searches
from seje_ray.pipeline.index.page import write_page
from seje_ray.pipeline.index.ready import ready_searcher
from seje_ray.pipeline.runs import TrainedRun
from seje_ray.retrieval.index.arithmetic import TermError, direction, term_mean
from seje_ray.retrieval.index.why import why
from tests.unit.pipeline.locally import EXECUTOR, copied, rows_of


@pytest.fixture(scope="module")
def photo(cookbook, tmp_path_factory):
    """A photo of the cookbook as a file, and its recipe's id."""
    recipe = next(r for r in rows_of(cookbook.open_recipes()) if r["images"])
    path = tmp_path_factory.mktemp("photo") / "dinner.jpg"
    path.write_bytes(recipe["images"][0]["jpeg"])
    return path, recipe["id"]


def test_without_a_query_a_pair_is_searched_both_ways(search):
    """Its own photo and recipe are marked where they are found."""
    by_photo, by_recipe = searches(search, Asked(), 200)
    assert (by_photo.what, by_recipe.what) == ("recipes", "photos")
    for found in (by_photo, by_recipe):
        own = [hit.recipe for hit in found.hits if why(found.query, hit).is_match]
        assert set(own) == {found.query.recipe}


def test_queries_of_several_kinds_are_their_mean(search, photo):
    """A photo and words look for recipes; a recipe alone for photos; both as is said."""
    path, recipe_id = photo
    [found] = searches(search, Asked(images=(path,), text="tomato"), 3)
    parts = [search.photo_query(path).vector, search.text_query("tomato").vector]
    np.testing.assert_allclose(found.query.vector, direction(np.mean(parts, axis=0)), atol=1e-6)
    assert found.what == "recipes"
    assert searches(search, Asked(recipe=recipe_id), 3)[0].what == "photos"
    assert searches(search, Asked(recipe=recipe_id, find="recipes"), 3)[0].what == "recipes"


def test_plus_and_minus_are_means_of_what_is_indexed(search):
    """A category; else a key term; else a title's words; else an error that names some."""
    side, category = search.index.side("recipes"), search.index.categories[0]
    rows = [n for n in range(len(side)) if side.entries.row(n)["category"] == category]
    expected = direction(side.vectors[rows].mean(axis=0))
    np.testing.assert_allclose(
        term_mean(search.index, category.upper(), "recipes"), expected, atol=1e-6
    )
    term = side.entries.row(0)["key_terms"][0]
    has = [n for n in range(len(side)) if term in side.entries.row(n)["key_terms"]]
    np.testing.assert_allclose(
        term_mean(search.index, term, "recipes"),
        direction(side.vectors[has].mean(axis=0)),
        atol=1e-6,
    )
    query = search.text_query("tomato")
    [found] = searches(search, Asked(text="tomato", plus=(category,), minus=(term,)), 3)
    moved = query.vector + expected - direction(side.vectors[has].mean(axis=0))
    np.testing.assert_allclose(found.query.vector, direction(moved), atol=1e-6)
    with pytest.raises(TermError, match="neither a category nor a key term"):
        searches(search, Asked(text="tomato", plus=("qqqq",)), 3)


def test_a_result_says_what_it_shares_with_the_query(search, photo):
    """Key terms of both in the query's order, the category, and what the photo looks like."""
    path, recipe_id = photo
    query = search.recipe_query(recipe_id)
    for hit in search.find(query, "recipes", 10):
        reasons = why(query, hit)
        assert list(reasons.key_terms) == [t for t in query.key_terms if t in hit.key_terms]
        assert reasons.category == (query.category if hit.category == query.category else "")
    by_photo = search.photo_query(path)
    scores = dict(by_photo.seen)
    for hit in search.find(by_photo, "recipes", 10):
        seen = why(by_photo, hit).seen
        assert seen == ((hit.category, scores[hit.category]) if hit.category in scores else None)


def test_a_heat_map_is_hot_where_hiding_costs_most(search, photo):
    """A part whose loss lowers the similarity is red; elsewhere the photo stays."""
    path, _ = photo
    [found] = searches(search, Asked(images=(path,), heat_map=True), 2)
    assert set(found.pictures) == {1, 2}
    hidden = occluded_embeddings(search.encoder, found.photo)
    assert hidden.shape == (PARTS, PARTS, search.encoder.embedding_dim)
    grey = io.BytesIO()
    Image.new("RGB", (70, 70), (90, 90, 90)).save(grey, "JPEG")
    heat = np.zeros((PARTS, PARTS))
    heat[1, 5] = 0.3
    red = np.asarray(Image.open(io.BytesIO(heat_picture(grey.getvalue(), heat))))[..., 0]
    assert np.unravel_index(red.argmax(), red.shape)[0] // 10 == 1
    assert np.unravel_index(red.argmax(), red.shape)[1] // 10 == 5
    assert abs(int(red[60, 5]) - 90) < 8
    with pytest.raises(QueryError, match="expected a photo"):
        searches(search, Asked(text="tomato", heat_map=True), 2)


def test_the_page_holds_pictures_and_reasons(search, photo, tmp_path):
    """Of the query and of each result."""
    path, _ = photo
    found = searches(search, Asked(images=(path,)), 3) + searches(
        search, Asked(text="tomato, <b>"), 3
    )
    write_page(tmp_path / "search.html", search, found)
    page = (tmp_path / "search.html").read_text()
    assert page.count("data:image/jpeg") >= 4
    assert "Recipes for a photo" in page
    assert "Recipes for words" in page
    assert "<b></b>" not in page


def test_the_command_prints_a_table_and_json(cookbook, trained, search, photo):
    """The index that is there is used as it is."""
    common = ["search", "--workspace", str(cookbook.folder), "--run", trained.folder.name]
    shown = CliRunner().invoke(cli, [*common, "--image", str(photo[0]), "--results", "3", "--why"])
    assert shown.exit_code == 0, shown.output
    assert "recipes for" in shown.stdout
    made = CliRunner().invoke(
        cli, [*common, "--text", "tomato soup", "--without", "salt", "--json"]
    )
    assert made.exit_code == 0, made.output
    [found] = json.loads(made.stdout)
    assert found["query"] == "tomato soup"
    assert len(found["results"]) == 5
    assert {"rank", "similarity", "id", "title", "why", "is_match"} <= set(found["results"][0])
    broken = CliRunner().invoke(cli, [*common, "--like", "nobody"])
    assert broken.exit_code == 1
    assert "Error: --like nobody: neither a recipe nor a photo" in broken.stderr


def test_a_search_without_an_index_makes_it(cookbook, trained, search):
    """Of a small collection; what is there already is opened."""
    again = ready_searcher(trained, cookbook, lambda: EXECUTOR)
    assert len(again.index.side("recipes")) == len(search.index.side("recipes"))


def test_a_search_leaves_a_broken_index_alone(cookbook, trained, search, tmp_path):
    """One error that says what to run; nothing is embedded or written."""
    parts = ("recipes", "calibrator", "calibrated", "runs", "index")
    own = copied(cookbook, tmp_path / "own", *parts)
    path = own.index(trained.folder.name, "recipes") / "vectors.npy"
    path.write_bytes(path.read_bytes()[:-100])
    before = path.read_bytes()

    with pytest.raises(ArtifactError, match=r"cut off .*run `seje-ray index --replace`"):
        ready_searcher(TrainedRun.read(own.run(trained.folder.name)), own, _not_to_be_called)
    assert path.read_bytes() == before


def _not_to_be_called():
    raise AssertionError("nothing is to be made")
