"""Calibrated data of other calibration settings, beside the workspace's own.

A variant is a workspace of its own, ``variants/KEY``: links to the recipes and to the components
of the calibrator that its settings share, and what they do not share. A store has no links: there
it has no recipes of its own (``Workspace.recipes``), and copies of these components, which the
store makes.
"""

import hashlib
import json
import os
from dataclasses import asdict, replace
from pathlib import Path

import yaml

from seje_ray.artifact import Artifact, write_text
from seje_ray.config import RunConfig, load_run, run_to_dict
from seje_ray.errors import ArtifactError
from seje_ray.features.model import stored_backbone
from seje_ray.manifest import manifest_in
from seje_ray.pipeline.components import generations
from seje_ray.pipeline.executor import Session
from seje_ray.pipeline.fit import fit
from seje_ray.pipeline.transform import transform
from seje_ray.store.mirror import copy_within, remove, sizes_of
from seje_ray.workspace import Workspace


def calibrated_variant(run: RunConfig, workspace: Workspace, session: Session) -> Artifact:
    """The calibrated data of ``run``: the workspace's own if that fits, otherwise a variant's.

    Resumes as ``seje-ray calibrate`` does.

    Raises:
        ArtifactError: If the workspace is not calibrated.
    """
    own = workspace.open_calibrated()
    decided = _decisive(run)
    if decided == _decisive(load_run(workspace.calibrated_run)):
        return own
    key = hashlib.sha256(json.dumps(decided, sort_keys=True).encode()).hexdigest()[:12]
    variant = workspace.variant(key)
    with workspace.writing(variant.folder, waits=True) as held:
        return _calibrated(run, replace(variant, lease=held.lease), workspace, session)


def _calibrated(
    run: RunConfig, variant: Workspace, workspace: Workspace, session: Session
) -> Artifact:
    """Calibrate in the variant what it cannot link to; resumes, or returns at once."""
    variant.calibrator.mkdir(parents=True, exist_ok=True)
    if not variant.is_stored:
        _link(variant.recipes, workspace.recipes)
    recipes = variant.open_recipes()
    _take_components(run, recipes, variant, workspace)
    calibrator = fit(run, recipes, variant, session, 1)
    calibrated = transform(run, recipes, calibrator, variant, session)
    stored = yaml.safe_dump(run_to_dict(run), sort_keys=False)
    write_text(variant.calibrated_run, stored)
    return calibrated


def _decisive(run: RunConfig) -> dict[str, object]:
    stored = stored_backbone(run)
    return {
        "seed": run.seed,
        "calibrate": run_to_dict(run)["calibrate"],
        "features_of": None if stored is None else asdict(stored),
    }


def _take_components(
    run: RunConfig, recipes: Artifact, variant: Workspace, workspace: Workspace
) -> None:
    """Link the components that would be fitted as they already are; in a store, copy them."""
    for generation in generations(run):
        for component in generation:
            target = variant.component(component.name)
            source = workspace.component(component.name)
            if manifest_in(target) is not None if variant.is_stored else target.exists():
                continue
            try:
                known = component.finished(run, recipes, variant, source)
            except ArtifactError:
                continue  # what it needs is to be fitted first, so it is another one
            if known is not None and variant.is_stored:
                remove(target)  # of which the manifest may be gone alone
                copy_within(source, target, sizes_of(source) or ())
            elif known is not None:
                _link(target, source)


def _link(path: Path, target: Path) -> None:
    """A relative link, so that the workspace can be moved."""
    if not path.is_symlink():
        path.symlink_to(os.path.relpath(target, path.parent), target_is_directory=True)
