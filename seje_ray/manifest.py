"""What an artifact says of itself: the plan that made it, and what is in it."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from seje_ray.schema import COMPONENT, VERSIONS
from seje_ray.store.mirror import fetch

MADE_BY = {  # kind -> the stage that makes it, and the command that runs that stage
    "recipes": ("ingest", "seje-ray calibrate --stage ingest"),
    "calibrator": ("fit", "seje-ray calibrate --stage fit"),
    "calibrated": ("transform", "seje-ray calibrate"),
    "run": ("train", "seje-ray train"),
    "embeddings": ("embed", "seje-ray evaluate"),
    "index": ("index", "seje-ray index"),
}
DERIVED = ("sizes", "shard_rows")  # what a manifest says of shards that their hashes decide


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """All that decides an artifact's content; two equal plans give the same bytes."""

    kind: str
    section: Mapping[str, Any]  # the parts of the run file that matter here
    inputs: Mapping[str, str]  # name -> content hash
    seed: int
    schema_version: int = 0  # of the kind; 0 is replaced by what this program makes

    def __post_init__(self) -> None:
        if not self.schema_version:
            object.__setattr__(self, "schema_version", VERSIONS[self.kind])

    def to_dict(self) -> dict[str, Any]:
        """Return plain data, equal to what a JSON round trip gives."""
        return json.loads(json.dumps(asdict(self)))  # type: ignore[no-any-return]


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """``manifest.json`` of a finished artifact. No time stamps: it is part of a content hash."""

    plan: Plan
    seje_ray_version: str
    rows: Mapping[str, int] = field(default_factory=dict)  # per partition
    rejected: Mapping[str, int] = field(default_factory=dict)  # by reason
    shards: Mapping[str, str] = field(default_factory=dict)  # file name -> sha256
    sizes: Mapping[str, int] = field(default_factory=dict)  # file name -> bytes; older: none
    shard_rows: Mapping[str, int] = field(default_factory=dict)  # file name -> rows; older: none
    facts: Mapping[str, Any] = field(default_factory=dict)  # what the kind adds, e.g. a hash

    @property
    def content_hash(self) -> str:
        """sha256 of the manifest, and through the shards' hashes of the content.

        What follows from these is left out: versions before did not note it.
        """
        noted = {name: value for name, value in asdict(self).items() if name not in DERIVED}
        return hashlib.sha256(to_json(noted).encode()).hexdigest()


def stage_of(kind: str) -> str:
    """The stage that makes artifacts of a kind, as a person knows it."""
    if kind.startswith(COMPONENT):
        return f"fit, component {kind.removeprefix(COMPONENT)}"
    return MADE_BY[kind][0]


def command_of(kind: str) -> str:
    """The command that makes artifacts of a kind."""
    return MADE_BY["calibrator" if kind.startswith(COMPONENT) else kind][1]


def manifest_in(folder: Path) -> Manifest | None:
    """The manifest in ``folder`` as it is stored, of whatever version; None if there is none."""
    try:
        raw = json.loads(fetch(folder / "manifest.json").read_text(encoding="utf-8"))
        return Manifest(**{**raw, "plan": Plan(**raw["plan"])})
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None


def to_json(value: object) -> str:
    """JSON as every file of a workspace is written."""
    return json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
