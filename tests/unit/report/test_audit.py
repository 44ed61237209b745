"""What a data check shows: sizes, times and histograms as a person reads them."""

from seje_ray.audit.findings import Distribution
from seje_ray.report.audit import _duration, _size, shortened
from seje_ray.report.audit_page import CHART_HEIGHT, CHART_WIDTH, bars, preview


def test_bars_are_as_high_as_their_share_of_the_highest():
    """Four and two recipes: the whole height and half of it; the bars fill the width."""
    found = Distribution("words", 1, 1.0, 3, 9, ((1, 1, 4), (2, 9, 2)))
    first, second = bars(found)
    assert (first.y, first.height, first.label) == (0, CHART_HEIGHT, "1: 4 recipes")
    assert (second.y, second.height) == (CHART_HEIGHT / 2, CHART_HEIGHT / 2)
    assert second.label == "2 to 9: 2 recipes"
    assert second.x == CHART_WIDTH / 2


def test_sizes_and_times_have_a_unit_that_fits():
    """Powers of ten; seconds, minutes, hours."""
    sizes = [_size(n) for n in (0, 999, 1000, 12_345_678, 5 * 10**12)]
    assert sizes == ["0 bytes", "999 bytes", "1.0 kB", "12.3 MB", "5.0 TB"]
    assert [_duration(s) for s in (0.5, 119, 180, 9000)] == ["0.5 s", "119.0 s", "3 min", "2.5 h"]
    assert shortened("abcdef", 4) == "abc…"


def test_a_photo_that_is_gone_has_no_preview(tmp_path):
    """It may have been deleted since it was read."""
    assert preview(str(tmp_path / "gone.jpg")) == ""
