"""How something was measured, in words."""

from seje_ray.report.protocol import Measured
from seje_ray.retrieval.galleries import GalleryPlan


def test_what_was_left_out_is_a_share_with_its_reasons():
    """5 of 5 + 15 are a quarter."""
    measured = Measured(GalleryPlan(((10, 2),), 7), 15, {"recipes without a photo": 5, "torn": 0})

    assert measured.share_left_out == 0.25
    similarity, galleries, left_out = measured.sentences()
    assert "ties count half" in similarity
    assert "seed 7" in galleries
    assert left_out == "left out: 25.0 % (5 recipes without a photo)"
    assert measured.to_dict()["left_out"] == {"recipes without a photo": 5, "torn": 0}


def test_nothing_left_out_is_said():
    measured = Measured(GalleryPlan((), 0, "consecutive"), 15, {})

    assert measured.sentences()[1].startswith("galleries: rows as given")
    assert measured.sentences()[2] == "left out: nothing"
