"""Scores of key terms behind one interface; a new rater is a module here and a case below."""

from collections.abc import Callable
from typing import Literal, assert_never

from seje_ray.calibration.raters.bert import BertRater, Encode
from seje_ray.calibration.raters.rater import Rater
from seje_ray.calibration.raters.textrank import TextRankRater
from seje_ray.calibration.raters.tfidf import TfidfRater

__all__ = ["Rater", "RaterKind", "rater_of"]

RaterKind = Literal["tfidf", "textrank", "bert"]  # of ``calibrate.rater``


def rater_of(kind: RaterKind, tfidf: TfidfRater, encoder: Callable[[], Encode]) -> Rater:
    """The rater of a kind.

    Args:
        kind: As the run file names it.
        tfidf: Fitted on the train recipes.
        encoder: Loads the text model, where a rater needs one.
    """
    match kind:
        case "tfidf":
            return tfidf
        case "textrank":
            return TextRankRater()
        case "bert":
            return BertRater(encoder())
    assert_never(kind)
