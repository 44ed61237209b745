"""``seje-ray show-run``."""

from pathlib import Path

import click

from seje_ray.cli.options import read_run, run_options, workspace_option


@click.command(
    "show-run", epilog="Example: seje-ray show-run --config seje --set loss.soft_margin.margin=0.3"
)
@workspace_option
@run_options
def command(workspace: Path, config: str | None, overrides: tuple[str, ...]) -> None:
    """Print the complete run as a run file; nothing is run."""
    import yaml

    from seje_ray.config import run_to_dict

    run = read_run(config, overrides, workspace)
    click.echo(yaml.safe_dump(run_to_dict(run), sort_keys=False), nl=False)
