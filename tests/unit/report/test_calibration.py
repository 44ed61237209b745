"""The page of a calibration."""

import numpy as np

from seje_ray.calibration.word_vectors import WordVectors
from seje_ray.report.calibration import nearest_words
from seje_ray.report.plots import category_terms, fitting_curves


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
