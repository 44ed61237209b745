"""``seje-ray tune``."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from seje_ray.cli.local_path import DataPath
from seje_ray.cli.options import cluster_options, folder_name, run_options, workspace_option
from seje_ray.cli.run_files import read_run

if TYPE_CHECKING:
    from seje_ray.submission.cluster import Cluster
    from seje_ray.workspace import Workspace


@click.command("tune", epilog="Example: seje-ray tune --trials 40 --space space.yaml")
@click.option(
    "--trials",
    "num_trials",
    type=click.IntRange(min=1),
    help="Trainings to try; the first is the run as it stands.  [default: 20, or a whole grid]",
)
@click.option(
    "--workers-per-trial",
    "num_workers",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Training processes of a trial; more than one make a Ray Train group.",
)
@click.option(
    "--max-concurrent",
    type=click.IntRange(min=1),
    help="Trials at once; they share GPUs and CPUs.  [default: one per GPU, else per core]",
)
@click.option(
    "--name",
    metavar="NAME",
    callback=folder_name,
    help="Name of the tuning.  [default: the run file's name]",
)
@click.option(
    "--space",
    type=DataPath(dir_okay=False, path_type=Path),
    help="YAML file of settings to tune, in place of the run's tune.space: docs/tune.md.",
)
@workspace_option
@run_options
@cluster_options
def command(
    num_trials: int | None,
    num_workers: int,
    max_concurrent: int | None,
    name: str | None,
    space: Path | None,
    workspace: "Workspace",
    config: str | None,
    overrides: tuple[str, ...],
    cluster: "Cluster",
) -> None:
    """Look for better loss weights, margins and learning rates with Ray Tune.

    Writes best.yaml, a run file for `seje-ray train --config`, and a page. The best settings and
    the run's own are then trained with other seeds, which shows how much of the gain was luck.
    The same name resumes: trials that ended are not repeated.
    """
    from seje_ray.config import with_settings, with_space
    from seje_ray.store.mirror import fetch

    run = read_run(config, overrides, workspace)
    if num_trials is not None:
        run = with_settings(run, {"tune.num_trials": num_trials})
    if space is not None:
        run = with_space(run, fetch(space))
    from seje_ray.console.tables import show
    from seje_ray.on_ray.executor import RayExecutor
    from seje_ray.pipeline.tune import tune
    from seje_ray.report.tuning import as_text
    from seje_ray.store.location import shown

    tuned = tune(
        run,
        workspace,
        RayExecutor(workspace, cluster),
        name=name or run.name,
        num_workers=num_workers,
        max_concurrent=max_concurrent,
    )
    show(lambda width: as_text(tuned.page, width))
    best = tuned.folder / "best.yaml"
    training = f"seje-ray train --config {best} --run best"
    if tuned.workspace != type(workspace).at("workspace"):
        training += f" --workspace {tuned.workspace}"
    click.echo(shown(f"report: {tuned.report}"))
    click.echo(shown(f"run file: {best}; train it with `{training}`"))
