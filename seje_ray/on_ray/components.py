"""The components of the calibrator: what decides each, what it waits for, how it is fitted."""

import functools
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import torch

from seje_ray.artifact import Artifact, Plan, file_hash, open_artifact
from seje_ray.calibration.calibrator import FittedText, LexiconOf, TaggerOf, fit_text
from seje_ray.calibration.corpus import Progress, TextCorpus, TokenFile
from seje_ray.calibration.entities import EntityLexicon, Reexaminer
from seje_ray.calibration.fit_worker import FitWorker
from seje_ray.calibration.image_categorizer import fit_image_categorizer
from seje_ray.calibration.key_terms import RecipeWords
from seje_ray.calibration.line_tagger import LineTagger, fit_line_tagger
from seje_ray.calibration.photos import PhotoBatches
from seje_ray.calibration.sentence_encoder.skip_instructions import fit_skip_instructions
from seje_ray.calibration.sentence_encoder.transformer import TransformerEncoder
from seje_ray.calibration.term_tagger import BilstmTagger, DetIngrsTagger, understood_entities
from seje_ray.calibration.text_model import TextModel, text_model_hash
from seje_ray.calibration.word2vec_file import read_word2vec
from seje_ray.calibration.word_vectors import WordVectors, fit_word_vectors
from seje_ray.config import BackboneConfig, RunConfig
from seje_ray.training.build import backbone_of, pixels_of
from seje_ray.training.text_features import term_tagger_of


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
    fitted = fit_text(
        TextCorpus(inputs.recipes.shards("train")),
        num_bigrams=config.categories.num_bigrams,
        max_bigram_categories=config.categories.max_bigram_categories,
        min_members=config.categories.min_members,
        food101=config.categories.food101,
        tagger_of=tagger_of,
        lexicon_of=lexicon_of,
        known_entities=everything,
        progress=inputs.progress,
    )
    return fitted, {"num_categories": len(fitted.categories.names)}


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
    config = inputs.run.calibrate.image_categorizer
    categories = FittedText.load(inputs.calibrator / "text").categories
    torch.manual_seed(inputs.run.seed)
    backbone = backbone_of(config.backbone)
    photos = PhotoBatches(
        inputs.recipes.shards("train"),
        lambda title: categories.of(title)[0],
        pixels=pixels_of(config.backbone, backbone),
        batch_size=config.batch_size,
        seed=inputs.run.seed,
        num_threads=max(2, torch.get_num_threads()),
    )
    categorizer = fit_image_categorizer(
        backbone,
        photos,
        categories.names,
        epochs=config.epochs,
        learning_rate=config.learning_rate,
        freeze_backbone=config.freeze_backbone,
        seed=inputs.run.seed,
        device=inputs.worker.device,
        state_folder=inputs.state,
        progress=inputs.progress,
    )
    return categorizer, {}


def _text_settings(run: RunConfig) -> dict[str, Any]:
    config = run.calibrate
    return {
        "tagger": config.tagger,
        "threshold": config.line_tagger.threshold if config.tagger == "bilstm" else None,
        "known_entities": config.known_entities,
        "categories": asdict(config.categories),
    }


def _sentence_settings(run: RunConfig) -> dict[str, Any]:
    config = run.calibrate.sentence_encoder
    if config.backend == "transformer":
        return {"text_model": text_model_hash(str(run.calibrate.text_model))}
    return _without(asdict(config), "max_sentences")


def _without(section: dict[str, Any], used_later: str) -> dict[str, Any]:
    """A section without the setting that only ``transform`` reads."""
    return {key: value for key, value in section.items() if key != used_later}


def generations(run: RunConfig) -> tuple[tuple[Component, ...], ...]:
    """Components by what they wait for; those of one generation are fitted side by side."""
    tags = run.calibrate.tagger == "bilstm"
    line_tagger = Component(
        "line_tagger",
        _fit_line_tagger,
        lambda run: _without(asdict(run.calibrate.line_tagger), "threshold"),
        is_network=True,
    )
    return (
        (line_tagger,) if tags else (),
        (Component("text", _fit_text, _text_settings, needs=("line_tagger",) if tags else ()),),
        (
            Component(
                "word_vectors",
                _fit_word_vectors,
                lambda run: asdict(run.calibrate.word_vectors),
                needs=("text/entities.json",),
                files=lambda run: file_hashes(word_vectors=run.calibrate.word_vectors.file),
            ),
            Component(
                "sentence_encoder",
                _fit_sentence_encoder,
                _sentence_settings,
                is_network=True,
            ),
            Component(
                "image_categorizer",
                _fit_image_categorizer,
                lambda run: _without(asdict(run.calibrate.image_categorizer), "vector"),
                needs=("text/categories.json",),
                is_network=True,
                files=lambda run: weights_hash(run.calibrate.image_categorizer.backbone),
            ),
        ),
    )
