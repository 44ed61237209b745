"""Plan of a trial: one file, ``job.json``, in its folder."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from seje_ray.artifact import Artifact, open_artifact, require_equal_hash, write_json
from seje_ray.config import RunConfig, run_from_json, run_to_dict
from seje_ray.config.renamed import present_name
from seje_ray.durable import read_json
from seje_ray.errors import ArtifactError
from seje_ray.store.mirror import fetch
from seje_ray.tuning.space import Point
from seje_ray.workspace import Workspace

FILE = "job.json"


@dataclass(frozen=True, slots=True)
class TrialPlan:
    """One training: its settings, its data, and what is measured when it ends.

    Equal plans train the same. Where the data lies does not count, its content does: a workspace
    may be moved.
    """

    name: str  # of the trial's folder
    run: RunConfig
    location: str = field(compare=False)  # of the calibrated artifact, within the workspace
    calibrated_hash: str
    partitions: tuple[str, ...] = ()  # measured with the best checkpoint
    values: Point = field(default_factory=dict)  # of a tuning: what differs from its run
    initial_hash: str | None = None  # of what it starts from; None: from nothing, or not known

    @classmethod
    def of(
        cls,
        name: str,
        run: RunConfig,
        calibrated: Artifact,
        workspace: Workspace,
        partitions: tuple[str, ...] = (),
        values: Point | None = None,
        initial_hash: str | None = None,
    ) -> "TrialPlan":
        """The plan of a training on calibrated data of the workspace."""
        location, content = workspace.stored(calibrated.folder), calibrated.content_hash
        return cls(name, run, location, content, partitions, values or {}, initial_hash)

    def write(self, folder: Path) -> None:
        """Store it in the folder of its trial."""
        folder.mkdir(parents=True, exist_ok=True)
        stored = {
            "run": run_to_dict(self.run),
            "calibrated": self.location,
            "calibrated_hash": self.calibrated_hash,
            "partitions": list(self.partitions),
            "values": self.values,
            **({} if self.initial_hash is None else {"initial_hash": self.initial_hash}),
        }
        write_json(folder / FILE, stored)

    @classmethod
    def read(cls, folder: Path, workspace: Workspace) -> "TrialPlan":
        """Read what ``write`` stored, in this version or an older one."""
        raw = _stored(folder)
        run = run_from_json(json.dumps(raw["run"]), str(folder / FILE))
        return cls(
            folder.name,
            run,
            _within(raw["calibrated"], workspace),
            raw["calibrated_hash"],
            tuple(raw["partitions"]),
            under_present_names(raw["values"]),
            raw.get("initial_hash"),
        )

    def open_calibrated(self, workspace: Workspace) -> Artifact:
        """The data to train on.

        Raises:
            ArtifactError: If it is not what it was when the trial was begun.
        """
        found = open_artifact(workspace.resolved(self.location), "calibrated")
        require_equal_hash(
            "calibrated artifact",
            found.folder,
            found.content_hash,
            self.calibrated_hash,
            "seje-ray calibrate",
        )
        return found


def read_values(folder: Path) -> Point:
    """Values of the trial in ``folder``; none where it was never begun."""
    if not fetch(folder / FILE).is_file():
        return {}
    return under_present_names(_stored(folder)["values"])


def _stored(folder: Path) -> dict[str, Any]:
    raw: dict[str, Any] | None = read_json(fetch(folder / FILE))
    if raw is None:
        raise ArtifactError(
            f"{folder / FILE}: cannot be read, so this trial cannot be resumed; choose another "
            f"name with --name, or delete {folder.parent.parent}"
        )
    return raw


def under_present_names(values: Point) -> Point:
    """Values as an older version may have stored them, under the names that settings have now."""
    return {present_name(key): value for key, value in values.items()}


def kept(begun: Mapping[str, TrialPlan], wanted: Sequence[TrialPlan]) -> set[str]:
    """Names of the trials that were begun by the plan that is wanted now.

    How many trials and seeds there are besides decides nothing of a trial.
    """
    return {
        plan.name
        for plan in wanted
        if plan.name in begun
        and _alone(begun[plan.name]) == _alone(plan)
        and _may_start_alike(begun[plan.name], plan)
    }


def _may_start_alike(begun: TrialPlan, wanted: TrialPlan) -> bool:
    """Whether both start from the same weights, as far as is known."""
    hashes = begun.initial_hash, wanted.initial_hash
    return None in hashes or hashes[0] == hashes[1]


def _alone(plan: TrialPlan) -> TrialPlan:
    """The plan without what its run says of other trials, and without the hash of its start."""
    tune = replace(plan.run.tune, num_trials=None, num_seeds=1)
    return replace(plan, run=replace(plan.run, tune=tune), initial_hash=None)


def _within(stored: str, workspace: Workspace) -> str:
    """A location within the workspace; older versions stored where that lay at the time."""
    parts = Path(stored).parts
    if not Path(stored).is_absolute():
        return stored
    variant = "/".join(parts[-3:])  # variants/KEY/calibrated
    return variant if workspace.resolved(variant).exists() else parts[-1]
