"""A training that starts from another one: what is taken, and what becomes of the rest."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from seje_ray.artifact import Artifact, file_hash, manifest_in
from seje_ray.calibration.lexical import Lexicon
from seje_ray.calibration.word_vectors import WordVectors
from seje_ray.config import CATEGORIZER, RunConfig, run_to_dict, with_settings
from seje_ray.errors import ArtifactError
from seje_ray.features.checkpoint import TrainedModel, load_model, read_origin
from seje_ray.features.inputs import Reads
from seje_ray.features.model import FeatureDims, build_discriminator, build_model
from seje_ray.features.model_axes import model_axes
from seje_ray.features.transfer import (
    MIN_SHARED,
    Axis,
    Labelled,
    Mapped,
    Other,
    Same,
    State,
    Stretch,
    Transfer,
    linear_map,
    transfer,
)
from seje_ray.pipeline.runs import begun_from
from seje_ray.training.checkpoints import checkpoint_name, newest_checkpoint
from seje_ray.training.initial_weights import write_initial_weights
from seje_ray.training.loaders import lexicon_for
from seje_ray.training.run_manifest import RunManifest, is_finished
from seje_ray.workspace import Workspace

MEANINGS = (  # of all that an axis may stand for
    "photos", "words", "standardised words", "sentences", "tower", "terms", "bag", "categories",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class InitialRun:
    """The checkpoint that a training starts from."""

    checkpoint: Path
    content_hash: str  # of the model and of what it was trained on


def initial_run(run: RunConfig, workspace: Workspace) -> InitialRun | None:
    """The checkpoint that ``train.init_from`` names; None where it names none.

    Raises:
        ArtifactError: If there is no finished training, and no checkpoint, of that name.
    """
    location = run.train.init_from
    if location is None:
        return None
    checkpoint = _checkpoint(location, workspace)
    hashes = [file_hash(checkpoint / name) for name in ("model.safetensors", "run.json")]
    return InitialRun(checkpoint, hashlib.sha256("".join(hashes).encode()).hexdigest())


def hash_of_start(run: RunConfig, workspace: Workspace, folder: Path) -> str | None:
    """Hash of what a training starts from; None where it starts from nothing.

    One that is resumed has in its own folder what it took, so the other training may be gone.

    Args:
        run: The run.
        workspace: In which a name of ``train.init_from`` is looked up.
        folder: Of the training.

    Raises:
        ArtifactError: As ``initial_run``.
    """
    try:
        initial = initial_run(run, workspace)
    except ArtifactError:
        begun = begun_from(folder, str(run.train.init_from))
        if begun is None:
            raise
        return begun[1]
    return None if initial is None else initial.content_hash


def prepare_initial(
    run: RunConfig, calibrated: Artifact, folder: Path, workspace: Workspace
) -> list[str]:
    """Put what a training starts from into its folder, unless it resumes.

    Args:
        run: The run.
        calibrated: Its data, perhaps of a variant.
        folder: Of the training.
        workspace: In which a name of ``train.init_from`` is looked up.

    Returns:
        What is taken, new and dropped, in words; nothing where there is nothing to do.

    Raises:
        ArtifactError: If there is no such training, or nothing of it fits.
    """
    if run.train.init_from is None or newest_checkpoint(folder) is not None:
        return []
    initial = initial_run(run, workspace)
    assert initial is not None
    return write_initial(run, calibrated, initial, folder)


def _checkpoint(location: str, workspace: Workspace) -> Path:
    for folder in (Path(location), workspace.run(location)):
        if (folder / "model.safetensors").is_file() and (folder / "run.json").is_file():
            return folder
        if is_finished(folder):
            return folder / RunManifest.read(folder).best_checkpoint
    raise ArtifactError(
        f"train.init_from: {location}: expected the folder of a finished training or of a "
        f"checkpoint, or the name of a training in {workspace}, found none; name one such as "
        f"WORKSPACE/runs/NAME/{checkpoint_name(12)}"
    )


def with_shape_of_start(
    run: RunConfig, location: str, workspace: Workspace, folder: Path
) -> RunConfig:
    """``run`` with the model and the loss of the training that it is to start from.

    The image network stays that of ``run``: its features are the workspace's. If the other
    training is gone, and that of ``folder`` is to be resumed, its own shape counts.

    Raises:
        ArtifactError: If there is no such training.
        ConfigError: If the workspace's calibration lacks what that model reads.
    """
    try:
        given, _ = read_origin(_checkpoint(location, workspace))
    except ArtifactError:
        begun = begun_from(folder, location)
        if begun is None:
            raise
        given = begun[0]
    theirs, own = run_to_dict(given), run_to_dict(run)["model"]
    image = {name: own[name] for name in ("backbone", "freeze_backbone")}
    settings = {"model": theirs["model"] | image, "loss": theirs["loss"]}
    return with_settings(run, settings | {"train.init_from": location})


def write_initial(
    run: RunConfig, calibrated: Artifact, initial: InitialRun, folder: Path
) -> list[str]:
    """Put what a training takes into its folder; return what is taken, new and dropped, in words.

    Raises:
        ArtifactError: If nothing fits.
    """
    given = load_model(initial.checkpoint)
    dims, lexicon = FeatureDims.of(calibrated.manifest.facts), lexicon_for(run, calibrated)
    model = build_model(run, dims, lexicon=lexicon)
    found = _transfer(model.state_dict(), given, run, calibrated, initial.checkpoint)
    if found.is_empty:
        raise ArtifactError(
            f"train.init_from: {initial.checkpoint}: nothing of this training fits the run: "
            f"{'; '.join(found.lines())}; take its run file with --config, and its calibrator by "
            "`seje-ray calibrate --calibrator-from WORKSPACE`"
        )
    discriminator = transfer(
        build_discriminator(run).state_dict(),
        load_file(initial.checkpoint / "discriminator.safetensors"),
        ({}, {}),
        {},
    )
    write_initial_weights(folder, found.state, discriminator.state)
    return [f"from {initial.checkpoint}", *found.lines()]


def _transfer(
    own: dict[str, Tensor],
    given: TrainedModel,
    run: RunConfig,
    calibrated: Artifact,
    checkpoint: Path,
) -> Transfer:
    state = given.model.state_dict()
    axes = (
        _axes_of(own, run, calibrated.manifest.facts),
        _axes_of(state, given.run, given.origin.facts),
    )
    return transfer(own, state, axes, _stretches(given, run, calibrated, checkpoint))


def _axes_of(state: State, run: RunConfig, facts: Mapping[str, Any]) -> dict[str, Axis]:
    return model_axes(state, facts["word_dim"], has_key_terms=Reads.of(run.model).key_terms)


def _stretches(
    given: TrainedModel, run: RunConfig, calibrated: Artifact, checkpoint: Path
) -> dict[str, Stretch]:
    """What becomes of each thing that an axis may stand for."""
    own_facts, facts = calibrated.manifest.facts, given.origin.facts
    if given.origin.calibrated_hash == calibrated.content_hash:
        return dict.fromkeys(MEANINGS, Same())
    here, there = Workspace.of(calibrated), Workspace(checkpoint.parent.parent.parent)
    fitted = (
        fitted_for(here, calibrated.content_hash),
        fitted_for(there, given.origin.calibrated_hash),
    )
    terms = _terms(*fitted)
    has_words = given.origin.vocabulary_hash == own_facts["vocabulary_hash"]
    vocabularies = own_facts["vocabulary_hash"], given.origin.vocabulary_hash
    seen = _sees(run, own_facts), _sees(given.run, facts)
    return {
        "photos": _same(_is_same_network(*seen, fitted)),
        "words": Same() if has_words else _between_words(vocabularies, here, there),
        "standardised words": _same(has_words),
        "sentences": _same(_has_same_component("sentence_encoder", *fitted)),
        "tower": Same(),
        "terms": Other() if terms is None else Labelled(*terms, is_vector=True),
        "bag": _same(terms is not None and not set(terms[0]).isdisjoint(terms[1])),
        "categories": Labelled(
            own_facts.get("category_names", ()), facts.get("category_names", ())
        ),
    }


def _same(is_same: bool) -> Stretch:
    return Same() if is_same else Other()


def fitted_for(workspace: Workspace, calibrated_hash: str) -> Workspace | None:
    """The workspace, where what is fitted there still made the recipes of this hash; else None."""
    try:
        calibrated = workspace.open_calibrated()
        workspace.open_calibrator_of(calibrated)
    except ArtifactError:
        return None
    return workspace if calibrated.content_hash == calibrated_hash else None


def _sees(run: RunConfig, facts: Mapping[str, Any]) -> dict[str, Any]:
    """The network whose pooled features the image head reads."""
    stored = facts.get("image_features_of") if run.model.freeze_backbone else None
    return dict(stored) if stored else {"name": run.model.backbone.name}


def _is_same_network(
    own: dict[str, Any],
    given: dict[str, Any],
    fitted: tuple[Workspace | None, Workspace | None],
) -> bool:
    """Whether two networks give the same pooled features, wherever their weights lie."""
    are_fitted = [network.get("weights") == CATEGORIZER for network in (own, given)]
    if any(are_fitted) and not (
        all(are_fitted) and _has_same_component("image_categorizer", *fitted)
    ):
        return False
    unknown = {"weights"}
    if not all("weights_hash" in network for network in (own, given)):
        unknown.add("weights_hash")  # of a version before it was stored
    own, given = (
        {key: value for key, value in network.items() if key not in unknown}
        for network in (own, given)
    )
    return own == given


def _terms(here: Workspace | None, there: Workspace | None) -> tuple[list[str], list[str]] | None:
    """Terms of the lexical bags of both calibrations; None where one has none."""
    if here is None or there is None:
        return None
    folders = [workspace.component("lexical") for workspace in (here, there)]
    if not all((folder / "lexicon.json").is_file() for folder in folders):
        return None
    own, theirs = (Lexicon.load(folder).terms for folder in folders)
    return own, theirs


def _has_same_component(name: str, here: Workspace | None, there: Workspace | None) -> bool:
    if here is None or there is None:
        return False
    own, theirs = (manifest_in(workspace.component(name)) for workspace in (here, there))
    return own is not None and theirs is not None and own.shards == theirs.shards


def _between_words(vocabularies: tuple[str, str], here: Workspace, there: Workspace) -> Stretch:
    """A map between the spaces of two calibrations, learnt from the words that both have."""
    folders = [workspace.component("word_vectors") for workspace in (here, there)]
    if not all((folder / "words.json").is_file() for folder in folders):
        return Other()
    own, theirs = (WordVectors.load(folder) for folder in folders)
    if (own.vocabulary_hash, theirs.vocabulary_hash) != vocabularies:
        return Other()  # calibrated anew since
    matrix = word_map(own, theirs)
    return Other() if matrix is None else Mapped(matrix)


def word_map(own: WordVectors, given: WordVectors) -> Tensor | None:
    """A map from one space of word vectors to another, learnt from the words that both have.

    Returns:
        Shape (own dimensions, given dimensions); None if too few words are shared.
    """
    rows = {word: row for row, word in enumerate(given.words)}
    ours = [row for row, word in enumerate(own.words) if word in rows]
    if len(ours) < MIN_SHARED:
        return None
    theirs = [rows[own.words[row]] for row in ours]
    return linear_map(torch.from_numpy(own.matrix[ours]), torch.from_numpy(given.matrix[theirs]))
