"""``seje-ray report``."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from seje_ray.cli.local_path import DataPath
from seje_ray.cli.options import partition_option, run_name_option, workspace_option

if TYPE_CHECKING:
    from seje_ray.workspace import Workspace


@click.command("report", epilog="Example: seje-ray report --run demo --out demo.html")
@click.option(
    "--out",
    type=DataPath(dir_okay=False, path_type=Path),
    help="Where to write it.  [default: reports/NAME.html in the workspace]",
)
@click.option("--open", "open_page", is_flag=True, help="Open the page.")
@partition_option
@run_name_option
@workspace_option
def command(
    out: Path | None, open_page: bool, partition: str, name: str | None, workspace: "Workspace"
) -> None:
    """Write one page on a training to attach to a paper: settings, data, curves, results, examples.

    It is made of what is finished, in seconds; what is missing is said with the command that makes
    it. The file holds its pictures and needs no network.
    """
    from seje_ray.pipeline.report import report_run
    from seje_ray.pipeline.runs import open_run
    from seje_ray.store.location import shown

    path = report_run(open_run(workspace, name), workspace, partition=partition, path=out)
    if open_page:
        click.launch(str(path))
    click.echo(shown(f"report: {path} ({path.stat().st_size / 1e6:.1f} MB)"))
