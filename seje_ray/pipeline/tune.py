"""Tuning: train many settings, then train the best and the run itself again with other seeds."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import click
import yaml

from seje_ray.artifact import write_text
from seje_ray.config import RunConfig, run_to_dict, with_settings
from seje_ray.config.names import required_name
from seje_ray.errors import ConfigError, SejeError
from seje_ray.features.model import require_features
from seje_ray.pipeline.executor import Executor, Session
from seje_ray.pipeline.initial import hash_of_trials_start
from seje_ray.pipeline.suggestions import DataOf, data_of, suggestions
from seje_ray.pipeline.trials import MEASURED, run_plans, run_trials
from seje_ray.pipeline.tuned_before import begin_tuning, require_same_tuning
from seje_ray.report.tuning import TuningPage, common, write_hparams, write_tuning_report
from seje_ray.tuning.scheduling import Allotment, Scheduling
from seje_ray.tuning.space import Space, space_of
from seje_ray.tuning.suggest import num_points
from seje_ray.tuning.trial_book import TrialBook
from seje_ray.tuning.trial_plan import TrialPlan
from seje_ray.tuning.trials import Trial, best_trial, write_trials_table
from seje_ray.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Tuned:
    """A finished tuning."""

    folder: Path
    page: TuningPage  # all about it
    report: Path
    workspace: Workspace  # whose calibrated data the best settings are trained on


def tune(
    run: RunConfig,
    workspace: Workspace,
    executor: Executor,
    *,
    name: str,
    num_workers: int = 1,
    max_concurrent: int | None = None,
) -> Tuned:
    """Look for better settings of ``run``, as the workspace's tuning ``name``.

    The same name again resumes: trials that ended are kept, others resume from their checkpoint.

    Args:
        run: The run; its ``tune`` section says what and how.
        workspace: Where the calibrated data lies.
        executor: Where to compute.
        name: Of the tuning.
        num_workers: Training processes per trial; 1 trains in the trial's own process.
        max_concurrent: Trials at once; None for as many as the cluster has GPUs, or cores.

    Raises:
        ArtifactError: If the data is not calibrated, or the name belongs to another tuning.
        ResourceError: If the cluster can never hold what is asked for.
        SejeError: If every trial failed.
    """
    calibrated = workspace.open_calibrated("train", *MEASURED)
    run = with_settings(run, run.tune.settings)
    require_features(run, calibrated)
    space = space_of(run)
    _require_possible(run, space, num_workers)
    folder = workspace.tune(required_name(name, "--name"))
    initial_hash = hash_of_trials_start(run, workspace)
    with workspace.writing(folder) as held:
        require_same_tuning(folder, run, calibrated, initial_hash)
        with executor.session(num_workers * (max_concurrent or os.cpu_count() or 1)) as session:
            allotted = session.allot(num_workers, max_concurrent)
            begin_tuning(folder, run, calibrated, initial_hash)
            best_run, trials, again, data = _tried(run, held, session, allotted, folder)
        is_made_up = workspace.open_recipes().manifest.facts.get("is_made_up", False)
        page = TuningPage(
            name, run, best_run, space, trials, again, calibrated, is_made_up=is_made_up
        )
        return _write(folder, page, Workspace.of(data(best_run)))


def _tried(
    run: RunConfig, workspace: Workspace, session: Session, allotted: Allotment, folder: Path
) -> tuple[RunConfig, list[Trial], list[Trial], DataOf]:
    """The best run, the trials, those with other seeds, and what data each run has."""
    space, config = space_of(run), run.tune
    total = num_points(run, space)
    book = TrialBook.open(workspace, folder / "trials", config.metric, config.mode)
    click.echo(_announcement(run, total, allotted), file=sys.stderr)
    data = data_of(run, space, workspace, session)
    run_trials(
        session,
        book,
        suggestions(run, space, workspace, data),
        total=total,
        allotted=allotted,
        title="tuning",
        scheduling=Scheduling(run, space),
    )
    best_run = _best_run(run, book)
    write_text(folder / "best.yaml", yaml.safe_dump(run_to_dict(best_run), sort_keys=False))
    plans = _again({"default": run, "best": best_run}, workspace, data, config.num_seeds)
    book_again = TrialBook.open(workspace, folder / "again", config.metric, config.mode)
    again = run_plans(session, book_again, plans, allotted=allotted, title="other seeds")
    return best_run, list(book.trials.values()), again, data


def _announcement(run: RunConfig, total: int, allotted: Allotment) -> str:
    """The plan of the tuning in a line."""
    text = (
        f"{total} trials of at most {run.train.num_epochs} epochs, {allotted.concurrent} at once"
        f"{f' of {allotted.num_workers} workers' if allotted.num_workers > 1 else ''}"
    )
    return f"{text}; every trial has {common(run)}" if run.tune.settings else text


def _best_run(run: RunConfig, book: TrialBook) -> RunConfig:
    """The run with the settings of the best trial.

    Raises:
        SejeError: If every trial failed.
    """
    best = best_trial(list(book.trials.values()), book.mode)
    if best is None:
        reasons = ", ".join(dict.fromkeys(trial.reason for trial in book.trials.values()))
        raise SejeError(f"{book.folder.parent}: every trial failed ({reasons})")
    return with_settings(run, best.values)


def _write(folder: Path, page: TuningPage, workspace: Workspace) -> Tuned:
    """Write the tables and the page."""
    config = page.run.tune
    write_trials_table(folder / "trials.parquet", page.trials, config.mode)
    write_hparams(folder / "tensorboard", page.trials, config.metric, config.mode)
    write_tuning_report(folder / "report.html", page)
    return Tuned(folder, page, folder / "report.html", workspace)


def _again(
    roles: Mapping[str, RunConfig], workspace: Workspace, data: DataOf, num_seeds: int
) -> list[TrialPlan]:
    """Both runs with seeds that the tuning has not seen; equal runs once."""
    plans = []
    for role, run in roles.items():
        if role != "default" and run == roles["default"]:
            continue
        initial_hash = hash_of_trials_start(run, workspace)
        for seed in range(run.seed + 1, run.seed + 1 + num_seeds):
            seeded = with_settings(run, {"seed": seed})
            name = f"{role}-s{seed}"
            plans.append(
                TrialPlan.of(
                    name, seeded, data(seeded), workspace, MEASURED, initial_hash=initial_hash
                )
            )
    return plans


def _require_possible(run: RunConfig, space: Space, num_workers: int) -> None:
    """Refuse what no trial could do, before the first one."""
    if not space:
        raise ConfigError("tune.space: expected at least one setting to tune, found none")
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
