"""A tuning that is killed at random moments and repeated, beside one that nobody disturbs.

``python -m tests.on_ray.killed_tuning`` is the whole check: 20 trials, five kills, of the driver
alone or of Ray too. ``test_tune.py`` runs a smaller one.
"""

import random
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import click

from seje_ray.tuning.trials import Trial
from seje_ray.workspace import Workspace
from tests.on_ray.killing import run_until
from tests.on_ray.verbs import calibrate, tune
from tests.tiny import TINY, tiny_run

SETTINGS = ["tune.grace_epochs=1", "tune.num_seeds=1", "train.num_epochs=3"]
ORPHANS_S = 5.0  # of Ray, where its driver alone is killed


@dataclass(frozen=True, slots=True)
class Kill:
    """When, and what."""

    trial: int  # by number
    after_s: float  # seconds since it began
    spares_ray: bool  # SIGKILL of the driver alone; Ray notices by itself


def random_kills(count: int, num_trials: int, seed: int) -> list[Kill]:
    """Kills of ``count`` sessions, each in a later trial than the one before."""
    generator = random.Random(seed)
    trials = sorted(generator.sample(range(num_trials), count))
    return [Kill(t, generator.uniform(0, 4), generator.random() < 0.5) for t in trials]


def tuned_in_pieces(
    workspace: Workspace, name: str, settings: list[str], kills: list[Kill]
) -> dict[str, int]:
    """Kill the tuning again and again; return when each trial that had ended was committed.

    A trial that is committed a second time is an error, and one that ended is never begun again.
    """
    options = [word for override in [*TINY, *settings] for word in ("--set", override)]
    arguments = ["tune", "--workspace", str(workspace), "--name", name, "--max-concurrent", "1"]
    trials = workspace.folder / "tunes" / name / "trials"
    committed: dict[str, int] = {}
    for kill in kills:
        run_until(
            [*arguments, *options],
            _some_time_after(trials / f"{kill.trial:04d}" / "job.json", kill.after_s),
            orphans_s=ORPHANS_S if kill.spares_ray else 0.0,
        )
        for name_, time_ns in committed_at(trials).items():
            assert committed.setdefault(name_, time_ns) == time_ns, f"{name_} ended twice"
    return committed


def committed_at(trials: Path) -> dict[str, int]:
    """When each trial ended that did, by its name, in ns."""
    return {path.parent.name: path.stat().st_mtime_ns for path in trials.glob("*/trial.json")}


def outcome(trials: list[Trial]) -> list[tuple]:
    """What a tuning decides and finds, without its times."""
    return [(t.name, t.values, t.state, t.scores, t.measured) for t in trials]


def _some_time_after(path: Path, seconds: float) -> Callable[[], bool]:
    """Whether the file has been there for so long in this session."""
    seen: list[float] = []

    def is_reached() -> bool:
        if not seen and path.is_file():
            seen.append(time.monotonic())
        return bool(seen) and time.monotonic() - seen[0] >= seconds

    return is_reached


@click.command()
@click.option("--trials", "num_trials", default=20, show_default=True)
@click.option("--kills", "count", default=5, show_default=True)
@click.option("--seed", default=0, show_default=True, help="Of the kills.")
@click.option("--searcher", default="random", show_default=True)
def main(num_trials: int, count: int, seed: int, searcher: str) -> None:
    """Compare a tuning that is killed with one that is not; print both."""
    with tempfile.TemporaryDirectory() as folder:
        workspace = Workspace(Path(folder) / "workspace")
        settings = [*SETTINGS, f"tune.num_trials={num_trials}", f"tune.searcher={searcher}"]
        run = tiny_run(*settings)
        calibrate(run, None, workspace)
        kills = random_kills(count, num_trials, seed)
        for kill in kills:
            click.echo(kill)
        ended = tuned_in_pieces(workspace, "killed", settings, kills)
        killed = tune(run, workspace, name="killed", max_concurrent=1).page
        whole = tune(run, workspace, name="whole", max_concurrent=1).page
        again = committed_at(workspace.folder / "tunes" / "killed" / "trials")
        assert all(again[name] == time_ns for name, time_ns in ended.items()), "a trial ended twice"
    assert len(killed.trials) == num_trials, f"{len(killed.trials)} trials"
    click.echo(f"{len(ended)} of {num_trials} trials ended before the last kill; none ended twice")
    for title, page in (("killed", killed), ("undisturbed", whole)):
        best = page.best
        click.echo(f"{title}: best {best.name}, {best.best('max'):.6f}, {best.values}")
    assert outcome(killed.trials) == outcome(whole.trials), "another tuning"
    assert outcome(killed.again) == outcome(whole.again), "other numbers with other seeds"
    click.echo("all trials are equal: values, states, scores of every epoch")


if __name__ == "__main__":
    main()
