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
    """Print the complete run as a run file; nothing is run."""
    import yaml

    from seje_ray.config import run_to_dict

    run = read_run(config, overrides, workspace)
    click.echo(yaml.safe_dump(run_to_dict(run), sort_keys=False), nl=False)
