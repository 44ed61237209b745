"""TextRank scores."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seje_ray.calibration.raters.textrank import TextRankRater

TOKENS = st.lists(st.sampled_from(["a", "b", "c", "d", "x", "y"]), max_size=25)


def test_a_chain_of_three_by_hand():
    """b stands beside a and c, which never meet: with d = 1/2 and S = a = c,

    S = 1/6 + 1/2 * b / 2 and b = 1/6 + 1/2 * (S + S), so b = 4/9 and S = 5/18.
    """
    tokens = ["a", "b", "x", "x", "b", "c"]

    scores = TextRankRater(window=2, damping=0.5).rate(["a", "b", "c"], tokens)

    assert scores == pytest.approx([5 / 18, 4 / 9, 5 / 18])


def test_neighbours_count_as_often_as_they_meet():
    """a meets b three times and c once: of a's score 3/4 goes to b and 1/4 to c.

    With d = 1/2: a = 1/6 + (b + c) / 2, b = 1/6 + 3a / 8, c = 1/6 + a / 8; so a = 4/9.
    """
    tokens = ["a", "b", "x", "b", "a", "x", "a", "b", "x", "x", "c", "a"]

    scores = TextRankRater(window=2, damping=0.5).rate(["a", "b", "c"], tokens)

    assert scores == pytest.approx([4 / 9, 1 / 6 + 3 / 8 * 4 / 9, 1 / 6 + 1 / 8 * 4 / 9])


def test_a_window_of_five_holds_five_tokens():
    rater = TextRankRater()
    near, far = (rater.rate(["a", "b"], ["a", *["x"] * n, "b"]) for n in (3, 4))

    assert near == pytest.approx([0.5, 0.5])
    assert far == pytest.approx([0.075, 0.075])


def test_a_term_that_the_text_never_names_keeps_its_base_share():
    scores = TextRankRater().rate(["a", "b", "saffron"], ["a", "b"])

    assert scores == pytest.approx([1 / 3, 1 / 3, 0.05])


def test_no_terms_no_scores():
    assert TextRankRater().rate([], ["a"]) == []
    assert TextRankRater().rate_all([([], []), (["a"], [])]) == [[], pytest.approx([0.15])]


@given(tokens=TOKENS, seed=st.integers(0, 99))
def test_scores_equal_those_of_a_walk(tokens, seed):
    """A plain twin: every pair of places, then the equation repeated until nothing moves."""
    terms = ["a", "b", "c", "d"]
    weights = np.zeros((4, 4))
    for i, first in enumerate(tokens):
        for j, second in enumerate(tokens):
            if i < j < i + 5 and first != second and first in terms and second in terms:
                weights[terms.index(first), terms.index(second)] += 1
                weights[terms.index(second), terms.index(first)] += 1
    scores = np.full(4, 0.25)
    for _ in range(200):
        scores = np.array(
            [
                0.0375
                + 0.85
                * sum(w[n] / w.sum() * s for w, s in zip(weights, scores, strict=True) if w.sum())
                for n in range(4)
            ]
        )
    order = np.random.default_rng(seed).permutation(4)

    found = TextRankRater().rate([terms[n] for n in order], tokens)

    np.testing.assert_allclose(found, scores[order], atol=1e-9)
