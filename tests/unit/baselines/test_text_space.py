"""Texts as vectors: unit rows, near where the words are, and none where there are none."""

import numpy as np
import pytest

from seje_ray.baselines.text_space import TextSpace, weighted_text

TEXTS = ["apple cake sugar", "apple pie sugar", "beef stew onion", "beef onion roast", "apple beef"]


def test_texts_of_the_same_words_are_near():
    """Two cakes of apples are nearer to each other than to beef."""
    space = TextSpace.fit(TEXTS, max_dim=3, seed=0)
    cake, pie, beef = space.embed(["apple sugar", "sugar apple", "beef onion"])
    assert cake @ pie > 0.99
    assert cake @ beef < 0.5
    assert np.linalg.norm(cake) == pytest.approx(1)


def test_a_text_of_unknown_words_is_zeros():
    """No direction is made up for it."""
    assert not TextSpace.fit(TEXTS, max_dim=3, seed=0).embed(["zucchini", ""]).any()


def test_dimensions_are_as_many_as_the_texts_have_at_most():
    """Four terms are shared by two texts or more: apple, beef, onion, sugar."""
    assert TextSpace.fit(TEXTS, max_dim=512, seed=0).embed(TEXTS).shape[1] == 3


@pytest.mark.parametrize("texts", [["", "", ""], ["one", "two", "three"], ["salt", "salt", "salt"]])
def test_texts_without_shared_words_are_refused(texts):
    """Nothing to decompose; a single term has no second dimension."""
    with pytest.raises(ValueError, match=r"terms|vocabulary|prun"):
        TextSpace.fit(texts, max_dim=4, seed=0)


def test_the_title_counts_thrice():
    """Beside each line once."""
    assert weighted_text("Soup", ["salt"], ["boil"]).split() == ["Soup"] * 3 + ["salt", "boil"]
