"""From a run and a fitted calibrator to what computes the features of recipe texts."""

from pathlib import Path
from typing import assert_never

import torch

from seje_ray.calibration.calibrator import FittedText, TextCalibrator
from seje_ray.calibration.entities import Reexaminer
from seje_ray.calibration.key_terms import ActionFinder, ContentWords, NoActions
from seje_ray.calibration.language import Language, SegmentingEncoder
from seje_ray.calibration.lexical import Lexicon
from seje_ray.calibration.line_tagger import LineTagger
from seje_ray.calibration.parts_of_speech import PosActions
from seje_ray.calibration.raters import rater_of
from seje_ray.calibration.sentence_encoder import EncodedSentences, SentenceVectors
from seje_ray.calibration.sentence_encoder.given import GivenSentences
from seje_ray.calibration.sentence_encoder.skip_instructions import SkipInstructions
from seje_ray.calibration.sentence_encoder.transformer import TransformerEncoder
from seje_ray.calibration.term_tagger import (
    BilstmTagger,
    DetIngrsTagger,
    TermTagger,
    WordTagger,
)
from seje_ray.calibration.text_model import TextModel
from seje_ray.calibration.text_tokens import TokenLimits
from seje_ray.calibration.word_vectors import WordVectors
from seje_ray.config import CalibrateConfig
from seje_ray.workspace import component_folder


def text_calibrator_of(
    config: CalibrateConfig, calibrator: Path, device: torch.device | str = "cpu"
) -> TextCalibrator:
    """Read the fitted parts from ``calibrator/`` and put them together as the run says."""
    text = FittedText.load(component_folder(calibrator, "text"))
    return TextCalibrator(
        categories=text.categories,
        word_vectors=WordVectors.load(component_folder(calibrator, "word_vectors")),
        tagger=term_tagger_of(config, calibrator, text.reexaminer, device),
        actions=_actions_of(config, text.language),
        rater=rater_of(
            config.rater, text.tfidf, lambda: TextModel(str(config.text_model), device).encode
        ),
        normalisation=config.key_term_vector,
        language=text.language,
    )


def term_tagger_of(
    config: CalibrateConfig,
    calibrator: Path,
    reexaminer: Reexaminer,
    device: torch.device | str = "cpu",
) -> TermTagger:
    """The tagger that gives the entities of ingredient lines."""
    match config.tagger:
        case "det_ingrs":
            return DetIngrsTagger(reexaminer)
        case "none":
            return WordTagger()
        case "bilstm":
            network = LineTagger.load(component_folder(calibrator, "line_tagger")).to(device)
            return BilstmTagger(network, reexaminer, threshold=config.line_tagger.threshold)
    assert_never(config.tagger)


def sentence_vectors_of(
    config: CalibrateConfig, calibrator: Path, device: torch.device | str = "cpu"
) -> SentenceVectors:
    """The source of f_sent: the fitted sentence encoder, or the vectors of a file."""
    folder, backend = (
        component_folder(calibrator, "sentence_encoder"),
        config.sentence_encoder.backend,
    )
    match backend:
        case "skip_instructions":
            encoder = SkipInstructions.load(folder).to(device)
            language = stored_language(calibrator)
            if language.is_plain:
                return EncodedSentences(encoder)
            return EncodedSentences(SegmentingEncoder(encoder, language))
        case "transformer":
            return EncodedSentences(TransformerEncoder.load(folder, device))
        case "file":
            return GivenSentences.load(folder)
    assert_never(backend)


def token_limits(config: CalibrateConfig) -> TokenLimits:
    """Most tokens of a line, by part."""
    tokens = config.text_tokens
    return TokenLimits(tokens.max_title, tokens.max_ingredient, tokens.max_step)


def stored_language(calibrator: Path) -> Language:
    """The language of the texts that were calibrated."""
    return Language.load(component_folder(calibrator, "text"))


def lexicon_of(calibrator: Path) -> Lexicon:
    """Terms and their vectors, where ``calibrate.lexical`` is enabled."""
    return Lexicon.load(component_folder(calibrator, "lexical"))


def _actions_of(config: CalibrateConfig, language: Language) -> ActionFinder:
    match config.actions:
        case "pos":
            return PosActions()
        case "content_words":
            return ContentWords(language.min_letters)
        case "none":
            return NoActions()
    assert_never(config.actions)
