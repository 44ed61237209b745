"""``seje-ray data``: make and check data sets."""

import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from seje_ray.cli.local_path import LocalPath
from seje_ray.cli.options import as_settings, map_option, outside_option, workspace_option
from seje_ray.cli.run_files import read_run

if TYPE_CHECKING:
    from seje_ray.workspace import Workspace


@click.group("data", epilog="Example: seje-ray data check /data/recipe1m --html check.html")
def command() -> None:
    """Make and check data sets."""


@command.command(
    "synth", epilog="Example: seje-ray data synth --recipes 2000 --seed 0 --out cookbook"
)
@click.option(
    "--recipes",
    type=click.IntRange(min=1),
    default=2000,
    show_default=True,
    help="With --food101: photos.",
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@click.option(
    "--out",
    type=LocalPath(file_okay=False, path_type=Path),
    required=True,
    help="Folder to write; must be new or empty.",
)
@click.option("--images/--no-images", default=True, show_default=True, help="Draw the photos.")
@click.option(
    "--food101", is_flag=True, help="Labelled photos of the dishes, in Food-101's layout, instead."
)
@click.option(
    "--processes",
    type=click.IntRange(min=1),
    default=os.cpu_count() or 1,
    show_default="all cores",
    help="They change the speed, not a byte.",
)
def synth(recipes: int, seed: int, out: Path, images: bool, food101: bool, processes: int) -> None:
    """Write the embedded cookbook, made-up recipes and drawn photos, in Recipe1M's layout."""
    if food101 and not images:
        raise click.UsageError("--food101 is photos alone, so there is no --no-images for it")
    from seje_ray.console.progress import Bars
    from seje_ray.console.tables import show
    from seje_ray.cookbook import write_cookbook, write_food101
    from seje_ray.recipe1m.records import DataError

    if out.exists() and any(out.iterdir()):
        raise DataError(f"{out}: expected a new or empty folder, found files; choose another --out")
    unit = "photos" if food101 else "recipes"
    write = (
        partial(write_food101, num_photos=recipes)
        if food101
        else partial(write_cookbook, num_recipes=recipes, with_images=images)
    )
    with Bars() as bars:
        progress = bars.bar(f"writing {unit}", unit, recipes)
        summary = write(out, seed=seed, num_processes=processes, progress=progress)
    show(lambda _: f"{out}: {summary}")


class PhotoNumber(click.ParamType):  # type: ignore[type-arg]  # generic in newer clicks only
    """A number of photos, or ``all``, which is None."""

    name = "N|all"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> int | None:
        """Read the number."""
        if value in ("all", None):
            return None
        try:
            number = int(value)
        except ValueError:
            number = 0
        if number < 1:
            self.fail(f"expected a number of at least 1, or all, found {value!r}", param, ctx)
        return number


@command.command("check", epilog="Example: seje-ray data check /data/recipe1m --html check.html")
@click.argument("path", type=LocalPath(path_type=Path))
@click.option(
    "--photos",
    "num_photos",
    type=PhotoNumber(),
    default="2000",
    show_default=True,
    help="Photos to read and compare, drawn evenly.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of the table.")
@click.option(
    "--html",
    "page",
    type=LocalPath(dir_okay=False, path_type=Path),
    help="Write a page with pictures, too.",
)
@click.option(
    "--config",
    default="seje",
    show_default=True,
    metavar="FILE|NAME",
    help="Run file whose data settings and vector sizes count.",
)
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Change a setting.")
@map_option
@outside_option
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@click.option(
    "--threads",
    type=click.IntRange(min=1),
    default=os.cpu_count() or 1,
    show_default="all cores",
    help="That read photos.",
)
def check(
    path: Path,
    num_photos: int | None,
    as_json: bool,
    page: Path | None,
    config: str,
    overrides: tuple[str, ...],
    columns: tuple[str, ...],
    allow_outside: bool,
    seed: int,
    threads: int,
) -> None:
    """Check a data set before a long job; nothing is written into it.

    PATH is a Recipe1M folder, or a file or folder of own recipes: JSON, CSV, Parquet, tar shards
    and others (docs/data.md). Reports how it is read and whether it will do, what is rejected and
    what to do about it, recipes and photos that partitions share, and what a calibration will
    take. Ends with an error if calibrate would refuse the data set.
    """
    import json

    from seje_ray.audit import audit
    from seje_ray.console.progress import Bars
    from seje_ray.console.tables import show
    from seje_ray.recipe1m.records import DataError
    from seje_ray.report.audit import as_text

    if page is not None and not page.absolute().parent.is_dir():
        raise DataError(f"{page}: expected a file in a folder that exists; make the folder first")
    run = read_run(config, overrides + as_settings(columns, allow_outside))
    with Bars() as bars:
        found = audit(
            path,
            num_photos=num_photos,
            shorter_side=run.data.shorter_side,
            max_images=run.data.max_images,
            max_sentences=run.calibrate.sentence_encoder.max_sentences,
            word_dim=run.calibrate.word_vectors.dim,
            sentence_dim=run.calibrate.sentence_encoder.dim,
            removed=run.data.removed,
            columns=run.data.columns,
            separator=run.data.separator,
            allow_outside=run.data.allow_outside,
            global_batch_size=run.train.global_batch_size,
            needs_ingredients=run.calibrate.needs_ingredients,
            seed=seed,
            num_threads=threads,
            progress=bars.bar,
        )
    if as_json:
        click.echo(json.dumps(found.to_dict(), indent=1))
    else:
        show(lambda width: as_text(found, width))
    if page is not None:
        from seje_ray.report.audit_page import write_page

        write_page(page, found)
        click.echo(f"page: {page}", err=as_json)
    if found.blocked is not None:
        raise DataError(found.blocked)


@command.command("export-vectors", epilog="Example: seje-ray data export-vectors --out vectors.bin")
@click.option(
    "--out",
    type=LocalPath(dir_okay=False, path_type=Path),
    required=True,
    help="File to write; .txt and .vec are text, other names word2vec's binary format.",
)
@workspace_option
def export_vectors(out: Path, workspace: "Workspace") -> None:
    """Write the word vectors of a calibration as a word2vec file.

    calibrate.word_vectors.file takes such a file.
    """
    from seje_ray.calibration.word2vec_file import write_word2vec
    from seje_ray.calibration.word_vectors import WordVectors
    from seje_ray.store.mirror import pull

    workspace.open_calibrator()
    vectors = WordVectors.load(pull(workspace.component("word_vectors")))
    write_word2vec(vectors, out)
    click.echo(f"{out}: {len(vectors):,} words of {vectors.dim} dimensions")
