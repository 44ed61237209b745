"""``seje-ray doctor``."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from seje_ray.cli.local_path import DataPath
from seje_ray.cli.options import cluster_options, workspace_option

if TYPE_CHECKING:
    from seje_ray.submission.cluster import Cluster
    from seje_ray.workspace import Workspace


@click.command("doctor", epilog="Example: seje-ray doctor --address http://head:8265 --json")
@click.option(
    "--data",
    type=DataPath(path_type=Path),
    help="A data set that you mean to use.",
)
@workspace_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@cluster_options
@click.pass_context
def command(
    ctx: click.Context, data: Path | None, workspace: "Workspace", as_json: bool, cluster: "Cluster"
) -> None:
    """Check this machine, or every node of a cluster with --address, and say what to do.

    Versions, GPUs, free disk, memory, object store, the data, and on this machine ports and
    processes that a killed Ray left. In the workspace every file of every artifact and checkpoint
    is compared with what was noted when it was made. Exits with 1 if a check failed.
    """
    import json

    from seje_ray.console.tables import show
    from seje_ray.on_ray.doctor import as_data, diagnose
    from seje_ray.store.location import shown

    found = diagnose(workspace, data.absolute() if data else None, cluster)
    if as_json:
        click.echo(shown(json.dumps(as_data(found), indent=1)))
    else:
        show(lambda width: shown(found.as_text(width)))
    if not found.is_healthy:
        ctx.exit(1)
