"""The curve over gallery sizes, as text of an SVG."""

from seje_ray.report.evaluation import EvaluationLine, GalleryLines
from seje_ray.report.scale_plot import scale_curve
from seje_ray.retrieval.controls import chance


def gallery(size):
    """A model at chance."""
    found = chance(size)
    lines = [EvaluationLine(n, found.means(), found.deviations()) for n in ("model", "chance")]
    return GalleryLines(size, 1, tuple(lines))


def test_three_sizes_make_curves_and_two_make_none():
    """A plot each of MedR, R@1 and R@10."""
    page = scale_curve([gallery(size) for size in (1000, 20_000, 50_000)])

    assert page is not None
    assert page == scale_curve([gallery(size) for size in (1000, 20_000, 50_000)])
    assert page.count("<svg") == 3
    assert all(f">{text}</text>" in page for text in ("MedR", "R@10 in %", "50,000", "chance"))
    assert scale_curve([gallery(100), gallery(200)]) is None
