"""Order statistics and histograms from counts of lengths."""

from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from seje_ray.audit.lengths import MAX_BINS, distribution


def test_by_hand():
    """1 1 2 5: median 1.5; 90 % of four are reached by the fourth."""
    found = distribution("words", Counter({1: 2, 2: 1, 5: 1}))
    assert (found.minimum, found.median, found.p90, found.maximum) == (1, 1.5, 5, 5)
    assert found.bins == ((1, 1, 2), (2, 2, 1), (3, 3, 0), (4, 4, 0), (5, 5, 1))


def test_a_long_tail_lies_in_the_last_bin():
    """99 recipes of length 1 to 3 and one of 5,000: the histogram still shows the 99."""
    found = distribution("words", Counter({1: 40, 2: 40, 3: 19, 5000: 1}))
    assert found.bins == ((1, 1, 40), (2, 2, 40), (3, 5000, 20))


def test_nothing_has_no_distribution():
    """An empty data set."""
    assert distribution("words", Counter()) is None


@given(st.lists(st.integers(0, 300), min_size=1, max_size=60))
def test_equals_numpy_and_every_recipe_is_in_one_bin(lengths):
    """Median and 90 % as numpy has them; bins touch, and hold what lies in them."""
    found = distribution("words", Counter(lengths))
    assert found.median == np.median(lengths)
    assert found.p90 == np.quantile(lengths, 0.9, method="inverted_cdf")
    assert len(found.bins) <= MAX_BINS
    for low, high, number in found.bins:
        assert number == sum(low <= length <= high for length in lengths)
    assert sum(number for _, _, number in found.bins) == len(lengths)
