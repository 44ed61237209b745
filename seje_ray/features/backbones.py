"""Identity of a stored feature's network: its weights, and how it sees a photo.

A stored feature is used again as long as this stays the same, and computed again if it does not.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import click

from seje_ray.artifact import Artifact, open_artifact
from seje_ray.config import CATEGORIZER, BackboneConfig, RunConfig
from seje_ray.features.model import backbone_of, photos_of, weights_source
from seje_ray.features.photos import SeenPhotos
from seje_ray.integrity import file_hash
from seje_ray.manifest import (
    Plan,
)
from seje_ray.models.backbone_weights import weights_hash
from seje_ray.models.libraries import Published, published_before
from seje_ray.schema import COMPONENT
from seje_ray.workspace import component_folder


def network_settings(run: RunConfig, config: BackboneConfig) -> dict[str, Any]:
    """Entry of a plan for a network of ``run`` beside its weights: how it sees a photo."""
    return config.decisive() | as_settings(photos_of(weights_source(run, config)))


def network_weights(config: BackboneConfig) -> dict[str, str]:
    """Hash of the weights that are really loaded, as an input of a plan; {} for random ones.

    Raises:
        BackboneError: If they cannot be had, or do not fit the network.
    """
    if config.weights in (None, CATEGORIZER):
        return {}
    if Path(config.weights).is_file():
        found = Path(config.weights).stat()
        return {"weights": _hash_of_file(config, found.st_size, found.st_mtime_ns)}
    return {"weights": weights_hash(backbone_of(config).network)}


@lru_cache
def _hash_of_file(config: BackboneConfig, size: int, changed_ns: int) -> str:
    """Hash of a file's weights, read once by a command, which makes many plans."""
    backbone = backbone_of(config)
    for line in backbone.said:
        click.echo(f"{config.weights}: {line}", err=True)
    return weights_hash(backbone.network)


def as_settings(photos: Published) -> dict[str, Any]:
    """A network's view of a photo, as plans, facts and checkpoints store it."""
    return {name: list(v) if isinstance(v, tuple) else v for name, v in photos._asdict().items()}


def photos_as_stored(settings: Mapping[str, Any], name: str) -> Published:
    """A network's view of photos from what is stored of it, perhaps by an older version."""
    if "interpolation" not in settings:
        return published_before(name)
    mean, std, interpolation = (settings[key] for key in Published._fields)
    return Published(tuple(mean), tuple(std), interpolation)


def calibrated_photos(run: RunConfig, calibrator: Path, calibrated: Artifact) -> SeenPhotos:
    """Views of photos by the networks of a calibration, from what it stored.

    Args:
        run: Of the calibration.
        calibrator: Folder of the fitted parts.
        calibrated: What they made.
    """
    kind = f"{COMPONENT}image_categorizer"
    fitted = open_artifact(
        component_folder(calibrator, "image_categorizer"), kind
    ).manifest.plan.section["backbone"]
    stored = calibrated.manifest.facts["image_features_of"] or {}
    return SeenPhotos(
        photos_as_stored(fitted, run.calibrate.image_categorizer.backbone.name),
        photos_as_stored(stored, stored["name"]) if stored else None,
        stored.get("weights_hash"),
    )


def plan_before(plan: Plan, key: str, config: BackboneConfig) -> Plan | None:
    """The plan for the same features by a version that stored less of their network.

    Args:
        plan: Of this version.
        key: Of its section; what ``network_settings`` gave stands there.
        config: Of the network.

    Returns:
        None if that version saw photos in another way.
    """
    if photos_as_stored(plan.section[key], config.name) != published_before(config.name):
        return None
    inputs = {name: value for name, value in plan.inputs.items() if name != "weights"}
    if config.weights not in (None, CATEGORIZER, "download"):
        inputs["weights"] = file_hash(Path(config.weights))
    return replace(plan, section={**plan.section, key: config.decisive()}, inputs=inputs)


def changed_photos(before: Published, now: Published) -> list[str]:
    """What is new about the way a network sees photos, for a person."""
    old, new = as_settings(before), as_settings(now)
    return [f"{name} {old[name]} -> {new[name]}" for name in new if old[name] != new[name]]


def changed_network(known: Plan, plan: Plan, key: str) -> str | None:
    """Difference of an existing artifact's network from that of ``plan``, for a person.

    None if there is none, or if another network was named.
    """
    old, new = known.section.get(key), plan.section.get(key)
    if not old or not new or any(old[name] != new[name] for name in ("name", "weights")):
        return None
    name = new["name"]
    changes = changed_photos(*(photos_as_stored(settings, name) for settings in (old, new)))
    if "interpolation" in old and known.inputs.get("weights") != plan.inputs.get("weights"):
        changes.append("other weights")
    return f"{name}: {', '.join(changes)}" if changes else None
