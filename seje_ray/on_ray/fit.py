"""Stage ``fit``: train recipes -> ``calibrator/``, its components fitted side by side."""

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

import click
import ray
import ray.train
import torch
from torch import Tensor, nn

from seje_ray import __version__
from seje_ray.artifact import (
    Artifact,
    Manifest,
    Plan,
    begin,
    file_hash,
    finish,
    open_artifact,
    write_json,
)
from seje_ray.config import RunConfig, run_from_json, run_to_dict
from seje_ray.distributed.batch_norm import count_rows
from seje_ray.distributed.collectives import gather_objects, sum_over_workers
from seje_ray.distributed.fit_worker import FitWorker, OneFitWorker
from seje_ray.log import logged
from seje_ray.on_ray.component_fits import FitInputs
from seje_ray.on_ray.components import Component, generations
from seje_ray.on_ray.connect import num_cpus, num_gpus
from seje_ray.on_ray.group import MAX_RESTARTS, GroupMember, run_group
from seje_ray.on_ray.progress import drawn, new_board, reporter
from seje_ray.workspace import Workspace

T = TypeVar("T")
STATE = "state"  # folder of what a component needs to go on after an interruption


def fit(run: RunConfig, recipes: Artifact, workspace: Workspace, num_workers: int) -> Artifact:
    """Fit every component that is missing or was fitted with other settings or data.

    Each is an artifact of its own below ``workspace/calibrator``, so an interruption costs at
    most an epoch of one, and a changed setting refits what depends on it and nothing else.

    Args:
        run: The run.
        recipes: The recipes; only their train partition is read.
        workspace: Where artifacts lie.
        num_workers: Processes that train a network together.
    """
    workspace.calibrator.mkdir(parents=True, exist_ok=True)
    for generation in generations(run):
        _fit_together(generation, run, recipes, workspace, num_workers)
    return _close(run, workspace)


def _fit_together(
    components: tuple[Component, ...],
    run: RunConfig,
    recipes: Artifact,
    workspace: Workspace,
    num_workers: int,
) -> None:
    """Networks on several workers one after the other, everything else in a task each."""
    todo = [c for c in components if c.finished(run, recipes, workspace) is None]
    if not todo:
        return
    for component in todo:
        if (change := component.changed(run, recipes, workspace)) is not None:
            click.echo(f"{component.name} is fitted again, since {change}", err=True)
    (workspace.calibrator / "manifest.json").unlink(
        missing_ok=True
    )  # it no longer describes what is there
    board = new_board()
    in_groups = [c for c in todo if c.in_group and num_workers > 1]
    alone = [c for c in todo if c not in in_groups]
    gpus, num_on_gpu = num_gpus(), sum(c.is_network for c in alone)
    settings = {
        "run": json.dumps(run_to_dict(run)),
        "recipes": str(recipes.folder),
        "workspace": str(workspace),
    }
    tasks = [
        fit_component.options(num_gpus=_gpu_share(gpus, num_on_gpu) if c.is_network else 0).remote(
            c.name, settings, board, max(1, num_cpus() // len(todo))
        )
        for c in alone
    ]
    with drawn(board, "steps"):
        for component in in_groups:
            plan = component.plan(run, recipes, workspace)
            _fit_in_group(component, plan, settings, board, num_workers)
        while tasks:
            done, tasks = ray.wait(tasks)
            ray.get(done)


@ray.remote(num_cpus=1, max_retries=MAX_RESTARTS)
def fit_component(name: str, settings: Mapping[str, str], board: Any, num_threads: int) -> None:
    """Ray task: fit one component in this one process and commit it."""
    torch.set_num_threads(min(num_threads, os.cpu_count() or 1))  # CPUs of several nodes
    device = "cuda" if torch.cuda.is_available() else "cpu"
    _fit_and_commit(name, settings, board, OneFitWorker(device))


def _fit_in_group(
    component: Component, plan: Plan, settings: Mapping[str, str], board: Any, num_workers: int
) -> None:
    """Fit a network with Ray Train; the component's own state is what a restart goes on from."""
    folder = Workspace(Path(settings["workspace"])).component(component.name)
    begin(folder, plan)  # once, before the workers race
    scratch = folder.with_name(f"{component.name}.ray")
    shutil.rmtree(scratch, ignore_errors=True)  # Ray would take its name for a run to go on with
    config = {"component": component.name, "settings": dict(settings), "board": board}
    try:
        run_group(fit_on_worker, config, scratch, num_workers)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def fit_on_worker(config: Mapping[str, Any]) -> None:
    """Fit one component in one Ray Train process."""
    workers_here = ray.train.get_context().get_local_world_size()
    torch.set_num_threads(max(1, (os.cpu_count() or 1) // workers_here))
    _fit_and_commit(config["component"], config["settings"], config["board"], RayFitWorker())


class RayFitWorker(GroupMember):
    """The ``calibration.fit_worker.FitWorker`` of a Ray Train process."""

    def sum(self, value: Tensor) -> Tensor:
        """All-reduce."""
        return sum_over_workers(value)

    def gather(self, value: T) -> list[T]:
        """All-gather of pickles."""
        return gather_objects(value)

    def count_rows(self, module: nn.Module, are_own: bool) -> None:
        """Tell every ``GlobalBatchNorm``."""
        count_rows(module, are_own)


def _fit_and_commit(name: str, settings: Mapping[str, str], board: Any, worker: FitWorker) -> None:
    """Fit one component as ``worker``; rank 0 commits it."""
    run = run_from_json(settings["run"], "the driver's run")
    recipes = open_artifact(Path(settings["recipes"]), "recipes")
    workspace = Workspace(Path(settings["workspace"]))
    component = next(c for generation in generations(run) for c in generation if c.name == name)
    plan, target = component.plan(run, recipes, workspace), workspace.component(name)
    partial = begin(target, plan)
    log = workspace.log(f"fit-{name}-{worker.rank}")
    report = reporter(board, f"fitting {name.replace('_', ' ')}") if worker.rank == 0 else None
    with logged(log, component=name, device=worker.device):
        fitted, facts = component.fit(
            FitInputs(run, recipes, workspace, partial / STATE, worker, report)
        )
    if worker.rank > 0:
        return
    fitted.save(partial)
    shutil.rmtree(partial / STATE, ignore_errors=True)
    finish(target, plan, _manifest(plan, partial, facts))


def _manifest(plan: Plan, partial: Path, facts: Mapping[str, Any]) -> Manifest:
    files = sorted(p for p in partial.rglob("*") if p.is_file() and p.name != "plan.json")
    hashes = {str(path.relative_to(partial)): file_hash(path) for path in files}
    return Manifest(plan=plan, seje_ray_version=__version__, shards=hashes, facts=facts)


def _gpu_share(gpus: int, num_tasks: int) -> float:
    """A whole GPU each where they suffice, else an equal part of one."""
    return 1.0 if gpus >= num_tasks else gpus / num_tasks


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
    write_json(workspace.calibrator / "manifest.json", asdict(manifest))
    return workspace.open_calibrator()
