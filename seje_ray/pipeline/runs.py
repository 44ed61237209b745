"""Trainings of a workspace: ``runs/NAME``, resumable until finished."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seje_ray.artifact import Artifact, require_equal_hash, write_json
from seje_ray.calibration.text_model import text_model_hash
from seje_ray.config import RunConfig, run_from_json, run_to_dict
from seje_ray.config.changes import decisive_settings, require_same_settings
from seje_ray.config.names import required_name
from seje_ray.errors import ArtifactError
from seje_ray.features.backbones import changed_photos, photos_as_stored
from seje_ray.features.checkpoint import read_origin
from seje_ray.features.inputs import Reads
from seje_ray.features.model import photos_of
from seje_ray.integrity import Verify
from seje_ray.store.mirror import fetch, matching, pull, remove
from seje_ray.training.checkpoints import (
    checkpoint_fault,
    checkpoint_name,
    newest_checkpoint,
    prune_checkpoints,
)
from seje_ray.training.history import write_history
from seje_ray.training.run_manifest import FILE, BrokenManifestError, RunManifest, is_finished
from seje_ray.workspace import Workspace

STARTED_WITH = "run.json"
DECISIVE = ("seed", "model", "loss", "train")  # parts of the run
FREE_TO_CHANGE = (  # of a run that is resumed
    "train.init_from",  # the hash of what lies there may not
    "train.num_epochs",
    "train.checkpoint_steps",
    "train.decode",
    "train.hang_minutes",
    "train.picture_epochs",
)


@dataclass(frozen=True, slots=True)
class TrainedRun:
    """A finished training."""

    folder: Path
    best_checkpoint: Path
    best_epoch: int
    metrics: dict[str, float]  # of the best epoch
    members: tuple[str, ...] = ()  # names of the trainings that it is an ensemble of

    @property
    def made(self) -> str:
        """How its model came about, in words."""
        if self.members:
            return f"ensemble of {', '.join(self.members)}"
        return f"best epoch {self.best_epoch}"

    @classmethod
    def read(cls, folder: Path) -> "TrainedRun":
        """Read the finished training in ``folder``.

        Raises:
            ArtifactError: If it is none.
        """
        known = RunManifest.read(folder)
        best = folder / known.best_checkpoint
        return cls(folder, best, known.best_epoch, dict(known.metrics), tuple(known.members))


def open_run(workspace: Workspace, name: str | None) -> TrainedRun:
    """Open the finished training ``name``, or the newest one where it is None.

    Raises:
        ArtifactError: If there is none, or its best checkpoint is damaged.
    """
    if name is not None and is_finished(workspace.run(required_name(name, "--run"))):
        return _whole(TrainedRun.read(workspace.run(name)), workspace)
    finished = _finished_runs(workspace)
    if name is None and finished:
        return _whole(TrainedRun.read(finished[-1]), workspace)
    others = ", ".join(sorted(folder.name for folder in finished))
    missing = f"no finished training named {name!r}" if name else "no finished training"
    raise ArtifactError(
        f"{workspace.runs}: {missing}; run `seje-ray train{f' --run {name}' if name else ''}` "
        "first" + (f", or choose one of {others}" if others else "")
    )


def _finished_runs(workspace: Workspace) -> list[Path]:
    """Folders of all finished trainings, the newest last."""
    known = map(fetch, matching(workspace.runs, f"*/{FILE}"))
    return [path.parent for path in sorted(known, key=lambda path: path.stat().st_mtime)]


def _whole(trained: TrainedRun, workspace: Workspace) -> TrainedRun:
    """A training whose best checkpoint is as it was written, and brought."""
    pull(trained.best_checkpoint)
    fault = checkpoint_fault(trained.best_checkpoint, workspace.verify)
    if fault is not None:
        verb = " ".join(["ensemble", *trained.members]) if trained.members else "train"
        raise ArtifactError(f"{fault}; run `seje-ray {verb} --run {trained.folder.name}` again")
    return trained


def require_same_run(
    folder: Path, run: RunConfig, calibrated: Artifact, initial_hash: str | None = None
) -> None:
    """Refuse to resume with other settings, data or start under the same name.

    Args:
        folder: Of the training.
        run: As it is now.
        calibrated: Its data.
        initial_hash: Of what it starts from, or None.

    Raises:
        ArtifactError: Naming what changed.
    """
    if (members := ensemble_of(folder)) is not None:
        raise ArtifactError(
            f"{folder}: an ensemble of {', '.join(members)}; choose another name with --run"
        )
    known = _begun(folder)
    if known is None:
        return  # nothing to resume, so nothing to mix
    require_equal_hash(
        "calibrated artifact",
        folder,
        known["calibrated"],
        calibrated.content_hash,
        f"seje-ray train --run ANOTHER_NAME` or delete {folder}, then `seje-ray train",
    )
    require_equal_hash(
        "start (train.init_from)",
        folder,
        known.get("initial") or "none",
        initial_hash or "none",
        f"seje-ray train --run ANOTHER_NAME` or delete {folder}, then `seje-ray train",
    )
    if "text_weights" in known:  # versions before did not note it
        require_equal_hash(
            "text model (calibrate.text_model)",
            folder,
            known["text_weights"],
            _text_weights(run) or "none",
            f"seje-ray train --run ANOTHER_NAME` or delete {folder}, then `seje-ray train",
        )
    # Read as a run, so that settings it did not know yet have their defaults.
    before = _run_of(known, folder)
    require_same_settings(folder, "run", _decisive(before), _decisive(run), "--run")


def ensemble_of(folder: Path) -> dict[str, str] | None:
    """Names of the trainings that lie side by side in ``folder``, with the hash of their weights.

    None where a training of its own lies there, or none.
    """
    last = newest_checkpoint(folder)
    if last is None:
        return None
    try:
        _, origin = read_origin(last)
    except ArtifactError:
        return None  # a damaged checkpoint is set aside by whoever resumes
    return dict(origin.members) or None


def begun_from(folder: Path, location: str) -> tuple[RunConfig, str] | None:
    """The run that a training to be resumed was begun with, and the hash of its start.

    None if there is nothing to resume, or if its start was not at ``location``.
    """
    known = _begun(folder)
    if known is None or "initial" not in known:
        return None
    run = _run_of(known, folder)
    is_there = run.train.init_from in (location, str(Path(location).absolute()))
    return (run, known["initial"]) if is_there else None


def _begun(folder: Path) -> dict[str, Any] | None:
    """What ``begin_run`` noted; None where there is no checkpoint to resume from."""
    path = fetch(folder / STARTED_WITH)
    if not path.is_file() or newest_checkpoint(folder) is None:
        return None
    try:
        known: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ArtifactError(
            f"{path}: cannot be read ({error}), so nothing says what this training was begun "
            f"with; choose another name with --run, or delete {folder}"
        ) from error
    return known


def _text_weights(run: RunConfig) -> str | None:
    """Identity of the text tower's weights; None where there is no text tower."""
    if not Reads.of(run.model).tokens:
        return None
    return text_model_hash(str(run.calibrate.text_model))


def _run_of(begun: dict[str, Any], folder: Path) -> RunConfig:
    return run_from_json(json.dumps(begun["run"]), str(folder / STARTED_WITH))


def require_same_photos(folder: Path, run: RunConfig, option: str = "--run") -> None:
    """Refuse to resume where the run's own image network would see photos in another way.

    Args:
        folder: Of the training.
        run: As it is now.
        option: Of the command, under which another name begins afresh.

    Raises:
        ArtifactError: Naming what changed, e.g. by an upgrade of timm.
    """
    last = newest_checkpoint(folder)
    if run.model.freeze_backbone or last is None:
        return
    backbone = run.model.backbone
    before = photos_as_stored(read_origin(last)[1].photos or {}, backbone.name)
    changes = changed_photos(before, photos_of(backbone))
    if changes:
        raise ArtifactError(
            f"{folder}: {backbone.name} saw photos in another way when this run was started "
            f"({', '.join(changes)}); choose another name with {option}"
        )


def is_complete(folder: Path, run: RunConfig, verify: Verify = "size") -> bool:
    """Whether the training in ``folder`` is finished, with all epochs that ``run`` asks for.

    One whose manifest or best checkpoint is damaged is unfinished: it goes on from its last
    whole checkpoint.

    Raises:
        ArtifactError: If a newer program finished it.
    """
    if not is_finished(folder):
        return False
    try:
        known = RunManifest.read(folder)
    except BrokenManifestError:
        return False
    if checkpoint_fault(folder / known.best_checkpoint, verify) is not None:
        return False
    return known.stopped_early or known.num_epochs >= run.train.num_epochs


def begin_run(
    folder: Path, run: RunConfig, calibrated: Artifact, initial_hash: str | None = None
) -> None:
    """Note what a training starts with; a finished one that is resumed is unfinished again."""
    folder.mkdir(parents=True, exist_ok=True)
    stored = {"run": run_to_dict(run), "calibrated": calibrated.content_hash}
    if initial_hash is not None:
        stored["initial"] = initial_hash
    text_weights = _text_weights(run)
    if text_weights is not None:
        stored["text_weights"] = text_weights
    write_json(folder / STARTED_WITH, stored)
    # From here on it may name a checkpoint that a better one replaces.
    remove(folder / FILE)


def close_run(folder: Path, num_epochs: int) -> TrainedRun:
    """Write the history, and the manifest: the best checkpoint and what that reached on val."""
    last = pull(folder / checkpoint_name(num_epochs))
    progress = json.loads((last / "progress.json").read_text(encoding="utf-8"))
    write_history(folder, progress["history"])
    best = int(progress["best_epoch"])
    checkpoint = pull(folder / checkpoint_name(best))
    prune_checkpoints(folder, {last.name, checkpoint.name})  # what Ray lost count of in a kill
    _, origin = read_origin(checkpoint)
    RunManifest(
        best_checkpoint=checkpoint.name,
        best_epoch=best,
        num_epochs=progress["num_epochs"],
        stopped_early=progress["stopped_early"],
        metrics=progress["history"][best - 1],
        calibrated=origin.calibrated_hash,
        vocabulary_hash=origin.vocabulary_hash,
    ).write(folder)
    return TrainedRun.read(folder)


def _decisive(run: RunConfig) -> dict[str, Any]:
    """Dotted settings that decide the numbers of a training."""
    free: tuple[str, ...] = FREE_TO_CHANGE
    if run.train.schedule == "cosine":
        free = tuple(key for key in free if key != "train.num_epochs")
    return decisive_settings(run, DECISIVE, free)
