"""The page of a calibration."""

import numpy as np
import pytest

from seje_ray.calibration.word_vectors import WordVectors
from seje_ray.report.calibration import TermTally, nearest_words
from seje_ray.report.plots import category_terms, fitting_curves


def test_distinctive_terms_are_those_a_category_has_more_of():
    """Two soups, two cakes; scores are shares within a recipe.

    Soup's mean shares: water 3/4 and 1/2 of one recipe each -> 0.625, salt 0.375. Over all four
    recipes water has (0.75 + 0.5) / 4 = 0.3125, salt (0.25 + 0.5 + 0.2) / 4 = 0.2375.
    """
    tally = TermTally()
    tally.add(1, "bigram", ["water", "salt"], [3.0, 1.0])
    tally.add(1, "bigram", ["water", "salt"], [2.0, 2.0])
    tally.add(2, "food101", ["flour", "salt"], [4.0, 1.0])
    tally.add(2, "bigram", ["flour"], [7.0])

    soup = tally.distinctive(1, 5)

    assert list(soup) == ["water", "salt"]
    assert soup["water"] == pytest.approx(100 * (0.625 - 0.3125))
    assert soup["salt"] == pytest.approx(100 * (0.375 - 0.2375))
    assert list(tally.distinctive(2, 1)) == ["flour"]
    assert tally.sizes == {1: 2, 2: 2}
    assert tally.sources == {"bigram": 3, "food101": 1}


def test_scores_of_zero_say_nothing_and_break_nothing():
    """A recipe whose terms all have score 0, and one without a term."""
    tally = TermTally()
    tally.add(1, "bigram", ["water"], [0.0])
    tally.add(1, "bigram", [], [])

    assert tally.distinctive(1, 3) == {"water": 0.0}


def test_nearest_words_are_by_cosine_of_frequent_entities_only():
    """Lengths do not count, and a word is no neighbour of itself."""
    angles = np.radians([0, 10, 30, 90])
    lengths = np.array([[1.0], [9.0], [0.5], [1.0]])
    matrix = lengths * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    words = WordVectors(["salt", "pepper", "sugar", "pan"], matrix)

    found = nearest_words(words, {"pepper": 2, "salt": 5, "gold_leaf": 90})

    assert found == [
        ("salt", ["pepper", "sugar", "pan"]),
        ("pepper", ["salt", "sugar", "pan"]),
    ]


def test_without_words_or_categories_there_is_still_a_page():
    assert nearest_words(WordVectors((), np.zeros((0, 4))), {"salt": 1}) == []
    assert "<svg" in category_terms({})
    assert "<svg" in fitting_curves({"image categorizer": []})
