"""Counts of categories, and the terms that tell them apart."""

import pytest

from seje_ray.report.term_tally import TermTally


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
