"""The picture of a learning curve can be read."""

import pytest

from benchmarks.curve_plot import spread_out


def test_names_of_close_curves_stand_apart_and_others_stay():
    """41 and 42 are moved by half of what they lack of 3; 30 is far enough away."""
    assert spread_out([30.0, 41.0, 42.0], 3.0) == [30.0, 40.0, 43.0]
    assert spread_out([5.0], 3.0) == [5.0]
    assert spread_out([], 3.0) == []


def test_many_equal_curves_are_fanned_out():
    moved = spread_out([10.0] * 3, 2.0)
    assert moved == pytest.approx([8.0, 10.0, 12.0], abs=0.6)
    assert moved == sorted(moved)
