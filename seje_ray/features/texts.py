"""From a run and a fitted calibrator to what computes the features of recipe texts."""

from pathlib import Path

import torch

from seje_ray.calibration.calibrator import FittedText, TextCalibrator
from seje_ray.calibration.entities import Reexaminer
from seje_ray.calibration.key_terms import ActionFinder, ContentWords, NoActions
from seje_ray.calibration.line_tagger import LineTagger
from seje_ray.calibration.parts_of_speech import PosActions
from seje_ray.calibration.raters import Rater
from seje_ray.calibration.raters.bert import BertRater
from seje_ray.calibration.raters.textrank import TextRankRater
from seje_ray.calibration.sentence_encoder import EncodedSentences, SentenceVectors
from seje_ray.calibration.sentence_encoder.given import GivenSentences
from seje_ray.calibration.sentence_encoder.skip_instructions import SkipInstructions
from seje_ray.calibration.sentence_encoder.transformer import TransformerEncoder
from seje_ray.calibration.term_tagger import BilstmTagger, DetIngrsTagger, TermTagger
from seje_ray.calibration.text_model import TextModel
from seje_ray.calibration.word_vectors import WordVectors
from seje_ray.config import CalibrateConfig


def text_calibrator_of(
    config: CalibrateConfig, calibrator: Path, device: torch.device | str = "cpu"
) -> TextCalibrator:
    """Read the fitted parts from ``calibrator/`` and put them together as the run says."""
    text = FittedText.load(calibrator / "text")
    return TextCalibrator(
        categories=text.categories,
        word_vectors=WordVectors.load(calibrator / "word_vectors"),
        tagger=term_tagger_of(config, calibrator, text.reexaminer, device),
        actions=_actions_of(config),
        rater=_rater_of(config, text, device),
        normalisation=config.key_term_vector,
    )


def term_tagger_of(
    config: CalibrateConfig,
    calibrator: Path,
    reexaminer: Reexaminer,
    device: torch.device | str = "cpu",
) -> TermTagger:
    """What gives the entities of ingredient lines."""
    if config.tagger == "det_ingrs":
        return DetIngrsTagger(reexaminer)
    network = LineTagger.load(calibrator / "line_tagger").to(device)
    return BilstmTagger(network, reexaminer, threshold=config.line_tagger.threshold)


def sentence_vectors_of(
    config: CalibrateConfig, calibrator: Path, device: torch.device | str = "cpu"
) -> SentenceVectors:
    """What gives f_sent: the fitted sentence encoder, or the vectors that a file gave."""
    folder = calibrator / "sentence_encoder"
    if config.sentence_encoder.backend == "file":
        return GivenSentences.load(folder)
    if config.sentence_encoder.backend == "transformer":
        return EncodedSentences(TransformerEncoder.load(folder, device))
    return EncodedSentences(SkipInstructions.load(folder).to(device))


def _actions_of(config: CalibrateConfig) -> ActionFinder:
    if config.actions == "pos":
        return PosActions()
    return ContentWords() if config.actions == "content_words" else NoActions()


def _rater_of(config: CalibrateConfig, text: FittedText, device: torch.device | str) -> Rater:
    if config.rater == "bert":
        assert config.text_model is not None
        return BertRater(TextModel(config.text_model, device).encode)
    return TextRankRater() if config.rater == "textrank" else text.tfidf
