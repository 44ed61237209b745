"""Stage ``fit``: train recipes -> ``calibrator/``, its components fitted side by side."""

from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import click

from seje_ray import __version__
from seje_ray.artifact import Artifact, open_artifact, write_json
from seje_ray.building import begin, finish
from seje_ray.config import RunConfig
from seje_ray.console.report import Report
from seje_ray.distributed.process import Process
from seje_ray.errors import ArtifactError
from seje_ray.integrity import known_hashes
from seje_ray.log import logged
from seje_ray.manifest import (
    Manifest,
    Plan,
)
from seje_ray.pipeline.component_fits import FitInputs, Fitted
from seje_ray.pipeline.components import Component, generations
from seje_ray.pipeline.executor import Session
from seje_ray.pipeline.given_calibrator import GivenComponent, given_component
from seje_ray.pipeline.stage import Fit
from seje_ray.store.mirror import pull, remove
from seje_ray.workspace import Workspace

STATE = "state"  # folder of what a component needs to resume after an interruption


def fit(
    run: RunConfig, recipes: Artifact, workspace: Workspace, session: Session, num_workers: int
) -> Artifact:
    """Fit every component that is missing or was fitted with other settings or data.

    Each is an artifact of its own in the workspace's calibrator, so an interruption costs at most
    an epoch of one, and a changed setting refits what depends on it and nothing else.

    Args:
        run: The run.
        recipes: The recipes; only their train partition is read.
        workspace: Where artifacts lie.
        session: Where to compute.
        num_workers: Processes that train a network together.
    """
    workspace.calibrator.mkdir(parents=True, exist_ok=True)
    for generation in generations(run):
        todo = [c for c in generation if c.finished(run, recipes, workspace) is None]
        for component in todo:
            if (change := component.changed(run, recipes, workspace)) is not None:
                click.echo(change, err=True)
        if todo:
            # It no longer describes what is there.
            remove(workspace.calibrator / "manifest.json")
            fits = [_begun(component, run, recipes, workspace) for component in todo]
            session.fit(fits, num_workers)
    return _close(run, workspace)


def finished_calibrator(run: RunConfig, recipes: Artifact, workspace: Workspace) -> Artifact | None:
    """The calibrator, if every component of it is as ``run`` and ``recipes`` want it."""
    try:
        known = workspace.open_calibrator()
        components = [component for generation in generations(run) for component in generation]
        if {c.name for c in components} != known.manifest.plan.inputs.keys():
            return None
        parts = {c.name: c.finished(run, recipes, workspace) for c in components}
    except ArtifactError:  # of the calibrator, or of a component that another one needs
        return None
    hashes = {name: part.content_hash for name, part in parts.items() if part is not None}
    return known if hashes == known.manifest.plan.inputs else None


def _begun(component: Component, run: RunConfig, recipes: Artifact, workspace: Workspace) -> Fit:
    """A component that is to be fitted; its building folder is there before processes race."""
    folder, plan = workspace.component(component.name), component.plan(run, recipes, workspace)
    begin(folder, plan, lease=workspace.lease)
    is_fitted = run.calibrate.calibrator_from is None
    return Fit(
        f"{'fitting' if is_fitted else 'taking'} {component.name.replace('_', ' ')}",
        folder,
        partial(fit_and_commit, component.name, run, recipes, workspace),
        is_network=component.is_network and is_fitted,
        in_group=component.in_group and is_fitted,
    )


def fit_and_commit(
    name: str,
    run: RunConfig,
    recipes: Artifact,
    workspace: Workspace,
    worker: Process,
    report: Report | None,
) -> None:
    """Fit one component as ``worker``; rank 0 commits it."""
    component = next(c for generation in generations(run) for c in generation if c.name == name)
    plan, target = component.plan(run, recipes, workspace), workspace.component(name)
    building = begin(target, plan, lease=workspace.lease, joins=True)
    pull(workspace.calibrator, keeps_own=True)
    with logged(workspace.log(f"fit-{name}-{worker.rank}"), component=name, device=worker.device):
        inputs = FitInputs(run, recipes, workspace, building / STATE, worker, report)
        fitted, facts = _fitted(component, inputs)
    if worker.rank > 0:
        return
    fitted.save(building)
    remove(building / STATE)
    finish(target, plan, _manifest(plan, building, facts), workspace.lease)


def _fitted(component: Component, inputs: FitInputs) -> tuple[Fitted, Mapping[str, Any]]:
    """A component that another workspace gives, or one that is fitted here; and its facts."""
    given = given_component(inputs.run, component.name)
    if given is None:
        return component.fit(inputs)
    return GivenComponent(given), given.manifest.facts


def _manifest(plan: Plan, building: Path, facts: Mapping[str, Any]) -> Manifest:
    files = sorted(
        p
        for p in building.rglob("*")
        if p.is_file() and p.name not in ("plan.json", "manifest.json")
    )
    names = {path: path.relative_to(building).as_posix() for path in files}
    return Manifest(
        plan=plan,
        seje_ray_version=__version__,
        shards={names[path]: found for path, found in known_hashes(files).items()},
        sizes={names[path]: path.stat().st_size for path in files},
        facts=facts,
    )


def _close(run: RunConfig, workspace: Workspace) -> Artifact:
    """Write the manifest that binds the components together."""
    parts = {
        c.name: open_artifact(workspace.component(c.name), c.kind)
        for generation in generations(run)
        for c in generation
    }
    facts: dict[str, Any] = {}
    for part in parts.values():
        facts |= part.manifest.facts
    plan = Plan(
        kind="calibrator",
        section={},
        inputs={name: part.content_hash for name, part in parts.items()},
        seed=run.seed,
    )
    manifest = Manifest(plan=plan, seje_ray_version=__version__, facts=facts)
    write_json(workspace.calibrator / "manifest.json", asdict(manifest), workspace.lease)
    return workspace.open_calibrator()
