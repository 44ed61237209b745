"""Rows of a table by hand, and a learning curve as a picture."""

from dataclasses import asdict

import click
import pytest

from benchmarks.curve_plot import draw_curve
from benchmarks.real_photos import KEYS, Measured, Row, half_interval, read_kept, table
from seje_ray.artifact import write_json


def measured(value: float, seconds: float | None = 60.0) -> Measured:
    """One seed, all of whose numbers are ``value``."""
    lines = dict.fromkeys(("ours", "category oracle", "chance"), dict.fromkeys(KEYS, value))
    return Measured(seconds, 1000, 10, lines)


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


def test_a_training_that_was_there_already_tells_nothing_of_its_time():
    """The mean is of the others; of none it is not known."""
    for seconds, expected in (([60.0, None], "60"), ([None, None], "not known")):
        text = table({"ours": [measured(0.5, one) for one in seconds]})
        row = next(line for line in text.splitlines() if line.startswith("| ours"))
        assert row.endswith(f"| {expected} |")


def test_a_kept_result_of_another_run_or_other_data_is_refused(tmp_path):
    """And one that does not say what it is of."""
    path, made_of = tmp_path / "ours-0-test.json", {"calibrated": "data", "run": {"seed": 0}}
    write_json(path, asdict(measured(0.5)) | {"made_of": made_of})
    assert read_kept(path, made_of) == measured(0.5)
    with pytest.raises(click.ClickException, match="kept from another run; delete it"):
        read_kept(path, made_of | {"run": {"seed": 1}})
    write_json(path, asdict(measured(0.5)))
    with pytest.raises(click.ClickException, match="another calibrated, run"):
        read_kept(path, made_of)


def test_a_row_is_read_with_its_settings():
    """Both kinds."""
    assert Row.of({"name": "a", "set": ["x=1"]}) == Row("a", settings=("x=1",))
    assert Row.of({"name": "b", "baseline": "ridge"}).baseline == "ridge"


def test_a_learning_curve_is_a_picture(tmp_path):
    """Two methods, one with several seeds."""
    path = tmp_path / "curve.png"
    draw_curve({"ours": {100: [10.0, 12.0], 3000: [40.0, 41.0]}, "ridge": {100: [11.0]}}, path)
    assert path.read_bytes().startswith(b"\x89PNG")
