"""``seje-ray index``."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import click

from seje_ray.cli.local_path import DataPath
from seje_ray.cli.options import (
    cluster_options,
    evaluate_set_option,
    map_option,
    outside_option,
    run_name_option,
    workspace_option,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from seje_ray.config.data import OwnField
    from seje_ray.submission.cluster import Cluster
    from seje_ray.workspace import Workspace

BELOW = "seje_ray.index.below"  # whether one of the group's commands is called


class _IndexGroup(click.Group):
    """A command with commands of its own; its options are its own alone."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Leave the options out where a command is called: they would open the workspace."""
        ctx.meta[BELOW] = bool(args) and args[0] in self.commands
        return super().parse_args(ctx, args)

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """All options, or ``--help`` alone."""
        params = super().get_params(ctx)
        return [one for one in params if one.name == "help"] if ctx.meta.get(BELOW) else params


def _alone(function: Callable[..., None]) -> Callable[..., None]:
    """Leave the group's own work out where one of its commands is called."""

    @functools.wraps(function)
    def unless_other(**params: Any) -> None:
        ctx = click.get_current_context()
        if ctx.invoked_subcommand is None:
            function(**params)
        elif params:
            raise click.UsageError(
                f"options of `index {ctx.invoked_subcommand}` stand behind it, e.g. "
                f"`seje-ray index {ctx.invoked_subcommand} --workspace FOLDER ...`"
            )

    return unless_other


@click.group(
    "index",
    cls=_IndexGroup,
    invoke_without_command=True,
    epilog="Example: seje-ray index --what both",
)
@_alone
@click.option(
    "--what",
    type=click.Choice(["recipes", "photos", "both"]),
    default="both",
    show_default=True,
    help="Recipes, with and without photos; all of their photos; or both.",
)
@click.option(
    "--method",
    type=click.Choice(["auto", "exact", "hnsw"]),
    default="auto",
    show_default=True,
    help="Compare every vector, or find by a graph (HNSW); auto: a graph above 50,000 vectors.",
)
@click.option(
    "--replace",
    is_flag=True,
    help="Make it anew, whatever is there, and forget what was added and deleted.",
)
@run_name_option
@evaluate_set_option
@workspace_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of words.")
@cluster_options
def command(
    what: Literal["recipes", "photos", "both"],
    method: Literal["auto", "exact", "hnsw"],
    replace: bool,
    name: str | None,
    overrides: tuple[str, ...],
    workspace: "Workspace",
    as_json: bool,
    cluster: "Cluster",
) -> None:
    """Embed every recipe, with or without photos, and every photo, for search.

    Repeat the command after an interruption: it goes on where it was. What is finished is kept. An
    index belongs to the checkpoint that made it.
    """
    import json
    from dataclasses import asdict

    from seje_ray.console.tables import show
    from seje_ray.on_ray.executor import RayExecutor
    from seje_ray.pipeline.index.build import build_index
    from seje_ray.pipeline.runs import open_run
    from seje_ray.store.location import shown

    made = build_index(
        open_run(workspace, name),
        workspace,
        RayExecutor(workspace, cluster),
        what,
        overrides=overrides,
        method=method,
        replace=replace,
    )
    if as_json:
        facts = [asdict(one) for one in made]
        click.echo(json.dumps(facts, default=lambda path: shown(str(path)), indent=1))
        return
    show(lambda _: shown("\n".join(map(str, made))))


@command.command("add", epilog="Example: seje-ray index add new.jsonl")
@click.argument("recipes", type=DataPath(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of words.")
@map_option
@outside_option
@run_name_option
@workspace_option
def add(
    recipes: Path,
    as_json: bool,
    columns: tuple[str, ...],
    allow_outside: bool,
    name: str | None,
    workspace: "Workspace",
) -> None:
    """Add the recipes of a file, and the photos that they name, without embedding the old ones.

    Their partition is "added". A file that was added is not added again; an id that is there is an
    error.
    """
    import json
    from dataclasses import asdict

    from seje_ray.cli.options import as_columns
    from seje_ray.console.tables import show
    from seje_ray.on_ray.executor import RayExecutor
    from seje_ray.pipeline.index.change import add_recipes
    from seje_ray.pipeline.runs import open_run
    from seje_ray.store.location import shown

    added = add_recipes(
        open_run(workspace, name),
        workspace,
        RayExecutor(workspace),
        recipes.absolute(),
        columns=cast("Mapping[OwnField, str]", as_columns(columns)),
        allow_outside=allow_outside,
    )
    if as_json:
        facts = asdict(added)
        click.echo(json.dumps(facts, default=lambda path: shown(str(path)), indent=1))
        return
    show(lambda _: shown(str(added)))


@command.command("delete", epilog="Example: seje-ray index delete 000018c8a5 00003a70b1")
@click.argument("ids", nargs=-1, required=True)
@run_name_option
@workspace_option
def delete(ids: tuple[str, ...], name: str | None, workspace: "Workspace") -> None:
    """Take recipes with their photos, or single photos, out of the index by their ids.

    They are no longer found; what they took on the disk is freed when the index is made anew.
    """
    from seje_ray.pipeline.index.change import delete_rows
    from seje_ray.pipeline.runs import open_run

    gone = delete_rows(open_run(workspace, name), workspace, ids)
    click.echo("deleted: " + ", ".join(f"{number:,} {what}" for what, number in gone.items()))
