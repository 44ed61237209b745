"""``seje-ray search``."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from seje_ray.cli.local_path import DataPath
from seje_ray.cli.options import evaluate_set_option, run_name_option, workspace_option

if TYPE_CHECKING:
    from seje_ray.console.pictures import Protocol
    from seje_ray.pipeline.executor import Executor
    from seje_ray.pipeline.index.page import Answer
    from seje_ray.pipeline.index.searcher import Searcher
    from seje_ray.workspace import Workspace


@click.command("search", epilog="Example: seje-ray search --image dinner.jpg --without egg")
@click.option(
    "--image",
    "images",
    type=DataPath(dir_okay=False, path_type=Path),
    multiple=True,
    help="A photo; several count as their mean.",
)
@click.option("--text", metavar="WORDS", help='Words, e.g. "lemon pasta with capers".')
@click.option(
    "--recipe",
    metavar="ID|FILE",
    help="A recipe of the index, or a file of recipes, whose first counts; a title or ingredients "
    "alone will do.",
)
@click.option("--like", metavar="ID", help="A recipe or photo of the index: find more like it.")
@click.option(
    "--find",
    type=click.Choice(["recipes", "photos"]),
    help="What to look for.  [default: photos for a recipe, recipes for all else]",
)
@click.option("--with", "with_", metavar="INGREDIENT", multiple=True, help="Results have it.")
@click.option("--without", metavar="INGREDIENT", multiple=True, help="Results do not have it.")
@click.option(
    "--plus", metavar="TERM", multiple=True, help="More of a category, key term or title's word."
)
@click.option("--minus", metavar="TERM", multiple=True, help="Less of it.")
@click.option(
    "--partition",
    "partitions",
    type=click.Choice(["train", "val", "test", "added"]),
    multiple=True,
    help="Only recipes of it; may be repeated.  [default: all]",
)
@click.option(
    "--category", "categories", metavar="NAME", multiple=True, help="Only recipes of it; likewise."
)
@click.option(
    "--results", type=click.IntRange(min=1), default=5, show_default=True, help="How many."
)
@click.option("--why", "with_why", is_flag=True, help="Say what each has in common with the query.")
@click.option("--heat-map", is_flag=True, help="Show what in the photo each rests on.")
@click.option("--pictures", is_flag=True, help="Show thumbnails in a terminal that can.")
@click.option("--open", "open_page", is_flag=True, help="Open the page with the photos.")
@run_name_option
@evaluate_set_option
@workspace_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def command(
    results: int,
    name: str | None,
    overrides: tuple[str, ...],
    workspace: "Workspace",
    as_json: bool,
    with_why: bool,
    pictures: bool,
    open_page: bool,
    **asked: Any,
) -> None:
    """Find recipes or photos among all that the workspace holds, by photos, words or a recipe.

    Queries of several kinds count as their mean. Without a query one of the test pairs is searched
    both ways, as an example. The number of each result is the cosine similarity, also where
    evaluate.hubness corrects the order. --with and --without look for whole words in titles and
    ingredient lines. Writes the results with their photos to search.html in the workspace. Where a
    small collection has no index yet it is made; of a large one `seje-ray index` makes it.
    """
    import json
    import os
    import sys
    from functools import partial

    from seje_ray.console.pictures import picture_protocol
    from seje_ray.console.tables import show
    from seje_ray.errors import StoreError
    from seje_ray.pipeline.index.asked import Asked, searches
    from seje_ray.pipeline.index.page import write_page
    from seje_ray.pipeline.index.ready import ready_searcher
    from seje_ray.pipeline.runs import open_run
    from seje_ray.store.location import shown as shown_path

    protocol = picture_protocol(os.environ, is_terminal=sys.stdout.isatty()) if pictures else None
    trained = open_run(workspace, name)
    searcher = ready_searcher(trained, workspace, partial(_executor, workspace), overrides)
    found = searches(searcher, Asked(**asked), results)
    is_written = True
    try:
        write_page(workspace.search_page, searcher, found)
    except (OSError, StoreError) as error:  # one can only read there: the results are there
        is_written = False
        why = error.strerror if isinstance(error, OSError) else str(error)
        click.echo(shown_path(f"note: {workspace.search_page}: not written: {why}"), err=True)
    if open_page and is_written:
        click.launch(str(workspace.search_page))
    if as_json:
        click.echo(json.dumps([_as_json(one) for one in found], ensure_ascii=False, indent=1))
        return
    for one in found:
        show(partial(_as_text, one, with_why))
        if protocol is not None:
            _show_pictures(searcher, one, protocol)
    if is_written:
        click.echo(shown_path(f"photos: {workspace.search_page}"))


def _executor(workspace: "Workspace") -> "Executor":
    """Where an index is made; Ray is not loaded for a search in one that is there."""
    from seje_ray.on_ray.executor import RayExecutor

    return RayExecutor(workspace)


def _show_pictures(searcher: "Searcher", found: "Answer", protocol: "Protocol") -> None:
    """Thumbnails of the results, each under its rank."""
    from seje_ray.console.pictures import picture_text
    from seje_ray.plain_text import printable

    for hit in found.hits:
        thumbnail = searcher.index.thumbnail(hit)
        click.echo(f"{hit.rank} {printable(hit.title)}")
        if thumbnail is not None:
            click.echo(picture_text(thumbnail, protocol))


def _as_json(found: "Answer") -> dict[str, Any]:
    """A search as plain data; each result says what it shares with the query."""
    from dataclasses import asdict

    from seje_ray.retrieval.index.why import why

    results = []
    for hit in found.hits:
        facts = asdict(hit)
        del facts["row"]
        reasons = asdict(why(found.query, hit))
        results.append({**facts, "is_match": reasons.pop("is_match"), "why": reasons})
    return {"query": found.query.text, "find": found.what, "results": results}


def _as_text(found: "Answer", with_why: bool, width: int | None) -> str:
    """The results by rank, with their cosine similarity."""
    from seje_ray.console.tables import text_table
    from seje_ray.plain_text import printable
    from seje_ray.retrieval.index.why import why

    rows = []
    for hit in found.hits:
        reasons = why(found.query, hit)
        photo = f"photo {hit.photo}" if hit.kind == "photo" else ""
        own = "<- its own" if reasons.is_match else ""
        notes = "  ".join(part for part in (photo, own, str(reasons) if with_why else "") if part)
        shown = hit.recipe or hit.id
        rows.append([str(hit.rank), f"{hit.similarity:.2f}", shown, hit.title, notes])
    head = f"{found.what} for {printable(found.query.text)}"
    if not rows:
        return f"{head}: none"
    return f"{head}\n{text_table(None, rows, left=(2, 3, 4), width=width)}"
