"""``seje-ray train``."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from seje_ray.cli.options import cluster_options, folder_name, run_options, workspace_option
from seje_ray.cli.run_files import read_run

if TYPE_CHECKING:
    from seje_ray.config import RunConfig
    from seje_ray.submission.cluster import Cluster
    from seje_ray.workspace import Workspace


@click.command("train", epilog="Example: seje-ray train --workers 8 --set loss.negatives=instance")
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    help="Training processes.  [default: one per GPU; without GPUs one with all cores]",
)
@click.option(
    "--min-workers",
    type=click.IntRange(min=1),
    help="Begin and go on with as few where machines are missing or get lost, and with more again "
    "when there is room.  [default: all of --workers]",
)
@click.option(
    "--run",
    "name",
    metavar="NAME",
    callback=folder_name,
    help="Name of the training.  [default: the run file's name]",
)
@click.option(
    "--init-from",
    metavar="RUN",
    help="Start from a finished training, also of another workspace: WORKSPACE/runs/NAME, the "
    "folder of a checkpoint, both also at s3://BUCKET/PATH, or a name of this workspace; prints "
    "what fits. Model and loss are its own where --config names no run file.",
)
@workspace_option
@run_options
@cluster_options
def command(
    workers: int | None,
    min_workers: int | None,
    name: str | None,
    init_from: str | None,
    workspace: "Workspace",
    config: str | None,
    overrides: tuple[str, ...],
    cluster: "Cluster",
) -> None:
    """Train the joint embedding (phase II) with Ray Train; print what it reached on val.

    The number of workers changes the speed and no number: the global batch is shared among
    them. The same run name resumes from its last checkpoint.
    """
    from seje_ray.store.location import as_uri, shown

    if init_from is not None:
        path = Path(init_from)
        local = str(path.absolute()) if path.exists() else init_from
        init_from = as_uri(init_from) or local
        overrides += (f"train.init_from={json.dumps(init_from)}",)
    run = _run(config, overrides, workspace, init_from, name)
    from seje_ray.console.tables import show
    from seje_ray.on_ray.executor import RayExecutor
    from seje_ray.pipeline.train import train
    from seje_ray.report.training import as_text

    executor = RayExecutor(workspace, cluster)
    trained = train(
        run,
        workspace,
        executor,
        name=name or run.name,
        num_workers=workers,
        min_workers=min_workers,
    )
    show(lambda width: as_text(trained.folder, width))
    click.echo(shown(f"checkpoint: {trained.best_checkpoint}"))


def _run(
    config: str | None,
    overrides: tuple[str, ...],
    workspace: "Workspace",
    init_from: str | None,
    name: str | None,
) -> "RunConfig":
    """The run; where no run file is named, model and loss are those of what it starts from."""
    if init_from is None or config is not None:
        return read_run(config, overrides, workspace)
    from seje_ray.config import with_overrides
    from seje_ray.pipeline.initial import with_shape_of_start

    run = read_run(None, (), workspace)
    folder = workspace.run(name or run.name)
    return with_overrides(with_shape_of_start(run, init_from, workspace, folder), overrides)
