"""All text features of a recipe, fitted on a small corpus."""

import math

import numpy as np
import pytest

from seje_ray.calibration.calibrator import FittedText, TextCalibrator, fit_text
from seje_ray.calibration.word_vectors import WordVectors

SETTINGS = {"num_bigrams": 10, "max_bigram_categories": 10, "min_members": 4, "food101": True}
VECTORS = WordVectors(["soy_sauce", "eggs"], np.asarray([[1.0, 0.0], [0.0, 1.0]], np.float32))


def test_features_by_hand(corpus, make_recipe):
    """Of 40 train recipes 20 name soy sauce and eggs, 21 spring onions: 20 of them rescued."""
    fitted = fit_text(corpus, **SETTINGS)
    recipe = make_recipe(
        "Best Fried Rice",
        ["soy sauce", "!some eggs, beaten", "!whatever you like", "spring onions", "soy sauce"],
        ["Add soy sauce.", "Stir in soy sauce and eggs."],
    )

    features = TextCalibrator(fitted, VECTORS, "sum").features(recipe)

    soy_sauce = 2 * (math.log(41 / 21) + 1)  # named twice in the text
    eggs = math.log(41 / 21) + 1
    onions = math.log(41 / 22) + 1
    assert features.key_terms == ["soy_sauce", "eggs", "spring_onions"]
    assert features.key_term_scores == pytest.approx([soy_sauce, eggs, onions])
    assert features.key_term_vector == pytest.approx(np.asarray([soy_sauce, eggs]))
    assert features.num_missing_terms == 1  # spring_onions
    assert (features.num_rescued_lines, features.num_unknown_lines) == (1, 1)
    # Both dishes' bigrams have 20 titles; alphabet puts "chocolate cake" first.
    assert fitted.categories.names == ("background", "chocolate cake", "fried rice")
    assert (features.category_id, features.category_source) == (2, "bigram")


def test_features_of_a_recipe_without_anything_are_zero(make_recipe):
    fitted = fit_text([], **SETTINGS)
    nothing = WordVectors((), np.zeros((0, 3), np.float32))

    features = TextCalibrator(fitted, nothing).features(make_recipe("", [], []))

    assert features.key_terms == features.key_term_scores == []
    assert features.key_term_vector.tolist() == [0, 0, 0]
    assert (features.category_id, features.category_source) == (0, "background")


def test_entities_of_other_partitions_are_known_only_where_asked_for(corpus, make_recipe):
    test_recipe = make_recipe("Test", ["smoked eel"], [])
    recipe = make_recipe("Query", ["!200 g smoked eel"], [])

    inductive = fit_text(corpus, **SETTINGS)
    transductive = fit_text(corpus, **SETTINGS, known_entities=[*corpus, test_recipe])

    assert inductive.tagger.tag(recipe).entities == (None,)
    assert transductive.tagger.tag(recipe).entities == ("smoked_eel",)
    assert inductive.rater == transductive.rater  # counts stay those of train


def test_fitting_reports_every_recipe_read(corpus):
    told = []

    fit_text(corpus, **SETTINGS, progress=lambda done, total, text: told.append((done, total)))

    assert told[-1] == (80, 80)


def test_the_fitted_text_survives_the_disk(corpus, tmp_path):
    fitted = fit_text(corpus, **SETTINGS)
    fitted.save(tmp_path)
    VECTORS.save(tmp_path)

    loaded = TextCalibrator.load(tmp_path, tmp_path, "l2")

    assert loaded.text == fitted == FittedText.load(tmp_path)
    for recipe in corpus[:2]:
        found = loaded.features(recipe)
        expected = TextCalibrator(fitted, VECTORS, "l2").features(recipe)
        assert found.key_term_vector.tobytes() == expected.key_term_vector.tobytes()
        assert found.key_term_scores == expected.key_term_scores


def test_fitting_twice_gives_the_same_bytes(corpus, tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        fit_text(corpus, **SETTINGS).save(tmp_path / name)

    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()
