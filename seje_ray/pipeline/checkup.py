"""Whether all that a workspace holds is as it was written."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from seje_ray.artifact import Artifact, open_artifact, partial_folder
from seje_ray.errors import ArtifactError
from seje_ray.integrity import Verify
from seje_ray.schema import COMPONENT
from seje_ray.training.checkpoints import checkpoint_fault
from seje_ray.training.run_manifest import RunManifest, is_finished
from seje_ray.workspace import Workspace


@dataclass(slots=True)
class Checkup:
    """What was looked at, and what is wrong."""

    num_artifacts: int = 0
    num_files: int = 0
    num_bytes: int = 0
    faults: list[str] = field(default_factory=list)  # each with the command that mends it
    unfinished: list[str] = field(default_factory=list)  # that their command resumes

    def __str__(self) -> str:
        size = f"{self.num_bytes / 1e6:,.1f} MB"
        return f"{self.num_artifacts} artifacts, {self.num_files:,} files, {size}"


def check_workspace(workspace: Workspace, verify: Verify = "full") -> Checkup:
    """Compare every file of every artifact and checkpoint with what was noted of it.

    Args:
        workspace: There or not yet; its variants are looked at, too.
        verify: Compare sha256 and size, or size alone.
    """
    found = Checkup()
    for folder, kind in _artifacts(workspace):
        if (folder / "manifest.json").is_file():
            _look_at(folder, kind, verify, found)
        if partial_folder(folder).is_dir():
            found.unfinished.append(str(folder))
    for folder in sorted(path for path in workspace.runs.glob("*") if path.is_dir()):
        _look_at_run(folder, verify, found)
    for folder in sorted(path for path in workspace.variants.glob("*") if path.is_dir()):
        below = check_workspace(Workspace(folder), verify)
        found.num_artifacts += below.num_artifacts
        found.num_files += below.num_files
        found.num_bytes += below.num_bytes
        found.faults += below.faults
        found.unfinished += below.unfinished
    return found


def _artifacts(workspace: Workspace) -> Iterator[tuple[Path, str]]:
    """Folders in which an artifact lies or may lie, with the kind that belongs there."""
    yield workspace.recipes, "recipes"
    yield workspace.calibrator, "calibrator"
    for folder in _names(workspace.calibrator):
        yield folder, COMPONENT + folder.name
    yield workspace.calibrated, "calibrated"
    for folder in _names(workspace.all_embeddings):
        yield folder, "embeddings"
    for run in _names(workspace.indexes):
        for folder in _names(run):
            yield folder, "index"


def _names(folder: Path) -> list[Path]:
    """Folders of artifacts within a folder, also of such that are not finished yet."""
    below = [path for path in folder.glob("*") if path.is_dir()]
    return sorted({path.with_name(path.name.removesuffix(".partial")) for path in below})


def _look_at(folder: Path, kind: str, verify: Verify, found: Checkup) -> None:
    found.num_artifacts += 1
    try:
        artifact = open_artifact(folder, kind)
        _count(artifact, found)
        artifact.require_whole(verify)
    except ArtifactError as error:
        found.faults.append(str(error))


def _count(artifact: Artifact, found: Checkup) -> None:
    for name in artifact.manifest.shards:
        path = artifact.folder / name
        if path.is_file():
            found.num_files += 1
            found.num_bytes += path.stat().st_size


def _look_at_run(folder: Path, verify: Verify, found: Checkup) -> None:
    """All checkpoints of a training, and that its manifest names one of them."""
    found.num_artifacts += 1
    again = f"run `seje-ray train --run {folder.name}` again"
    for checkpoint in sorted(folder.glob("checkpoint-*")):
        files = [path for path in checkpoint.glob("*") if path.is_file()]
        found.num_files += len(files)
        found.num_bytes += sum(path.stat().st_size for path in files)
        if (fault := checkpoint_fault(checkpoint, verify)) is not None:
            found.faults.append(f"{fault}; {again}")
    if not is_finished(folder):
        found.unfinished.append(str(folder))
        return
    try:
        best = folder / RunManifest.read(folder).best_checkpoint
    except ArtifactError as error:
        found.faults.append(str(error))
        return
    if not best.is_dir():
        found.faults.append(f"{best} is missing; {again}")
