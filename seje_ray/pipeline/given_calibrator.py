"""A calibrator that another workspace has fitted: taken as it is, component by component."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from seje_ray.artifact import Artifact, open_artifact
from seje_ray.config import RunConfig, load_run
from seje_ray.config.changes import changed_settings, decisive_settings
from seje_ray.errors import ArtifactError
from seje_ray.integrity import file_hash
from seje_ray.schema import COMPONENT
from seje_ray.store.mirror import fetch
from seje_ray.workspace import Workspace

FREE = ("calibrate.calibrator_from", "calibrate.text_model")  # may differ from the other's


@dataclass(frozen=True, slots=True)
class GivenComponent:
    """A fitted component of another workspace."""

    fitted: Artifact

    def save(self, folder: Path) -> None:
        """Copy its files into an existing folder.

        Raises:
            ArtifactError: If one is not what it was when it was fitted.
        """
        for name, expected in self.fitted.manifest.shards.items():
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(fetch(self.fitted.folder / name), target)
            if (found := file_hash(target)) != expected:
                raise ArtifactError(
                    f"{self.fitted.folder / name}: expected {expected[:12]}, found {found[:12]}: "
                    "changed since it was fitted; run `seje-ray calibrate` there again"
                )


def given_component(run: RunConfig, name: str) -> Artifact | None:
    """The component that ``run`` takes from another workspace; None where it fits its own.

    Raises:
        ArtifactError: If it is not there.
    """
    source = run.calibrate.calibrator_from
    if source is None:
        return None
    return open_artifact(Workspace.at(source).component(name), COMPONENT + name)


def require_same_calibration(run: RunConfig, workspace: Workspace) -> None:
    """Refuse to read another workspace's calibrator with other settings than it was fitted with.

    Raises:
        ArtifactError: If that is not calibrated, is this very workspace, or names what differs.
    """
    if run.calibrate.calibrator_from is None:
        return
    source = Workspace.at(run.calibrate.calibrator_from)
    if source.folder == workspace.folder:
        raise ArtifactError(
            f"{source}: calibrate.calibrator_from: expected another workspace, found this one"
        )
    source.open_calibrator()
    if not source.calibrated_run.is_file():
        raise ArtifactError(
            f"{source.calibrated}: expected the run file of a finished calibration, found none; "
            f"run `seje-ray calibrate --workspace {source}` first"
        )
    theirs = decisive_settings(load_run(source.calibrated_run), ("seed", "calibrate"), FREE)
    own = decisive_settings(run, ("seed", "calibrate"), FREE)
    changed = changed_settings(theirs, own)
    if changed:
        shown = ", ".join(
            f"{key}: {old!r} there, {new!r} here" for key, (old, new) in changed.items()
        )
        raise ArtifactError(
            f"{source}: its calibrator was fitted with other settings ({shown}); leave out "
            "--config to take those, or fit one of your own without --calibrator-from"
        )
