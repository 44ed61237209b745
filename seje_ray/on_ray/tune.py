"""``seje-ray tune``: search, then train the best and the run itself again with other seeds."""

import json
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import click
import yaml

from seje_ray.artifact import (
    Artifact,
    require_equal_hash,
    write_json,
    write_text,
)
from seje_ray.config import (
    RECALIBRATED,
    RunConfig,
    run_from_json,
    run_to_dict,
    with_settings,
)
from seje_ray.config.changes import decisive_settings, require_same_settings
from seje_ray.errors import ConfigError, SejeError
from seje_ray.features.model import require_features
from seje_ray.on_ray.connect import connected
from seje_ray.on_ray.executor import RaySession
from seje_ray.on_ray.trial_resources import Allotment, allot
from seje_ray.on_ray.trial_schedulers import scheduler_of
from seje_ray.on_ray.trials import Conduct, run_jobs, run_trials
from seje_ray.pipeline.variants import calibrated_variant
from seje_ray.report.tuning import SearchPage, common, write_hparams, write_search_report
from seje_ray.submission.cluster import EMBEDDED, Cluster
from seje_ray.tuning.space import Space, setting, space_of
from seje_ray.tuning.suggest import Seen, num_points, suggest
from seje_ray.tuning.trial_book import TrialBook
from seje_ray.tuning.trials import Job, Trial, best_trial, write_trials_table
from seje_ray.workspace import Workspace

MEASURED = ("val", "test")
DECISIVE = ("seed", "model", "loss", "train", "tune")  # parts of the run
FREE_TO_CHANGE = ("tune.num_trials", "tune.num_seeds")  # of a tuning that is resumed

DataOf = Callable[[RunConfig], Artifact]  # the calibrated data of a run


@dataclass(frozen=True, slots=True)
class Tuned:
    """What a finished search leaves."""

    folder: Path
    page: SearchPage  # all about it
    report: Path
    workspace: Workspace  # whose calibrated data the best settings are trained on


def tune(
    run: RunConfig,
    workspace: Workspace,
    *,
    name: str,
    num_workers: int = 1,
    max_concurrent: int | None = None,
    cluster: Cluster = EMBEDDED,
) -> Tuned:
    """Search for better settings of ``run``, as ``workspace/tunes/NAME``.

    The same name again goes on: trials that ended are kept, others go on from their checkpoint.

    Args:
        run: The run; its ``tune`` section says what and how.
        workspace: Where the calibrated data lies.
        name: Of the search.
        num_workers: Training processes per trial; 1 trains in the trial's own process.
        max_concurrent: Trials at once; None for as many as the cluster has GPUs, or cores.
        cluster: Where to compute.

    Raises:
        ArtifactError: If the data is not calibrated, or the name belongs to another search.
        ResourceError: If the cluster can never hold what is asked for.
        SejeError: If every trial failed.
    """
    calibrated = workspace.open_calibrated()
    run = with_settings(run, run.tune.settings)
    require_features(run, calibrated)
    space = space_of(run)
    _require_searchable(run, space, num_workers)
    folder = workspace.tune(name)
    _require_same_tuning(folder, run, calibrated)
    config = run.tune
    with connected(num_workers * (max_concurrent or os.cpu_count() or 1), cluster, workspace):
        allotted = allot(num_workers, max_concurrent)
        book = TrialBook.open(folder / "trials", config.metric, config.mode)
        write_json(folder / "search.json", _stored(run, calibrated))
        click.echo(_announcement(run, num_points(run, space), allotted), file=sys.stderr)
        conduct = Conduct(
            num_points(run, space),
            allotted,
            scheduler_of(run, space),
            hand_over=config.scheduler == "pbt",
        )
        data = _data_of(run, space, calibrated, workspace)
        run_trials(book, _search(run, space, data), conduct)
        trials = list(book.trials.values())
        best = best_trial(trials, config.mode)
        if best is None:
            reasons = ", ".join(dict.fromkeys(trial.reason for trial in trials))
            raise SejeError(f"{folder}: every trial failed ({reasons})")
        best_run = with_settings(run, best.values)
        write_text(folder / "best.yaml", yaml.safe_dump(run_to_dict(best_run), sort_keys=False))
        roles = {"default": run, "best": best_run}
        jobs = _again(roles, data, config.num_seeds)
        second = TrialBook.open(folder / "again", config.metric, config.mode)
        run_jobs(second, jobs, Conduct(len(jobs), allotted, title="other seeds"))
    recipes = workspace.open_recipes().manifest
    page = SearchPage(
        name, run, best_run, space, trials, list(second.trials.values()), calibrated,
        is_made_up=bool(recipes.facts.get("is_made_up", False)),
    )  # fmt: skip
    return _write(folder, page, Workspace(data(best_run).folder.parent))


def _announcement(run: RunConfig, total: int, allotted: Allotment) -> str:
    """What is about to happen, in a line."""
    text = (
        f"{total} trials of at most {run.train.num_epochs} epochs, {allotted.concurrent} at once"
        f"{f' of {allotted.num_workers} workers' if allotted.num_workers > 1 else ''}"
    )
    return f"{text}; every trial has {common(run)}" if run.tune.settings else text


def _write(folder: Path, page: SearchPage, workspace: Workspace) -> Tuned:
    """Write the tables and the page."""
    config = page.run.tune
    write_trials_table(folder / "trials.parquet", page.trials, config.mode)
    write_hparams(folder / "tensorboard", page.trials, config.metric, config.mode)
    write_search_report(folder / "report.html", page)
    return Tuned(folder, page, folder / "report.html", workspace)


def _data_of(run: RunConfig, space: Space, calibrated: Artifact, workspace: Workspace) -> DataOf:
    """Calibrate for every value that a search takes of calibration; the workspace's own if none."""
    keys = [key for key in space if key in RECALIBRATED]
    if not keys:
        return lambda _: calibrated
    points = set(product(*(space[key].choice or () for key in keys)))
    points.add(tuple(setting(run, key) for key in keys))
    found = {}
    for point in sorted(points):
        changed = with_settings(run, dict(zip(keys, point, strict=True)))
        found[point] = calibrated_variant(changed, workspace, RaySession())
    return lambda changed: found[tuple(setting(changed, key) for key in keys)]


def _job(name: str, run: RunConfig, data: DataOf, *more: Any) -> Job:
    calibrated = data(run)
    return Job(name, run, calibrated.folder, calibrated.content_hash, *more)


def _search(run: RunConfig, space: Space, data: DataOf) -> Any:
    """The next trial as a function of the book: the same after a kill as without."""
    total = num_points(run, space)

    def next_job(book: TrialBook) -> Job | None:
        while len(book.trials) < total:
            number = len(book.trials)
            seen = [_seen(trial) for trial in book.trials.values()]
            values = suggest(run, space, number, seen)
            if values is None:
                return None
            name = f"{number:04d}"
            try:
                return _job(name, with_settings(run, values), data, (), values)
            except ConfigError as error:  # each value alone would do, these together do not
                book.begin(_job(name, run, data, (), values))
                book.end(name, state="failed", reason=str(error), ended_s=book.elapsed_s)
        return None

    return next_job


def _seen(trial: Trial) -> Seen:
    is_running = trial.state in ("waiting", "running")
    scores = () if is_running or trial.state == "failed" else trial.scores
    return Seen(trial.values, scores, is_running, trial.state == "stopped")


def _again(roles: Mapping[str, RunConfig], data: DataOf, num_seeds: int) -> list[Job]:
    """Both runs with seeds that the search has not seen; equal runs once."""
    jobs = []
    for role, run in roles.items():
        if role != "default" and run == roles["default"]:
            continue
        for seed in range(run.seed + 1, run.seed + 1 + num_seeds):
            seeded = with_settings(run, {"seed": seed})
            jobs.append(_job(f"{role}-s{seed}", seeded, data, MEASURED))
    return jobs


def _require_searchable(run: RunConfig, space: Space, num_workers: int) -> None:
    """Refuse what no trial could do, before the first one."""
    if not space:
        raise ConfigError("tune.space: expected at least one setting to search, found none")
    if run.tune.scheduler != "pbt":
        return
    if num_workers > 1:
        raise ConfigError(
            "tune.scheduler pbt: trials exchange checkpoints in their own process; "
            "take --workers-per-trial 1, or scheduler asha"
        )
    fixed = [key for key in space if key.startswith(("model.", "calibrate.")) or space[key].when]
    if fixed:
        raise ConfigError(
            f"tune.scheduler pbt: {', '.join(fixed)} cannot change in the middle of "
            "a training; take scheduler asha, or leave it out of the space"
        )


def _stored(run: RunConfig, calibrated: Artifact) -> dict[str, Any]:
    """What ``search.json`` holds: everything that decides the trials of a tuning."""
    sections = run_to_dict(run)
    return {"calibrated": calibrated.content_hash, **{part: sections[part] for part in DECISIVE}}


def _require_same_tuning(folder: Path, run: RunConfig, calibrated: Artifact) -> None:
    """Refuse to mix trials of other settings or other data under one name."""
    path = folder / "search.json"
    if not path.is_file() or not any((folder / "trials").glob("*/job.json")):
        return
    known = json.loads(path.read_text(encoding="utf-8"))
    require_equal_hash(
        "calibrated artifact",
        folder,
        known.pop("calibrated"),
        calibrated.content_hash,
        f"seje-ray tune --name ANOTHER_NAME` or delete {folder}, then `seje-ray tune",
    )
    # Read as a run, so that settings it did not know yet have their defaults.
    started = run_from_json(json.dumps(run_to_dict(run) | known), str(path))
    before, now = (decisive_settings(r, DECISIVE, FREE_TO_CHANGE) for r in (started, run))
    require_same_settings(folder, "tuning", before, now, "--name")
