"""Every rater that a run file may name is one of its own."""

from typing import get_args, get_type_hints

import pytest

from seje_ray.calibration.raters import RaterKind, rater_of
from seje_ray.calibration.raters.bert import BertRater
from seje_ray.calibration.raters.textrank import TextRankRater
from seje_ray.calibration.raters.tfidf import TfidfRater
from seje_ray.config import CalibrateConfig

TFIDF = TfidfRater(0, {})
KINDS = {"tfidf": TfidfRater, "textrank": TextRankRater, "bert": BertRater}


def test_the_run_file_names_exactly_these():
    assert set(get_args(get_type_hints(CalibrateConfig)["rater"])) == set(get_args(RaterKind))


@pytest.mark.parametrize("kind", get_args(RaterKind))
def test_a_name_gives_its_own_rater(kind):
    """And only the rater that needs a text model loads one."""
    loaded = []

    def encoder():
        loaded.append(kind)
        return lambda texts: None

    assert type(rater_of(kind, TFIDF, encoder)) is KINDS[kind]
    assert loaded == (["bert"] if kind == "bert" else [])


def test_another_name_is_an_error_and_not_tfidf():
    with pytest.raises(AssertionError, match="yake"):
        rater_of("yake", TFIDF, lambda: None)
