"""All text features of a recipe, fitted on a small corpus."""

import math

import numpy as np
import pytest

from seje_ray.calibration.calibrator import FittedText, TextCalibrator, fit_text
from seje_ray.calibration.key_terms import ContentWords, NoActions
from seje_ray.calibration.term_tagger import DetIngrsTagger
from seje_ray.calibration.word_vectors import WordVectors

SETTINGS = {"num_bigrams": 10, "max_bigram_categories": 10, "min_members": 4, "food101": True}
VECTORS = WordVectors(["soy_sauce", "eggs"], np.asarray([[1.0, 0.0], [0.0, 1.0]], np.float32))


def calibrator_of(fitted, vectors=VECTORS, normalisation="weighted_mean", actions=None):
    tagger = DetIngrsTagger(fitted.reexaminer)
    return TextCalibrator(
        fitted.categories, vectors, tagger, actions or NoActions(), fitted.tfidf, normalisation
    )


def test_features_by_hand(corpus, make_recipe):
    """Of 40 train recipes 20 name soy sauce and eggs, 21 spring onions: 20 of them rescued."""
    fitted = fit_text(corpus, **SETTINGS)
    recipe = make_recipe(
        "Best Fried Rice",
        ["soy sauce", "!some eggs, beaten", "!whatever you like", "spring onions", "soy sauce"],
        ["Add soy sauce.", "Stir in soy sauce and eggs."],
    )

    [features] = calibrator_of(fitted, normalisation="sum").features([recipe])

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

    [features] = calibrator_of(fitted, nothing).features([make_recipe("", [], [])])

    assert features.key_terms == features.key_term_scores == []
    assert features.key_term_vector.tolist() == [0, 0, 0]
    assert (features.category_id, features.category_source) == (0, "background")


def test_entities_of_other_partitions_are_known_only_where_asked_for(corpus, make_recipe):
    test_recipe = make_recipe("Test", ["smoked eel"], [])
    recipe = make_recipe("Query", ["!200 g smoked eel"], [])

    inductive = fit_text(corpus, **SETTINGS)
    transductive = fit_text(corpus, **SETTINGS, known_entities=[*corpus, test_recipe])

    assert inductive.reexaminer.match(recipe.ingredients[0]) is None
    assert transductive.reexaminer.match(recipe.ingredients[0]) == "smoked_eel"
    assert inductive.tfidf == transductive.tfidf  # counts stay those of train


def test_fitting_reports_every_recipe_read(corpus):
    told = []

    fit_text(corpus, **SETTINGS, progress=lambda done, total, text: told.append((done, total)))

    assert told[-1] == (80, 80)


def test_the_fitted_text_survives_the_disk(corpus, tmp_path):
    fitted = fit_text(corpus, **SETTINGS)
    fitted.save(tmp_path)

    assert FittedText.load(tmp_path) == fitted


def test_a_recipe_has_the_same_features_alone_and_among_others(corpus):
    calibrator = calibrator_of(fit_text(corpus, **SETTINGS), actions=ContentWords())

    together = calibrator.features(corpus)

    assert len(together) == len(corpus)
    for recipe, features in zip(corpus, together, strict=True):
        [alone] = calibrator.features([recipe])
        assert alone.key_term_vector.tobytes() == features.key_term_vector.tobytes()
        assert (alone.key_terms, alone.key_term_scores) == (
            features.key_terms,
            features.key_term_scores,
        )


def test_fitting_twice_gives_the_same_bytes(corpus, tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        fit_text(corpus, **SETTINGS).save(tmp_path / name)

    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()
