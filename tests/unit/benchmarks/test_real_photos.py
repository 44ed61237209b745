"""Rows of a table by hand, and a learning curve as a picture."""

import pytest

from benchmarks.curve_plot import draw_curve
from benchmarks.real_photos import KEYS, Measured, Row, half_interval, table


def measured(value: float) -> Measured:
    """One seed, all of whose numbers are ``value``."""
    lines = dict.fromkeys(("ours", "category oracle", "chance"), dict.fromkeys(KEYS, value))
    return Measured(60.0, 1000, 10, lines)


def test_the_interval_of_three_seeds_is_students():
    """1, 2, 3: deviation 1, error 1 / sqrt(3), t of two degrees of freedom 4.303."""
    assert half_interval([1.0, 2.0, 3.0]) == pytest.approx(4.3027 / 3**0.5, rel=1e-4)
    assert half_interval([1.0]) == 0


def test_a_row_has_the_mean_of_its_seeds_and_controls_have_no_interval():
    """Ranks as they are, recalls in %, equal seeds without an interval."""
    text = table({"ours": [measured(0.5), measured(0.5)]})
    row = next(line for line in text.splitlines() if line.startswith("| ours"))
    assert row == "| ours | 0.5 | 50.0 | 50.0 | 50.0 | 0.5 | 50.0 | 50.0 | 50.0 | 60 |"
    assert text.splitlines()[-1].startswith("| chance | 0.5 | 50.0")
    assert len({line.count("|") for line in text.splitlines()}) == 1


def test_a_row_is_read_with_its_settings():
    """Both kinds."""
    assert Row.of({"name": "a", "set": ["x=1"]}) == Row("a", settings=("x=1",))
    assert Row.of({"name": "b", "baseline": "ridge"}).baseline == "ridge"


def test_a_learning_curve_is_a_picture(tmp_path):
    """Two methods, one with several seeds."""
    path = tmp_path / "curve.png"
    draw_curve({"ours": {100: [10.0, 12.0], 3000: [40.0, 41.0]}, "ridge": {100: [11.0]}}, path)
    assert path.read_bytes().startswith(b"\x89PNG")
