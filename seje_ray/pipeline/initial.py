"""A training that starts from another one: what is taken, and what becomes of the rest."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from safetensors.torch import load_file
from torch import Tensor

from seje_ray.artifact import Artifact
from seje_ray.config import RunConfig, run_to_dict, with_settings
from seje_ray.errors import ArtifactError
from seje_ray.features.checkpoint import TrainedModel, load_model, read_origin
from seje_ray.features.model import FeatureDims, build_discriminator, build_model
from seje_ray.features.transfer import (
    Transfer,
    transfer,
)
from seje_ray.integrity import file_hash
from seje_ray.pipeline.initial_axes import axes_of, stretches
from seje_ray.pipeline.ridge_fit import fit_ridge
from seje_ray.pipeline.runs import begun_from
from seje_ray.store.location import as_uri, mirrored_path
from seje_ray.store.mirror import fetch, pull
from seje_ray.training.checkpoints import checkpoint_name, newest_checkpoint
from seje_ray.training.initial_weights import write_initial_weights, write_ridge
from seje_ray.training.loaders import lexicon_for
from seje_ray.training.run_manifest import RunManifest, is_finished
from seje_ray.workspace import Workspace


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
    if members := read_origin(checkpoint)[1].members:
        raise ArtifactError(
            f"train.init_from: {location}: an ensemble; name one of its members, which are "
            f"{', '.join(members)}"
        )
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


def hash_of_trials_start(run: RunConfig, workspace: Workspace) -> str | None:
    """Hash of what a trial starts from; None where that is nothing, or gone.

    Trials that have ended need it no more; one that begins says that it is gone.
    """
    try:
        initial = initial_run(run, workspace)
    except ArtifactError:
        return None
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
    if newest_checkpoint(folder) is not None:
        return []
    initial = initial_run(run, workspace)
    taken = [] if initial is None else write_initial(run, calibrated, initial, folder)
    if run.model.used_ridge_share:
        ridge, penalty = fit_ridge(run, calibrated)
        write_ridge(folder, ridge)
        taken.append(f"ridge regression beside it: penalty {penalty:,g}, the best on val")
    return taken


def _checkpoint(location: str, workspace: Workspace) -> Path:
    uri = as_uri(location)
    folders = (Path(location), workspace.run(location)) if uri is None else (mirrored_path(uri),)
    for folder in folders:
        if all(fetch(folder / name).is_file() for name in ("run.json", "model.safetensors")):
            return pull(folder)
        if is_finished(folder):
            return pull(folder / RunManifest.read(folder).best_checkpoint)
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
    own, state = (_without_ridge(one) for one in (own, given.model.state_dict()))
    axes = (
        axes_of(own, run, calibrated.manifest.facts),
        axes_of(state, given.run, given.origin.facts),
    )
    return transfer(own, state, axes, stretches(given, run, calibrated, checkpoint))


def _without_ridge(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Without the regression, which is fitted to the data of each training anew."""
    return {name: value for name, value in state.items() if ".ridge." not in name}
