"""Parts of a run's page, by hand: groups of lines, categories, differing settings, the map."""

import numpy as np
import pytest

from seje_ray.config import load_run, named_run_file
from seje_ray.report.by_category import category_lines, confusion_of, nearest_rows
from seje_ray.report.embedding_map import embedding_map, mapped
from seje_ray.report.gallery_curve import by_gallery_size
from seje_ray.report.measured_lines import metric_table
from seje_ray.report.panels import round_ticks
from seje_ray.report.published import PUBLISHED, PUBLISHED_COLUMNS
from seje_ray.report.settings_beside import preset_beside, settings_beside
from seje_ray.retrieval.embeddings import Embeddings


def embeddings_of(images, recipes, categories):
    """Pairs with numbers as ids."""
    ids = tuple(str(number) for number in range(len(images)))
    rows = [np.asarray(matrix, np.float32) for matrix in (images, recipes)]
    return Embeddings(ids, ids, ids, np.asarray(categories, np.int32), *rows)


def line(name, value):
    """A line with one recall."""
    keys = [f"recall_at_1/{way}" for way in ("image_to_recipe", "recipe_to_image")]
    return {"name": name, "means": dict.fromkeys(keys, value), "deviations": dict.fromkeys(keys, 0)}


def test_baselines_stand_between_the_model_and_the_controls():
    """What is neither the first line nor a control was measured as a baseline."""
    lines = [line("model", 0.5), line("cca (seed 2)", 0.25), line("chance", 0.125)]
    table = metric_table({"gallery_size": 2000, "num_repeats": 1, "lines": lines})
    assert table["drawn"] == "one gallery of 2,000 pairs"
    assert table["metrics"] == ["R@1"]
    assert [(name, rows) for name, rows in table["groups"]] == [
        ("model", [("model", ["50.0", "50.0"])]),
        ("baselines, measured on these data", [("cca (seed 2)", ["25.0", "25.0"])]),
        ("controls", [("chance", ["12.5", "12.5"])]),
    ]


def test_a_line_that_an_older_version_measured_has_gaps():
    """A new metric of the model is not made up for a baseline that lacks it."""
    new = line("model", 0.5)
    new["means"] |= {f"mean_reciprocal_rank/{k.split('/')[1]}": 0.5 for k in list(new["means"])}
    new["deviations"] = dict.fromkeys(new["means"], 0.01)
    table = metric_table({"gallery_size": 9, "num_repeats": 3, "lines": [new, line("cca", 0.25)]})
    assert table["metrics"] == ["R@1", "MRR"]
    assert table["groups"][0][1][0][1][:2] == ["50.0 ±1.0", "50.0 ±1.0"]
    assert table["groups"][1][1][0][1] == ["25.0 ±0.0", "-", "25.0 ±0.0", "-"]


def test_the_sum_of_recalls_stands_once_behind_both_directions():
    """In %, as the recalls are; reports of older versions have no such column."""
    new = line("model", 0.5)
    new["means"]["recall_sum"], new["deviations"]["recall_sum"] = 1.0, 0.0
    gallery = {"gallery_size": 9, "num_repeats": 1, "lines": [new, line("cca", 0.25)]}
    table = metric_table(gallery)
    assert table["of_both"] == ["R-sum"]
    assert table["groups"][0][1] == [("model", ["50.0", "50.0", "100.0"])]
    assert table["groups"][1][1] == [("cca", ["25.0", "25.0", "-"])]
    assert metric_table({**gallery, "lines": gallery["lines"][1:]})["of_both"] == []


def test_categories_of_what_is_found_first():
    """Photo 0 finds recipe 1, photo 1 recipe 0, photo 2 its own; 0 and 1 are of one category."""
    images = np.eye(3)
    recipes = np.eye(3)[[1, 0, 2]]
    embeddings = embeddings_of(images, recipes, [1, 1, 2])
    nearest = nearest_rows(
        embeddings.image_embeddings, embeddings.recipe_embeddings, 1, block_size=2
    )
    assert nearest.tolist() == [[1], [0], [2]]

    confusion = confusion_of(nearest, embeddings.category_ids, 4)
    expected = np.zeros((4, 4), int)
    expected[1, 1], expected[2, 2] = 2, 1
    np.testing.assert_array_equal(confusion.counts, expected)
    assert confusion.num_in_top_5 == 3

    soup, pie = category_lines(nearest, embeddings, ["background", "soup", "pie", "none"])
    assert (soup.name, soup.num_pairs, soup.recall_at_1, soup.share_same) == ("soup", 2, 0, 1)
    assert (pie.name, pie.num_pairs, pie.recall_at_1, pie.recall_at_10) == ("pie", 1, 1, 1)


def test_only_settings_that_differ_are_told(tmp_path):
    """A run of a packaged name stands beside that, another one beside the paper's settings."""
    run = load_run(named_run_file("demo"), ["loss.soft_margin.margin=0.7", "seed=3"])
    name, preset = preset_beside(run, tmp_path / "run.yaml")
    assert name == "demo"
    assert settings_beside(preset, preset) == []
    found = {key: (before, now) for key, before, now in settings_beside(preset, run)}
    assert found.keys() == {"loss.soft_margin.margin", "seed"}
    assert found["seed"] == ("0", "3")
    own = load_run(named_run_file("demo"), ["name=mine"])
    assert preset_beside(own, tmp_path / "run.yaml")[0] == "seje"


def test_the_map_lays_equal_pairs_together_and_needs_five():
    """Photos that equal their recipes but for a gap between the sides are mapped onto them."""
    rows = np.random.default_rng(0).normal(size=(12, 6))
    points = mapped(rows, rows + 5.0, seed=0)
    assert points.shape == (24, 2)
    apart = np.linalg.norm(points[:12] - points[12:], axis=1)
    assert apart.max() < np.linalg.norm(points[:12] - points[12:].mean(axis=0), axis=1).max()

    names = ["background", "soup $x^", "pie"]
    few = embeddings_of(rows[:4], rows[:4], [0, 1, 1, 2])
    assert embedding_map(few, names, seed=0) is None
    many = embeddings_of(rows, rows, [0, 1, 2] * 4)
    picture = embedding_map(many, names, seed=0)
    assert picture is not None
    assert "soup $x^" in picture
    assert picture == embedding_map(many, names, seed=0)


def test_larger_galleries_end_with_one_of_all_pairs():
    """A perfect model has MedR 1 in each."""
    rows = np.eye(25)
    results = by_gallery_size(embeddings_of(rows, rows, [0] * 25), seed=0)
    assert [(one.gallery_size, one.num_repeats) for one in results] == [(10, 10), (20, 10), (25, 1)]
    models, chances = zip(*(one.lines for one in results), strict=True)
    assert {line.means["median_rank/image_to_recipe"] for line in models} == {1.0}
    assert [line.means["median_rank/image_to_recipe"] for line in chances] == [5.5, 10.5, 13.0]


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(1, 12, [1, 2, 5, 10]), (3, 4, [3, 4]), (1, 2000, [1, 10, 100, 1000])],
)
def test_ticks_are_round_and_few(low, high, expected):
    assert round_ticks(low, high) == expected


def test_published_numbers_have_a_cell_for_each_column():
    for row in PUBLISHED:
        assert len(row) == 1 + len(PUBLISHED_COLUMNS)
