"""From a run and a fitted calibrator to what computes the features of recipe texts."""

from pathlib import Path

from seje_ray.calibration.calibrator import FittedText, TextCalibrator
from seje_ray.calibration.key_terms import ActionFinder, ContentWords, NoActions
from seje_ray.calibration.term_tagger import DetIngrsTagger
from seje_ray.calibration.word_vectors import WordVectors
from seje_ray.config import CalibrateConfig


def text_calibrator_of(config: CalibrateConfig, calibrator: Path) -> TextCalibrator:
    """Read the fitted parts from ``calibrator/`` and put them together as the run says."""
    text = FittedText.load(calibrator / "text")
    return TextCalibrator(
        categories=text.categories,
        word_vectors=WordVectors.load(calibrator / "word_vectors"),
        tagger=DetIngrsTagger(text.reexaminer),
        actions=_actions_of(config),
        rater=text.tfidf,
        normalisation=config.key_term_vector,
    )


def _actions_of(config: CalibrateConfig) -> ActionFinder:
    return ContentWords() if config.actions == "content_words" else NoActions()
