"""The components of the calibrator: what decides each, and what it waits for."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, assert_never

from seje_ray.artifact import Artifact, finished, open_artifact, outdated
from seje_ray.calibration.language import ENGLISH
from seje_ray.calibration.text_model import text_model_hash
from seje_ray.config import BackboneConfig, RunConfig
from seje_ray.features.backbones import (
    changed_network,
    network_settings,
    network_weights,
    plan_before,
)
from seje_ray.integrity import file_hash
from seje_ray.manifest import (
    Plan,
    manifest_in,
)
from seje_ray.pipeline.component_fits import (
    Facts,
    FitInputs,
    Fitted,
    category_backoff_fit,
    line_tagger_fit,
    sentence_encoder_fit,
    text_fit,
    word_vectors_fit,
)
from seje_ray.pipeline.given_calibrator import given_component
from seje_ray.pipeline.image_fits import image_categorizer_fit
from seje_ray.pipeline.lexical_fit import lexical_fit
from seje_ray.recipe1m.labelled_photos import read_labelled_folder
from seje_ray.schema import COMPONENT
from seje_ray.workspace import Workspace

Fit = Callable[[FitInputs], tuple[Fitted, Facts]]


@dataclass(frozen=True, slots=True)
class Component:
    """One part of the calibrator."""

    name: str
    fit: Fit
    settings: Callable[[RunConfig], dict[str, Any]]
    needs: tuple[str, ...] = ()  # components fitted before, or the one file of theirs it reads
    is_network: bool = False  # trained on a GPU if there is one
    in_group: bool = False  # trained by all workers together, if there are several
    files: Callable[[RunConfig], dict[str, str]] = lambda run: {}  # hashes of files it reads
    backbone: Callable[[RunConfig], BackboneConfig] | None = None  # its image network's

    @property
    def kind(self) -> str:
        """Kind of its artifact."""
        return COMPONENT + self.name

    def plan(self, run: RunConfig, recipes: Artifact, workspace: Workspace) -> Plan:
        """Plan of the component: all that decides it."""
        given = given_component(run, self.name)
        if given is not None:
            return Plan(
                kind=self.kind, section={}, inputs={"taken": given.content_hash}, seed=run.seed
            )
        inputs = {"recipes": recipes.content_hash}
        for need in self.needs:
            name, _, file = need.partition("/")
            fitted = open_artifact(workspace.component(name), COMPONENT + name)
            inputs[need] = fitted.manifest.shards[file] if file else fitted.content_hash
        return Plan(
            kind=self.kind,
            section=self.settings(run) | language_section(run),
            inputs=inputs | self.files(run),
            seed=run.seed,
        )

    def finished(
        self, run: RunConfig, recipes: Artifact, workspace: Workspace, folder: Path | None = None
    ) -> Artifact | None:
        """The fitted component, if nothing that decides it has changed.

        Args:
            run: The run.
            recipes: What it is fitted on.
            workspace: Where the components are that it needs.
            folder: Where it lies; None for its place in ``workspace``.
        """
        plan = self.plan(run, recipes, workspace)
        before = None
        if self.backbone is not None and run.calibrate.calibrator_from is None:
            before = plan_before(plan, "backbone", self.backbone(run))
        folder = folder or workspace.component(self.name)
        return finished(folder, plan, before, verify=workspace.verify)

    def changed(self, run: RunConfig, recipes: Artifact, workspace: Workspace) -> str | None:
        """Why it is fitted again, for a person, if its network or its schema has changed."""
        folder = workspace.component(self.name)
        known = manifest_in(folder)
        if known is None:
            return None
        is_fitted = run.calibrate.calibrator_from is None
        version = outdated(folder, self.kind, workspace.verify)
        if version is not None or self.backbone is None or not is_fitted:
            return version
        change = changed_network(known.plan, self.plan(run, recipes, workspace), "backbone")
        return change and f"{self.name} is fitted again, since {change}"


def file_hashes(**paths: str | None) -> dict[str, str]:
    """Hash of each file that is named."""
    named = {name: Path(path) for name, path in paths.items() if path is not None}
    return {name: file_hash(p) if p.is_file() else "missing" for name, p in named.items()}


def language_section(run: RunConfig) -> dict[str, Any]:
    """What decides how texts of another language are read; nothing for plain English."""
    config = run.calibrate
    lists = file_hashes(**asdict(config.word_lists))
    if config.language == ENGLISH and not lists:
        return {}
    return {"language": {"name": config.language, **lists}}


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
    """Settings that decide f_term beside the fitted parts."""
    config = run.calibrate
    names = ("actions", "rater", "key_term_vector")
    return {name: getattr(config, name) for name in names}


def text_files(run: RunConfig) -> dict[str, str]:
    """Hash of the text model, where it rates."""
    config = run.calibrate
    match config.rater:
        case "bert":
            return {"text_model": text_model_hash(str(config.text_model))}
        case "tfidf" | "textrank":
            return {}
    assert_never(config.rater)


def _categorizer_settings(run: RunConfig) -> dict[str, Any]:
    config = run.calibrate.image_categorizer
    settings = _without(asdict(config), "vector", "photos", "store_features")
    return settings | {"backbone": network_settings(run, config.backbone)}


def _photos_hash(run: RunConfig) -> dict[str, str]:
    config = run.calibrate.image_categorizer
    if config.photos is None:
        return network_weights(config.backbone)
    listing = read_labelled_folder(Path(config.photos), seed=run.seed).listing_hash
    return network_weights(config.backbone) | {"photos": listing}


def _sentence_settings(run: RunConfig) -> dict[str, Any]:
    config = run.calibrate.sentence_encoder
    match config.backend:
        case "skip_instructions":
            return _without(asdict(config), "max_sentences", "file")
        case "transformer":
            return {"text_model": text_model_hash(str(run.calibrate.text_model))}
        case "file":
            return {"backend": config.backend}
    assert_never(config.backend)


def _without(section: dict[str, Any], *used_elsewhere: str) -> dict[str, Any]:
    """A section without the settings that this component does not read."""
    return {key: value for key, value in section.items() if key not in used_elsewhere}


LINE_TAGGER = Component(
    "line_tagger",
    line_tagger_fit,
    lambda run: _without(asdict(run.calibrate.line_tagger), "threshold"),
    is_network=True,
)
WORD_VECTORS = Component(
    "word_vectors",
    word_vectors_fit,
    lambda run: asdict(run.calibrate.word_vectors),
    needs=("text/entities.json",),
    files=lambda run: file_hashes(word_vectors=run.calibrate.word_vectors.file),
)
CATEGORY_BACKOFF = Component(
    "category_backoff",
    category_backoff_fit,
    lambda run: {
        **text_section(run),
        "precision": run.calibrate.categories.backoff_precision,
    },
    needs=("text", "word_vectors"),
    files=text_files,
)


LEXICAL = Component(
    "lexical",
    lexical_fit,
    lambda run: _without(asdict(run.calibrate.lexical), "enabled"),
)


def _text(*, tags: bool) -> Component:
    return Component(
        "text",
        text_fit,
        _text_settings,
        needs=("line_tagger",) if tags else (),
        files=lambda run: file_hashes(category_table=run.calibrate.categories.table),
    )


def _sentence_encoder(*, is_fitted: bool) -> Component:
    return Component(
        "sentence_encoder",
        sentence_encoder_fit,
        _sentence_settings,
        is_network=is_fitted,
        in_group=is_fitted,
        files=lambda run: file_hashes(sentence_vectors=run.calibrate.sentence_encoder.file),
    )


def _image_categorizer(*, has_own_photos: bool) -> Component:
    return Component(
        "image_categorizer",
        image_categorizer_fit,
        _categorizer_settings,
        needs=() if has_own_photos else ("text/categories.json",),
        is_network=True,
        in_group=True,
        files=_photos_hash,
        backbone=lambda run: run.calibrate.image_categorizer.backbone,
    )


def generations(run: RunConfig) -> tuple[tuple[Component, ...], ...]:
    """Components by what they wait for; those of one generation are fitted side by side."""
    config = run.calibrate
    tags, fills = config.tagger == "bilstm", config.categories.backoff != "none"
    is_fitted = config.sentence_encoder.backend == "skip_instructions"
    has_own_photos = config.image_categorizer.photos is not None
    return (
        (LINE_TAGGER,) if tags else (),
        (_text(tags=tags),),
        (
            WORD_VECTORS,
            _sentence_encoder(is_fitted=is_fitted),
            _image_categorizer(has_own_photos=has_own_photos),
            *((LEXICAL,) if config.lexical.enabled else ()),
        ),
        (CATEGORY_BACKOFF,) if fills else (),
    )
