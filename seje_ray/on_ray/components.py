"""The components of the calibrator: what decides each, what it waits for, how it is fitted."""

import functools
import math
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch

from seje_ray.artifact import Artifact, Plan, file_hash, open_artifact
from seje_ray.calibration.calibrator import FittedText, LexiconOf, TaggerOf, fit_text
from seje_ray.calibration.categorizer_accuracy import Confusion, categorizer_accuracy
from seje_ray.calibration.category_backoff import fit_category_backoff
from seje_ray.calibration.category_table import read_category_table
from seje_ray.calibration.corpus import Progress, TextCorpus, TokenFile
from seje_ray.calibration.entities import EntityLexicon, Reexaminer
from seje_ray.calibration.fit_worker import FitWorker
from seje_ray.calibration.folder_photos import FolderPhotos
from seje_ray.calibration.image_categorizer import ImageCategorizer, fit_image_categorizer
from seje_ray.calibration.key_terms import RECIPES_PER_BATCH, RecipeWords
from seje_ray.calibration.line_tagger import LineTagger, fit_line_tagger
from seje_ray.calibration.photo_batches import ShuffledPhotos
from seje_ray.calibration.photos import PhotoBatches
from seje_ray.calibration.sentence_encoder.skip_instructions import fit_skip_instructions
from seje_ray.calibration.sentence_encoder.transformer import TransformerEncoder
from seje_ray.calibration.term_tagger import BilstmTagger, DetIngrsTagger, understood_entities
from seje_ray.calibration.text_model import TextModel, text_model_hash
from seje_ray.calibration.word2vec_file import read_word2vec
from seje_ray.calibration.word_vectors import WordVectors, fit_word_vectors
from seje_ray.config import BackboneConfig, RunConfig
from seje_ray.recipe1m.labelled_photos import read_labelled_folder
from seje_ray.recipe1m.pixels import PixelSpec
from seje_ray.training.build import backbone_of, pixels_of
from seje_ray.training.text_features import term_tagger_of, text_calibrator_of

MAX_BACKOFF_RECIPES = 50_000  # labelled train recipes that means are taken over


class Fitted(Protocol):
    """What a fit gives."""

    def save(self, folder: Path) -> None:
        """Write the fitted state into an existing folder."""


@dataclass(frozen=True, slots=True)
class FitInputs:
    """What a component is fitted from."""

    run: RunConfig
    recipes: Artifact
    calibrator: Path  # folder of the components that are fitted
    state: Path  # folder of what goes on after an interruption
    worker: FitWorker
    progress: Progress | None  # of rank 0


Facts = dict[str, Any]  # what the calibrator's manifest tells about a component
Fit = Callable[[FitInputs], tuple[Fitted, Facts]]


@dataclass(frozen=True, slots=True)
class Component:
    """One part of the calibrator."""

    name: str
    fit: Fit
    settings: Callable[[RunConfig], dict[str, Any]]
    needs: tuple[str, ...] = ()  # components fitted before, or the one file of theirs it reads
    is_network: bool = False  # trained on a GPU where there is one, on several workers if asked
    files: Callable[[RunConfig], dict[str, str]] = lambda run: {}  # hashes of files it reads

    def plan(self, run: RunConfig, recipes: Artifact, calibrator: Path) -> Plan:
        """What decides the fitted component."""
        inputs = {"recipes": recipes.content_hash}
        for need in self.needs:
            name, _, file = need.partition("/")
            fitted = open_artifact(calibrator / name, f"calibrator_{name}")
            inputs[need] = fitted.manifest.shards[file] if file else fitted.content_hash
        return Plan(
            kind=f"calibrator_{self.name}",
            section=self.settings(run),
            inputs=inputs | self.files(run),
            seed=run.seed,
        )


def weights_hash(backbone: BackboneConfig) -> dict[str, str]:
    """Hash of a backbone's weights, where they are a local file."""
    return file_hashes(weights=None if backbone.weights == "download" else backbone.weights)


def file_hashes(**paths: str | None) -> dict[str, str]:
    """Hash of each file that is named."""
    named = {name: Path(path) for name, path in paths.items() if path is not None}
    return {name: file_hash(p) if p.is_file() else "missing" for name, p in named.items()}


def _fit_line_tagger(inputs: FitInputs) -> tuple[Fitted, Facts]:
    config = inputs.run.calibrate.line_tagger
    train = TextCorpus(inputs.recipes.shards("train"))
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


def _fit_text(inputs: FitInputs) -> tuple[Fitted, Facts]:
    """Known entities, idf and categories."""
    config = inputs.run.calibrate
    tagger_of: TaggerOf = DetIngrsTagger
    lexicon_of: LexiconOf = EntityLexicon.fit
    if config.tagger == "bilstm":
        network = LineTagger.load(inputs.calibrator / "line_tagger")
        threshold = config.line_tagger.threshold
        tagger_of = functools.partial(BilstmTagger, network, threshold=threshold)
        lexicon_of = functools.partial(understood_entities, network, threshold=threshold)
    everything = TextCorpus(inputs.recipes.shards()) if config.known_entities == "corpus" else None
    table = None
    if config.categories.table is not None:
        table = read_category_table(Path(config.categories.table))
    fitted = fit_text(
        TextCorpus(inputs.recipes.shards("train")),
        given=table.categories() if table else None,
        num_bigrams=config.categories.num_bigrams,
        max_bigram_categories=config.categories.max_bigram_categories,
        min_members=config.categories.min_members,
        food101=config.categories.food101,
        tagger_of=tagger_of,
        lexicon_of=lexicon_of,
        known_entities=everything,
        progress=inputs.progress,
    )
    facts: Facts = {"num_categories": len(fitted.categories.names)}
    return fitted, facts | ({"category_rows_rejected": table.rejected} if table else {})


def _fit_word_vectors(inputs: FitInputs) -> tuple[Fitted, Facts]:
    config = inputs.run.calibrate.word_vectors
    if config.file is not None:
        vectors = read_word2vec(Path(config.file))
        return vectors, _vocabulary(vectors)
    text = FittedText.load(inputs.calibrator / "text")
    tagger = term_tagger_of(inputs.run.calibrate, inputs.calibrator, text.reexaminer)
    words = RecipeWords(TextCorpus(inputs.recipes.shards("train")), tagger)
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


def _fit_sentence_encoder(inputs: FitInputs) -> tuple[Fitted, Facts]:
    config = inputs.run.calibrate.sentence_encoder
    if config.backend == "transformer":
        model = TextModel(str(inputs.run.calibrate.text_model), inputs.worker.device)
        return TransformerEncoder(model), {"sentence_dim": model.dim}
    encoder = fit_skip_instructions(
        TextCorpus(inputs.recipes.shards("train")),
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


def _fit_image_categorizer(inputs: FitInputs) -> tuple[Fitted, Facts]:
    config, seed = inputs.run.calibrate.image_categorizer, inputs.run.seed
    torch.manual_seed(seed)
    backbone = backbone_of(config.backbone)
    names, photos, held_out = _labelled_photos(inputs, pixels_of(config.backbone, backbone))
    categorizer = fit_image_categorizer(
        backbone,
        photos,
        names,
        epochs=config.epochs,
        learning_rate=config.learning_rate,
        freeze_backbone=config.freeze_backbone,
        seed=seed,
        device=inputs.worker.device,
        state_folder=inputs.state,
        progress=inputs.progress,
    )
    confusion = categorizer_accuracy(categorizer, held_out, inputs.worker.device)
    rejected = Counter(photos.rejected) + Counter(held_out.rejected)
    facts = {"image_category_names": list(names), "labelled_photos_rejected": dict(rejected)}
    return _Measured(categorizer, confusion), facts


def _labelled_photos(
    inputs: FitInputs, pixels: PixelSpec
) -> tuple[tuple[str, ...], ShuffledPhotos, ShuffledPhotos]:
    """Class names, and photos to fit and to measure on: of a folder, or of train and val."""
    config = inputs.run.calibrate.image_categorizer
    settings: dict[str, Any] = {
        "pixels": pixels,
        "batch_size": config.batch_size,
        "seed": inputs.run.seed,
        "num_threads": max(2, torch.get_num_threads()),
    }
    if config.photos is not None:
        folder = read_labelled_folder(Path(config.photos), seed=inputs.run.seed)
        fitted_on, measured_on = (
            FolderPhotos(files, **settings) for files in (folder.train, folder.test)
        )
        return folder.names, fitted_on, measured_on
    categories = FittedText.load(inputs.calibrator / "text").categories
    train, val = (
        PhotoBatches(
            inputs.recipes.shards(partition), lambda *recipe: categories.of(*recipe)[0], **settings
        )
        for partition in ("train", "val")
    )
    return categories.names, train, val


@dataclass(frozen=True, slots=True)
class _Measured:
    """A categorizer, and what it took for what on held-out photos."""

    categorizer: ImageCategorizer
    confusion: Confusion

    def save(self, folder: Path) -> None:
        self.categorizer.save(folder)
        self.confusion.save(folder)


def _fit_category_backoff(inputs: FitInputs) -> tuple[Fitted, Facts]:
    """Means of f_term by category, over the first labelled train recipes."""
    config = inputs.run.calibrate
    text = text_calibrator_of(config, inputs.calibrator, inputs.worker.device)
    vectors: list[np.ndarray] = []
    ids: list[int] = []
    corpus = iter(TextCorpus(inputs.recipes.shards("train")))
    while len(ids) < MAX_BACKOFF_RECIPES and (recipes := list(islice(corpus, RECIPES_PER_BATCH))):
        labelled = [r for r in recipes if text.categories.of(r.title, r.id)[0] > 0]
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


def _text_settings(run: RunConfig) -> dict[str, Any]:
    config = run.calibrate
    chosen_later = ("backoff", "backoff_precision", "table")
    return {
        "tagger": config.tagger,
        "threshold": config.line_tagger.threshold if config.tagger == "bilstm" else None,
        "known_entities": config.known_entities,
        "categories": _without(asdict(config.categories), *chosen_later),
    }


def text_section(run: RunConfig) -> dict[str, Any]:
    """What decides f_term beside the fitted parts."""
    config = run.calibrate
    names = ("actions", "rater", "key_term_vector")
    return {name: getattr(config, name) for name in names}


def text_files(run: RunConfig) -> dict[str, str]:
    """Hash of the text model, where it rates."""
    config = run.calibrate
    return {"text_model": text_model_hash(str(config.text_model))} if config.rater == "bert" else {}


def _photos_hash(run: RunConfig) -> dict[str, str]:
    config = run.calibrate.image_categorizer
    if config.photos is None:
        return weights_hash(config.backbone)
    listing = read_labelled_folder(Path(config.photos), seed=run.seed).listing_hash
    return weights_hash(config.backbone) | {"photos": listing}


def _sentence_settings(run: RunConfig) -> dict[str, Any]:
    config = run.calibrate.sentence_encoder
    if config.backend == "transformer":
        return {"text_model": text_model_hash(str(run.calibrate.text_model))}
    return _without(asdict(config), "max_sentences")


def _without(section: dict[str, Any], *used_elsewhere: str) -> dict[str, Any]:
    """A section without the settings that this component does not read."""
    return {key: value for key, value in section.items() if key not in used_elsewhere}


def generations(run: RunConfig) -> tuple[tuple[Component, ...], ...]:
    """Components by what they wait for; those of one generation are fitted side by side."""
    tags, fills = run.calibrate.tagger == "bilstm", run.calibrate.categories.backoff != "none"
    has_own_photos = run.calibrate.image_categorizer.photos is not None
    line_tagger = Component(
        "line_tagger",
        _fit_line_tagger,
        lambda run: _without(asdict(run.calibrate.line_tagger), "threshold"),
        is_network=True,
    )
    text = Component(
        "text",
        _fit_text,
        _text_settings,
        needs=("line_tagger",) if tags else (),
        files=lambda run: file_hashes(category_table=run.calibrate.categories.table),
    )
    word_vectors = Component(
        "word_vectors",
        _fit_word_vectors,
        lambda run: asdict(run.calibrate.word_vectors),
        needs=("text/entities.json",),
        files=lambda run: file_hashes(word_vectors=run.calibrate.word_vectors.file),
    )
    sentence_encoder = Component(
        "sentence_encoder", _fit_sentence_encoder, _sentence_settings, is_network=True
    )
    image_categorizer = Component(
        "image_categorizer",
        _fit_image_categorizer,
        lambda run: _without(asdict(run.calibrate.image_categorizer), "vector", "photos"),
        needs=() if has_own_photos else ("text/categories.json",),
        is_network=True,
        files=_photos_hash,
    )
    category_backoff = Component(
        "category_backoff",
        _fit_category_backoff,
        lambda run: {
            **text_section(run),
            "precision": run.calibrate.categories.backoff_precision,
        },
        needs=("text", "word_vectors"),
        files=text_files,
    )
    return (
        (line_tagger,) if tags else (),
        (text,),
        (word_vectors, sentence_encoder, image_categorizer),
        (category_backoff,) if fills else (),
    )
