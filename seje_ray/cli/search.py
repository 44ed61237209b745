"""``seje-ray search``."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from seje_ray.cli.options import (
    evaluate_set_option,
    partition_option,
    run_name_option,
    workspace_option,
)

if TYPE_CHECKING:
    from seje_ray.pipeline.search import SearchResult
    from seje_ray.workspace import Workspace


@click.command("search", epilog="Example: seje-ray search --image dinner.jpg --results 10")
@click.option(
    "--image",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A photo: find recipes for it.",
)
@click.option(
    "--recipe",
    metavar="ID|FILE",
    help="A recipe of the partition by its id, or a file of recipes, whose first counts: find "
    "photos for it.",
)
@click.option(
    "--results", type=click.IntRange(min=1), default=5, show_default=True, help="How many."
)
@partition_option
@run_name_option
@evaluate_set_option
@workspace_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def command(
    image: Path | None,
    recipe: str | None,
    results: int,
    partition: str,
    name: str | None,
    overrides: tuple[str, ...],
    workspace: "Workspace",
    as_json: bool,
) -> None:
    """Find recipes for a photo, or photos for a recipe, among a partition's pairs.

    Without a query the partition's first pair is searched both ways, as an example. Writes the
    results with their photos to search.html in the workspace. The number of each is the cosine
    similarity, also where evaluate.hubness corrects the order.
    """
    import json
    from dataclasses import asdict
    from functools import partial

    from seje_ray.console.tables import show
    from seje_ray.on_ray.executor import RayExecutor
    from seje_ray.pipeline.runs import open_run
    from seje_ray.pipeline.search import PartitionSearcher

    searcher = PartitionSearcher(
        open_run(workspace, name), workspace, RayExecutor(workspace), partition, overrides
    )
    found = []
    if image is not None:
        found.append(searcher.for_photo(image.absolute(), results))
    if recipe is not None:
        found.append(searcher.for_recipe(recipe, results))
    if not found:
        found = [searcher.for_row(0, results, is_photo=is_photo) for is_photo in (True, False)]
    searcher.write_page(workspace.search_page)
    if as_json:
        click.echo(json.dumps([asdict(one) for one in found], ensure_ascii=False, indent=1))
        return
    for one in found:
        show(partial(_as_text, one))
    click.echo(f"photos: {workspace.search_page}")


def _as_text(found: "SearchResult", width: int | None) -> str:
    """The results by rank, with their cosine similarity."""
    from seje_ray.console.tables import text_table

    rows = []
    for one in found.results:
        photo = "" if found.is_photo else f"photo {one.image_id}"
        notes = "  ".join(part for part in (photo, "<- its own" if one.is_match else "") if part)
        rows.append([str(one.rank), f"{one.similarity:.2f}", one.id, one.title, notes])
    kind = "recipes" if found.is_photo else "photos"
    table = text_table(None, rows, left=(2, 3, 4), width=width)
    return f"{kind} for {found.query}\n{table}"
