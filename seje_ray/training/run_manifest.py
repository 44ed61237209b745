"""``manifest.json`` of a finished training: its best checkpoint and what that reached on val."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from seje_ray import __version__
from seje_ray.artifact import write_json
from seje_ray.errors import ArtifactError
from seje_ray.manifest import (
    command_of,
)
from seje_ray.schema import VERSIONS
from seje_ray.store.mirror import fetch

KIND = "run"
FILE = "manifest.json"


class BrokenManifestError(ArtifactError):
    """A manifest that cannot be read; to train again writes it anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunManifest:
    """Manifest of a finished training in the folder ``runs/NAME``."""

    best_checkpoint: str  # name of its folder
    best_epoch: int
    num_epochs: int  # that were trained
    stopped_early: bool
    metrics: Mapping[str, float]  # of the best epoch
    calibrated: str  # content hash of the data
    vocabulary_hash: str
    members: Mapping[str, str] = field(default_factory=dict)  # of an ensemble: name -> sha256
    seje_ray_version: str = __version__
    kind: str = KIND
    schema_version: int = VERSIONS[KIND]

    def write(self, folder: Path) -> None:
        """Commit: from here on the training is finished."""
        write_json(folder / FILE, asdict(self))

    @classmethod
    def read(cls, folder: Path) -> "RunManifest":
        """Read what ``write`` wrote, in this version or an older one, which named no kind.

        Raises:
            BrokenManifestError: If it is no manifest at all, e.g. half of one.
            ArtifactError: If it is that of another kind, or of a newer program.
        """
        path = fetch(folder / FILE)
        try:
            raw = {"kind": KIND, "schema_version": 1} | json.loads(path.read_text(encoding="utf-8"))
            is_known = raw["kind"] == KIND and raw["schema_version"] <= VERSIONS[KIND]
            found = cls(**raw) if is_known else None  # a newer one may have other fields
        except (OSError, ValueError, TypeError, RecursionError) as error:
            raise BrokenManifestError(
                f"{path}: not the manifest of a run ({error}); "
                f"run `{command_of(KIND)} --run {folder.name}` again"
            ) from error
        if found is None:
            raise ArtifactError(
                f"{folder}: expected {KIND} of schema {VERSIONS[KIND]} or older, found "
                f"{raw['kind']} of schema {raw['schema_version']}; choose another name with --run, "
                f"or delete {folder}"
            )
        return found


def is_finished(folder: Path) -> bool:
    """Whether the training in ``folder`` came to its end and was not resumed since."""
    return fetch(folder / FILE).is_file()
