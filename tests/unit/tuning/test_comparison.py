"""Differences between settings, paired by seed, with the doubt that three seeds leave."""

import math

import pytest

from seje_ray.tuning.comparison import (
    Row,
    as_markdown,
    as_text,
    cell,
    gain,
    gain_cell,
    header,
    spread,
    table,
    verdict,
)

METRIC = "test/selection_score"
KEYS = [
    f"{metric}/{direction}"
    for metric in ("median_rank", "recall_at_1", "recall_at_10")
    for direction in ("image_to_recipe", "recipe_to_image")
]


def row(name, *scores):
    measured = {
        seed: {METRIC: score} | {f"test/{key}": 0.5 for key in KEYS}
        for seed, score in enumerate(scores)
    }
    return Row(name, measured)


def test_mean_and_deviation_by_hand():
    """1, 2, 3: mean 2, deviation of a sample 1."""
    found = spread(row("a", 1.0, 2.0, 3.0), METRIC)
    assert (found.mean, found.deviation, found.count) == (2.0, 1.0, 3)
    assert math.isnan(spread(row("a", 1.0), METRIC).deviation)
    assert spread(Row("a", {}), METRIC) is None


def test_a_paired_difference_by_hand():
    """Differences 1, 2, 3: 2 ± t(0.975, 2) / sqrt 3 = 4.303 / 1.732 = 2.484."""
    found = gain(row("a", 2.0, 4.0, 6.0), row("base", 1.0, 2.0, 3.0), METRIC)
    assert found.mean == pytest.approx(2.0)
    assert found.half_width == pytest.approx(2.484, abs=1e-3)
    assert not found.is_clear
    assert verdict(found) == "within noise"


def test_pairing_sees_what_seeds_have_in_common():
    """Every seed gains 0.1, however far the seeds lie apart: clear, and a loss the other way."""
    base = row("base", 1.0, 5.0, 9.0)
    better = row("a", 1.1, 5.101, 9.1)
    assert verdict(gain(better, base, METRIC)) == "better"
    assert verdict(gain(base, better, METRIC)) == "worse"
    assert verdict(gain(better, base, METRIC), higher_is_better=False) == "worse"


def test_only_seeds_that_both_have_are_compared():
    """One shared seed gives a difference without an interval; none gives no difference."""
    one = Row("a", {1: {METRIC: 3.0}, 7: {METRIC: 9.0}})
    found = gain(one, row("base", 0.0, 1.0), METRIC)
    assert (found.mean, found.count) == (2.0, 1)
    assert math.isinf(found.half_width)
    assert (gain_cell(found, METRIC), verdict(found)) == ("+2.000", "one seed")
    assert gain(Row("a", {9: {METRIC: 1.0}}), row("base", 0.0), METRIC) is None
    assert gain_cell(None, METRIC) == "-"


def test_recalls_are_printed_in_percent():
    """Scores with three digits, ranks with one."""
    assert cell(spread(row("a", 0.5, 0.25), METRIC), "selection_score") == "0.375 ± 0.177"
    assert cell(spread(row("a", 0.5), "test/recall_at_1/image_to_recipe"), "recall_at_1") == "50.0"
    assert cell(None, METRIC) == "-"


def test_tables_hold_a_line_per_row_and_no_difference_of_the_base_to_itself():
    """A row that is the base under another name shows 0."""
    base, other = row("full", 1.0, 2.0), row("without", 0.5, 1.0)
    lines = table([base, other, Row("same", base.measured), Row("failed", {})], "test", base)
    assert [line[0] for line in lines] == ["full", "without", "same", "failed"]
    assert [line[2] for line in lines] == ["-", "-0.750 ± 3.177", "+0.000 ± 0.000", "-"]
    assert len({len(line) for line in [header(), *lines]}) == 1
    text = as_markdown([base, other], "test", base)
    assert text.splitlines()[2].startswith("| full | 1.500 ± 0.707 | - |  | 0.5 ± 0.0 | 50.0 ± 0.0")
    assert "within noise" in as_text([base, other], "test", base).splitlines()[2]
