"""What Ray Tune costs: trainings on stored features inside Tune, beside the same in a plain loop.

``python -m benchmarks.tune_overhead --workspace W``, where W is calibrated and its run trains on
stored features (the demo does, by ``tune.settings``). Both sides train the same seeds one after
another, with the same threads, and write a checkpoint after each epoch; they take turns. Starting
Ray is told apart; starting the trial's process and its import of torch is counted.
"""

import os
import tempfile
import time
from pathlib import Path

import click
import torch

from seje_ray.artifact import Artifact
from seje_ray.cli.options import run_options, workspace_option
from seje_ray.cli.run_files import read_run
from seje_ray.config import RunConfig, with_settings
from seje_ray.features.model import require_features
from seje_ray.on_ray.executor import RayExecutor
from seje_ray.pipeline.executor import Session
from seje_ray.pipeline.trials import run_plans
from seje_ray.training.loaders import loaders_of, origin_of
from seje_ray.training.loop import Trainer
from seje_ray.training.worker import LocalWorker
from seje_ray.tuning.trial_book import TrialBook
from seje_ray.tuning.trial_plan import TrialPlan
from seje_ray.workspace import Workspace


@click.command()
@click.option("--trainings", type=click.IntRange(min=1), default=5, show_default=True)
@click.option("--rounds", type=click.IntRange(min=1), default=2, show_default=True)
@workspace_option
@run_options
def main(
    trainings: int,
    rounds: int,
    workspace: Workspace,
    config: str | None,
    overrides: tuple[str, ...],
) -> None:
    """Print seconds of both, and their ratio."""
    run = read_run(config, overrides, workspace)
    run = with_settings(run, run.tune.settings)
    calibrated = workspace.open_calibrated()
    require_features(run, calibrated)
    runs = [with_settings(run, {"seed": seed}) for seed in range(trainings)]
    torch.set_num_threads(os.cpu_count() or 1)
    plain, inside = [], []
    started = time.perf_counter()
    with RayExecutor(workspace).session(1) as session:
        print(f"starting Ray: {time.perf_counter() - started:.1f} s")
        for _ in range(rounds):
            plain.append(in_a_loop(runs, calibrated))
            inside.append(in_tune(runs, workspace, session))
            print(f"{trainings} trainings: loop {plain[-1]:.1f} s, Tune {inside[-1]:.1f} s")
    print(f"best of {rounds}: Tune takes {min(inside) / min(plain):.2f} times the loop")


def in_a_loop(runs: list[RunConfig], calibrated: Artifact) -> float:
    """Seconds of the trainings in this process."""
    started = time.perf_counter()
    for run in runs:
        with tempfile.TemporaryDirectory() as folder:
            worker = LocalWorker(Path(folder))
            loaders = loaders_of(run, calibrated, worker)
            Trainer(run, origin_of(run, calibrated), loaders, worker).fit()
    return time.perf_counter() - started


def in_tune(runs: list[RunConfig], workspace: Workspace, session: Session) -> float:
    """Seconds of the trainings as trials, one at a time."""
    calibrated = workspace.open_calibrated()
    plans = [TrialPlan.of(f"{n:04d}", run, calibrated, workspace) for n, run in enumerate(runs)]
    with tempfile.TemporaryDirectory() as folder:
        book = TrialBook.open(workspace, Path(folder), "val/selection_score", "max")
        started = time.perf_counter()
        run_plans(session, book, plans, allotted=session.allot(1, 1), title="trainings")
        seconds = time.perf_counter() - started
        assert all(trial.state == "done" for trial in book.trials.values())
    return seconds


if __name__ == "__main__":
    main()
