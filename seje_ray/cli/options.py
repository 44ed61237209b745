"""Options that several commands share."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from seje_ray.config import RunConfig

Function = TypeVar("Function", bound=Callable[..., Any])

DEFAULT_RUN = "demo"


def workspace_option(function: Function) -> Function:
    """``--workspace``: where every artifact lies."""
    return click.option(
        "--workspace",
        type=click.Path(file_okay=False, path_type=Path),
        default=Path("workspace"),
        show_default=True,
        callback=_absolute,
        help="Folder of all artifacts.",
    )(function)


def run_options(function: Function) -> Function:
    """``--config`` and ``--set``: which run."""
    function = click.option(
        "--set",
        "overrides",
        multiple=True,
        metavar="KEY=VALUE",
        help="Change one setting, e.g. loss.margin=0.3; may be repeated.",
    )(function)
    return click.option(
        "--config",
        metavar="FILE|NAME",
        help="Run file, or the name of a packaged one (demo, small, seje).  "
        "[default: what the workspace was calibrated with, else demo]",
    )(function)


def run_name_option(function: Function) -> Function:
    """``--run``: which training."""
    return click.option(
        "--run", "name", metavar="NAME", help="Name of the training.  [default: the newest]"
    )(function)


def partition_option(function: Function) -> Function:
    """``--partition``: which recipes."""
    return click.option(
        "--partition",
        type=click.Choice(["train", "val", "test"]),
        default="test",
        show_default=True,
        help="Recipes to use.",
    )(function)


def read_run(config: str | None, overrides: tuple[str, ...], workspace: Path) -> "RunConfig":
    """Load the run that the options name.

    Raises:
        ConfigError: If there is no such run file, or it is not valid.
    """
    from seje_ray.config import load_run, named_run_file

    stored = workspace / "calibrated" / "run.yaml"
    if config is None and stored.is_file():
        return load_run(stored, overrides)
    name = config or DEFAULT_RUN
    path = Path(name)
    return load_run(path if path.is_file() else named_run_file(name), overrides)


def _absolute(ctx: click.Context, param: click.Parameter, value: Path) -> Path:
    """Ray's workers run in folders of their own, so relative paths end here."""
    if "://" in str(value) or ":/" in str(value):
        raise click.BadParameter(f"{value}: only a local folder works yet, no object storage")
    return value.absolute()
