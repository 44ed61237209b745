"""Stage ``fit``: train recipes -> ``calibrator/``, four components fitted side by side."""

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import ray
import torch

from seje_ray import __version__
from seje_ray.artifact import (
    Artifact,
    Manifest,
    Plan,
    begin,
    file_hash,
    finish,
    finished,
    open_artifact,
    write_json,
)
from seje_ray.calibration.calibrator import FittedText, fit_text
from seje_ray.calibration.corpus import TextCorpus
from seje_ray.calibration.image_categorizer import fit_image_categorizer
from seje_ray.calibration.key_terms import RecipeWords
from seje_ray.calibration.photos import PhotoBatches
from seje_ray.calibration.sentence_encoder.skip_instructions import fit_skip_instructions
from seje_ray.calibration.word_vectors import fit_word_vectors
from seje_ray.config import BackboneConfig, RunConfig, run_from_json, run_to_dict
from seje_ray.on_ray.connect import num_cpus, num_gpus
from seje_ray.on_ray.progress import Report, drawn, new_board, reporter
from seje_ray.training.build import backbone_of, pixels_of

Fit = Callable[[RunConfig, Artifact, Path, Path, Report], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Component:
    """One part of the calibrator: what decides it, and how it is fitted."""

    name: str
    fit: Fit
    settings: Callable[[RunConfig], dict[str, Any]]
    needs: tuple[str, ...] = ()  # components fitted before, or the one file of theirs it reads
    uses_gpu: bool = False


def fit(run: RunConfig, recipes: Artifact, workspace: Path) -> Artifact:
    """Fit every component that is missing or was fitted with other settings or data.

    Each is an artifact of its own below ``workspace/calibrator``, so an interruption costs at
    most an epoch of one, and a changed setting refits what depends on it and nothing else.
    """
    folder = workspace / "calibrator"
    folder.mkdir(parents=True, exist_ok=True)
    for generation in GENERATIONS:
        _fit_together(generation, run, recipes, folder)
    return _close(run, recipes, folder)


def _fit_together(
    components: tuple[Component, ...], run: RunConfig, recipes: Artifact, folder: Path
) -> None:
    todo = [
        c for c in components if finished(folder / c.name, _plan(c, run, recipes, folder)) is None
    ]
    if not todo:
        return
    (folder / "manifest.json").unlink(missing_ok=True)  # it no longer describes what is there
    board = new_board()
    gpus, num_on_gpu = num_gpus(), sum(c.uses_gpu for c in todo)
    tasks = [
        fit_component.options(num_gpus=_gpu_share(gpus, num_on_gpu) if c.uses_gpu else 0).remote(
            c.name,
            json.dumps(run_to_dict(run)),
            recipes.folder,
            folder,
            board,
            max(1, num_cpus() // len(todo)),
        )
        for c in todo
    ]
    with drawn(board, "steps"):
        while tasks:
            done, tasks = ray.wait(tasks)
            ray.get(done)


@ray.remote(num_cpus=1, max_retries=3)
def fit_component(
    name: str, run_json: str, recipes_folder: Path, folder: Path, board: Any, num_threads: int
) -> None:
    """Ray task: fit one component and commit it."""
    torch.set_num_threads(num_threads)
    run = run_from_json(run_json, "the driver's run")
    recipes = open_artifact(recipes_folder, "recipes")
    component = next(c for generation in GENERATIONS for c in generation if c.name == name)
    plan = _plan(component, run, recipes, folder)
    partial = begin(folder / name, plan)
    report = reporter(board, f"fitting {name.replace('_', ' ')}")
    facts = component.fit(run, recipes, folder, partial, report)
    shutil.rmtree(partial / STATE, ignore_errors=True)
    files = sorted(p for p in partial.rglob("*") if p.is_file() and p.name != "plan.json")
    hashes = {str(path.relative_to(partial)): file_hash(path) for path in files}
    finish(
        folder / name,
        plan,
        Manifest(plan=plan, seje_ray_version=__version__, shards=hashes, facts=facts),
    )


STATE = "state"  # folder of what a component needs to go on after an interruption


def _gpu_share(gpus: int, num_tasks: int) -> float:
    """A whole GPU each where they suffice, else an equal part of one."""
    return 1.0 if gpus >= num_tasks else gpus / num_tasks


def _plan(component: Component, run: RunConfig, recipes: Artifact, folder: Path) -> Plan:
    inputs = {"recipes": recipes.content_hash}
    for need in component.needs:
        name, _, file = need.partition("/")
        fitted = open_artifact(folder / name, f"calibrator_{name}")
        inputs[need] = fitted.manifest.shards[file] if file else fitted.content_hash
    if component.uses_gpu and component.name == "image_categorizer":
        inputs |= weights_hash(run.calibrate.image_categorizer.backbone)
    return Plan(
        kind=f"calibrator_{component.name}",
        section=component.settings(run),
        inputs=inputs,
        seed=run.seed,
    )


def weights_hash(backbone: BackboneConfig) -> dict[str, str]:
    """Hash of a backbone's weights, where they are a local file."""
    if backbone.weights in (None, "download"):
        return {}
    path = Path(str(backbone.weights))
    return {"weights": file_hash(path) if path.is_file() else "missing"}


def _close(run: RunConfig, recipes: Artifact, folder: Path) -> Artifact:
    """Write the manifest that binds the components together."""
    parts = {
        c.name: open_artifact(folder / c.name, f"calibrator_{c.name}")
        for generation in GENERATIONS
        for c in generation
    }
    facts: dict[str, Any] = {}
    for part in parts.values():
        facts |= part.manifest.facts
    plan = Plan(
        kind="calibrator",
        section={},
        inputs={name: part.content_hash for name, part in parts.items()},
        seed=run.seed,
    )
    manifest = Manifest(plan=plan, seje_ray_version=__version__, facts=facts)
    write_json(folder / "manifest.json", asdict(manifest))
    return open_artifact(folder, "calibrator")


def _fit_text(
    run: RunConfig, recipes: Artifact, folder: Path, partial: Path, report: Report
) -> dict[str, Any]:
    """Known entities, idf and categories."""
    config = run.calibrate
    everything = TextCorpus(recipes.shards()) if config.known_entities == "corpus" else None
    fitted = fit_text(
        TextCorpus(recipes.shards("train")),
        num_bigrams=config.categories.num_bigrams,
        max_bigram_categories=config.categories.max_bigram_categories,
        min_members=config.categories.min_members,
        food101=config.categories.food101,
        actions=config.actions,
        known_entities=everything,
        progress=report,
    )
    fitted.save(partial)
    return {"num_categories": len(fitted.categories.names)}


def _fit_word_vectors(
    run: RunConfig, recipes: Artifact, folder: Path, partial: Path, report: Report
) -> dict[str, Any]:
    config = run.calibrate.word_vectors
    text = FittedText.load(folder / "text")
    vectors = fit_word_vectors(
        RecipeWords(TextCorpus(recipes.shards("train")), text.tagger),
        dim=config.dim,
        window=config.window,
        epochs=config.epochs,
        min_count=config.min_count,
        seed=run.seed,
        progress=report,
    )
    if config.whiten:
        vectors = vectors.whitened()
    vectors.save(partial)
    return {
        "num_words": len(vectors),
        "word_dim": vectors.dim,
        "vocabulary_hash": vectors.vocabulary_hash,
    }


def _fit_sentence_encoder(
    run: RunConfig, recipes: Artifact, folder: Path, partial: Path, report: Report
) -> dict[str, Any]:
    config = run.calibrate.sentence_encoder
    encoder = fit_skip_instructions(
        TextCorpus(recipes.shards("train")),
        dim=config.dim,
        vocabulary_size=config.vocabulary_size,
        epochs=config.epochs,
        batch_size=config.batch_size,
        learning_rate=config.learning_rate,
        seed=run.seed,
        device=_device(),
        state_folder=partial / STATE,
        progress=report,
    )
    encoder.save(partial)
    return {"sentence_dim": encoder.dim}


def _fit_image_categorizer(
    run: RunConfig, recipes: Artifact, folder: Path, partial: Path, report: Report
) -> dict[str, Any]:
    config = run.calibrate.image_categorizer
    categories = FittedText.load(folder / "text").categories
    torch.manual_seed(run.seed)
    backbone = backbone_of(config.backbone)
    photos = PhotoBatches(
        recipes.shards("train"),
        lambda title: categories.of(title)[0],
        pixels=pixels_of(config.backbone, backbone),
        batch_size=config.batch_size,
        seed=run.seed,
        num_threads=max(2, torch.get_num_threads()),
    )
    categorizer = fit_image_categorizer(
        backbone,
        photos,
        categories.names,
        epochs=config.epochs,
        learning_rate=config.learning_rate,
        freeze_backbone=config.freeze_backbone,
        seed=run.seed,
        device=_device(),
        state_folder=partial / STATE,
        progress=report,
    )
    categorizer.save(partial)
    return {}


def _device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def _text_settings(run: RunConfig) -> dict[str, Any]:
    config = run.calibrate
    names = ("tagger", "known_entities", "actions", "rater")
    return {
        **{name: getattr(config, name) for name in names},
        "categories": asdict(config.categories),
    }


def _without(section: dict[str, Any], used_later: str) -> dict[str, Any]:
    """A section without the setting that only ``transform`` reads."""
    return {key: value for key, value in section.items() if key != used_later}


GENERATIONS: tuple[tuple[Component, ...], ...] = (
    (Component("text", _fit_text, _text_settings),),
    (
        Component(
            "word_vectors",
            _fit_word_vectors,
            lambda run: asdict(run.calibrate.word_vectors),
            needs=("text/entities.json",),
        ),
        Component(
            "sentence_encoder",
            _fit_sentence_encoder,
            lambda run: _without(asdict(run.calibrate.sentence_encoder), "max_sentences"),
            uses_gpu=True,
        ),
        Component(
            "image_categorizer",
            _fit_image_categorizer,
            lambda run: _without(asdict(run.calibrate.image_categorizer), "vector"),
            needs=("text/categories.json",),
            uses_gpu=True,
        ),
    ),
)
"""Components by what they wait for; those of one generation are fitted side by side."""
