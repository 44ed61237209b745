"""``seje-ray calibrate``."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from seje_ray.cli.local_path import DataPath, workspace_at
from seje_ray.cli.options import (
    as_settings,
    cluster_options,
    map_option,
    outside_option,
    run_options,
    workspace_option,
)
from seje_ray.cli.run_files import DEFAULT_RUN, read_run, read_run_from

if TYPE_CHECKING:
    from seje_ray.submission.cluster import Cluster
    from seje_ray.workspace import Workspace


@click.command(
    "calibrate",
    epilog="Example: seje-ray calibrate --data /data/recipe1m --config seje --workspace /data/seje",
)
@click.option(
    "--data",
    type=DataPath(path_type=Path),
    help="Recipe1M folder, or a file or folder of own recipes; also at s3://BUCKET/PATH.  "
    "[default: embedded cookbook]",
)
@click.option(
    "--stage",
    type=click.Choice(["ingest", "fit", "transform"]),
    help="Run the stages up to this one only.",
)
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    help="Processes that train a network of the calibrator.  [default: one per GPU, else one]",
)
@click.option(
    "--calibrator-from",
    "source",
    type=click.Path(file_okay=False, path_type=Path),
    callback=lambda ctx, param, value: value and workspace_at(ctx, param, value),
    metavar="WORKSPACE",
    help="Take the fitted calibrator of another workspace, and its run file where --config names "
    "none: features mean the same in both.",
)
@map_option
@outside_option
@workspace_option
@run_options
@cluster_options
def command(
    data: Path | None,
    stage: str | None,
    workers: int | None,
    source: "Workspace | None",
    workspace: "Workspace",
    config: str | None,
    overrides: tuple[str, ...],
    columns: tuple[str, ...],
    allow_outside: bool,
    cluster: "Cluster",
) -> None:
    """Compute SEJE's features (phase I): ingest, fit, transform.

    Each stage is resumable: repeat the command after an interruption. What is finished and
    still fits the run file is kept.
    """
    from seje_ray.store.mirror import is_mirrored

    settings = overrides + as_settings(columns, allow_outside)
    if source is None:
        run = read_run(config, settings, workspace)
    else:
        run = read_run_from(source, config, settings, workspace)
    if data is not None and (is_mirrored(data) or data.exists()) and run.name == DEFAULT_RUN:
        click.echo(
            "note: these are the demo's settings, made for drawn photos; take --config modern for "
            "thousands of real recipes, small for hundreds, seje for Recipe1M",
            file=sys.stderr,
        )
    from seje_ray.console.tables import show
    from seje_ray.on_ray.executor import RayExecutor  # not at the top: --help stays fast
    from seje_ray.pipeline.calibrate import calibrate
    from seje_ray.store.location import shown

    data = data.absolute() if data else None
    summary = calibrate(
        run,
        data,
        workspace,
        RayExecutor(workspace, cluster, () if data is None else (data,)),
        last_stage=stage,
        num_workers=workers,
    )
    show(lambda _: shown(str(summary)))
