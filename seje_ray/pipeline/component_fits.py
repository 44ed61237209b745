"""Fitting of each component of the calibrator on train recipes; ``image_fits`` fits on photos."""

import functools
import math
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any, Protocol, assert_never

import numpy as np

from seje_ray.artifact import Artifact
from seje_ray.calibration.applied import known_ids, known_words
from seje_ray.calibration.calibrator import FittedText, LexiconOf, TaggerOf, fit_text
from seje_ray.calibration.category_backoff import fit_category_backoff
from seje_ray.calibration.category_table import read_category_table
from seje_ray.calibration.corpus import Recipes, TextCorpus, TokenFile
from seje_ray.calibration.entities import EntityLexicon, Reexaminer, normalise_entity
from seje_ray.calibration.key_terms import RECIPES_PER_BATCH, RecipeWords
from seje_ray.calibration.language import Language, PreparedRecipes, language_of, read_words
from seje_ray.calibration.line_tagger import LineTagger, fit_line_tagger
from seje_ray.calibration.sentence_encoder.given import GivenSentences, agreement
from seje_ray.calibration.sentence_encoder.skip_instructions import fit_skip_instructions
from seje_ray.calibration.sentence_encoder.transformer import TransformerEncoder
from seje_ray.calibration.sentence_encoder.vector_file import (
    SentenceVectorFileError,
    first_id,
    import_sentence_vectors,
)
from seje_ray.calibration.term_tagger import (
    BilstmTagger,
    DetIngrsTagger,
    WordTagger,
    understood_entities,
)
from seje_ray.calibration.text_model import TextModel
from seje_ray.calibration.word2vec_file import read_word2vec
from seje_ray.calibration.word_vectors import WordVectors
from seje_ray.config import RunConfig
from seje_ray.console.report import Report
from seje_ray.distributed.process import Process
from seje_ray.features.texts import term_tagger_of, text_calibrator_of
from seje_ray.workspace import Workspace

MAX_LOOKED_AT = 5000  # train recipes whose words are looked up in a file of word vectors
MAX_BACKOFF_RECIPES = 50_000  # labelled train recipes that means are taken over


class Fitted(Protocol):
    """Result of a fit."""

    def save(self, folder: Path) -> None:
        """Write the fitted state into an existing folder."""


@dataclass(frozen=True, slots=True)
class FitInputs:
    """Inputs of fitting a component."""

    run: RunConfig
    recipes: Artifact
    workspace: Workspace  # with the components that are fitted
    state: Path  # folder of what an interrupted fit resumes from
    worker: Process
    progress: Report | None  # of rank 0

    @property
    def language(self) -> Language:
        """Of the texts."""
        config = self.run.calibrate
        lists = config.word_lists
        return language_of(config.language, stop_words=lists.stop_words, units=lists.units)

    def corpus(self, *partitions: str) -> Recipes:
        """Recipes of some partitions, or of all, with texts that the English rules read right."""
        shards = [path for one in partitions or (None,) for path in self.recipes.shards(one)]
        texts = TextCorpus(shards)
        language = self.language
        return texts if language.is_plain else PreparedRecipes(texts, language)


Facts = dict[str, Any]  # the calibrator's manifest's entry for a component


def line_tagger_fit(inputs: FitInputs) -> tuple[Fitted, Facts]:
    """Marks the ingredient in a line; taught by det_ingrs, or by common ingredients."""
    config = inputs.run.calibrate.line_tagger
    train = inputs.corpus("train")
    tagger = fit_line_tagger(
        train,
        Reexaminer(EntityLexicon.fit(train)),
        hidden_dim=config.hidden_dim,
        epochs=config.epochs,
        batch_size=config.batch_size,
        learning_rate=config.learning_rate,
        seed=inputs.run.seed,
        device=inputs.worker.device,
        state_folder=inputs.state,
        progress=inputs.progress,
    )
    return tagger, {}


def text_fit(inputs: FitInputs) -> tuple[Fitted, Facts]:
    """Known entities, idf and categories."""
    config = inputs.run.calibrate
    tagger_of, lexicon_of = _tagging(inputs)
    everything = inputs.corpus() if config.known_entities == "corpus" else None
    table, facts = None, {}
    if config.categories.table is not None:
        table = read_category_table(Path(config.categories.table))
        ids = (recipe.id for recipe in TextCorpus(inputs.recipes.shards("train")))
        facts = {
            "category_rows_rejected": table.rejected,
            "known_ids": known_ids(ids, table.numbers, config.categories.table),
        }
    fitted = fit_text(
        inputs.corpus("train"),
        given=table.categories() if table else None,
        num_bigrams=config.categories.num_bigrams,
        max_bigram_categories=config.categories.max_bigram_categories,
        min_members=config.categories.min_members,
        food101=config.categories.food101,
        tagger_of=tagger_of,
        lexicon_of=_with_listed(inputs, lexicon_of),
        known_entities=everything,
        progress=inputs.progress,
    )
    fitted = replace(fitted, language=inputs.language)
    return fitted, {"num_categories": len(fitted.categories.names), **facts}


def _with_listed(inputs: FitInputs, lexicon_of: LexiconOf) -> LexiconOf:
    """What collects known entities, and adds the ingredients of a user's list."""
    path = inputs.run.calibrate.word_lists.ingredients
    if path is None:
        return lexicon_of
    language = inputs.language
    names = [normalise_entity(language.content(name, is_line=True)) for name in read_words(path)]
    listed = list(filter(None, names))
    return lambda recipes: lexicon_of(recipes).merged_with(listed)


def _tagging(inputs: FitInputs) -> tuple[TaggerOf, LexiconOf]:
    """The tagger of lines, and the entities that are known."""
    config = inputs.run.calibrate
    match config.tagger:
        case "det_ingrs":
            return DetIngrsTagger, EntityLexicon.fit
        case "none":
            return lambda reexaminer: WordTagger(), EntityLexicon.fit
        case "bilstm":
            network = LineTagger.load(inputs.workspace.component("line_tagger"))
            threshold = config.line_tagger.threshold
            return (
                functools.partial(BilstmTagger, network, threshold=threshold),
                functools.partial(understood_entities, network, threshold=threshold),
            )
    assert_never(config.tagger)


def word_vectors_fit(inputs: FitInputs) -> tuple[Fitted, Facts]:
    """word2vec on the train texts, each tagged once; or vectors of a file."""
    config = inputs.run.calibrate.word_vectors
    text = FittedText.load(inputs.workspace.component("text"))
    tagger = term_tagger_of(inputs.run.calibrate, inputs.workspace.calibrator, text.reexaminer)
    words = RecipeWords(inputs.corpus("train"), tagger)
    if config.file is not None:
        vectors = read_word2vec(Path(config.file))
        looked_at = islice(words, MAX_LOOKED_AT)
        known = known_words(looked_at, frozenset(vectors.words), config.file)
        return vectors, _vocabulary(vectors) | {"known_words": known}
    from seje_ray.calibration.word2vec import fit_word_vectors

    vectors = fit_word_vectors(
        TokenFile(inputs.state / "texts.txt", words),
        dim=config.dim,
        window=config.window,
        epochs=config.epochs,
        min_count=config.min_count,
        seed=inputs.run.seed,
        progress=inputs.progress,
    )
    if config.whiten:
        vectors = vectors.whitened()
    return vectors, _vocabulary(vectors)


def _vocabulary(vectors: WordVectors) -> Facts:
    return {
        "num_words": len(vectors),
        "word_dim": vectors.dim,
        "vocabulary_hash": vectors.vocabulary_hash,
    }


def sentence_encoder_fit(inputs: FitInputs) -> tuple[Fitted, Facts]:
    """Skip-instructions, on all workers together; a text model as it is; or vectors of a file."""
    backend = inputs.run.calibrate.sentence_encoder.backend
    match backend:
        case "skip_instructions":
            return _skip_instructions(inputs)
        case "transformer":
            model = TextModel(str(inputs.run.calibrate.text_model), inputs.worker.device)
            return TransformerEncoder(model), {"sentence_dim": model.dim}
        case "file":
            return _given_sentences(inputs)
    assert_never(backend)


def _skip_instructions(inputs: FitInputs) -> tuple[Fitted, Facts]:
    """Fitted on the train recipes' instructions."""
    config = inputs.run.calibrate.sentence_encoder
    encoder = fit_skip_instructions(
        inputs.corpus("train"),
        dim=config.dim,
        vocabulary_size=config.vocabulary_size,
        epochs=config.epochs,
        batch_size=config.batch_size,
        learning_rate=config.learning_rate,
        seed=inputs.run.seed,
        worker=inputs.worker,
        state_folder=inputs.state,
        progress=inputs.progress,
    )
    return encoder, {"sentence_dim": encoder.dim}


def _given_sentences(inputs: FitInputs) -> tuple[Fitted, Facts]:
    """Vectors of a file, and how many train recipes it knows."""
    path = Path(str(inputs.run.calibrate.sentence_encoder.file))
    imported = import_sentence_vectors(path, inputs.state, inputs.progress)
    given, train = GivenSentences.load(imported.folder), inputs.recipes.shards("train")
    found = agreement(given, train)
    if found.num_recipes and not found.num_known:
        own = next(iter(TextCorpus(train))).id
        raise SentenceVectorFileError(
            f"{path}: expected vectors of train recipes, found none of {found.num_recipes:,}: an "
            f"id of theirs is {own!r}, one of the file is {first_id(path)!r}; ids must be equal"
        )
    facts = {"num_vectors": len(given), **found._asdict()}
    return imported, {"sentence_dim": given.dim, "given_sentences": facts}


def category_backoff_fit(inputs: FitInputs) -> tuple[Fitted, Facts]:
    """Means of f_term by category, over the first labelled train recipes."""
    config = inputs.run.calibrate
    text = text_calibrator_of(config, inputs.workspace.calibrator, inputs.worker.device)
    vectors: list[np.ndarray] = []
    ids: list[int] = []
    corpus = iter(TextCorpus(inputs.recipes.shards("train")))
    while len(ids) < MAX_BACKOFF_RECIPES and (recipes := list(islice(corpus, RECIPES_PER_BATCH))):
        labelled = [
            r for r in recipes if text.categories.of(text.language.content(r.title), r.id)[0] > 0
        ]
        for features in text.features(labelled):
            vectors.append(features.key_term_vector)
            ids.append(features.category_id)
    rows = np.array(vectors, np.float32).reshape(len(ids), text.word_vectors.dim)
    backoff = fit_category_backoff(
        [(rows, np.array(ids, np.int64))],
        len(text.categories.names),
        precision=config.categories.backoff_precision,
    )
    return backoff, {"category_backoff": backoff.facts | {"threshold": _finite(backoff.threshold)}}


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
