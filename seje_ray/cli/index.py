"""``seje-ray index``."""

from typing import TYPE_CHECKING, Literal

import click

from seje_ray.cli.options import (
    cluster_options,
    evaluate_set_option,
    run_name_option,
    workspace_option,
)

if TYPE_CHECKING:
    from seje_ray.submission.cluster import Cluster
    from seje_ray.workspace import Workspace


@click.command("index", epilog="Example: seje-ray index --what both")
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
        click.echo(json.dumps([asdict(one) for one in made], default=str, indent=1))
        return
    show(lambda _: "\n".join(map(str, made)))
