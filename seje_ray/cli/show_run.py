"""``seje-ray show-run``."""

from typing import TYPE_CHECKING

import click

from seje_ray.cli.options import run_options, workspace_option
from seje_ray.cli.run_files import read_run

if TYPE_CHECKING:
    from seje_ray.workspace import Workspace


@click.command(
    "show-run", epilog="Example: seje-ray show-run --config seje --set loss.soft_margin.margin=0.3"
)
@workspace_option
@run_options
def command(workspace: "Workspace", config: str | None, overrides: tuple[str, ...]) -> None:
    """Print the complete run as a run file, with a comment for every setting; run nothing."""
    from seje_ray.config.reference import annotated_yaml

    click.echo(annotated_yaml(read_run(config, overrides, workspace)), nl=False)
