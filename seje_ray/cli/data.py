"""``seje-ray data``: make data sets."""

import os
import sys
from functools import partial
from pathlib import Path

import click


@click.group("data", epilog="Example: seje-ray data synth --recipes 2000 --out cookbook")
def command() -> None:
    """Make data sets."""


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
    type=click.Path(file_okay=False, path_type=Path),
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
    from tqdm import tqdm

    from seje_ray.recipe1m.cookbook import write_cookbook, write_food101
    from seje_ray.recipe1m.records import DataError

    if out.exists() and any(out.iterdir()):
        raise DataError(f"{out}: expected a new or empty folder, found files; choose another --out")
    unit = "photos" if food101 else "recipes"
    with tqdm(total=recipes, desc=f"writing {unit}", unit=f" {unit}", file=sys.stderr) as shown:

        def advance(done: int, total: int) -> None:
            shown.update(done - shown.n)

        write = (
            partial(write_food101, num_photos=recipes)
            if food101
            else partial(write_cookbook, num_recipes=recipes, with_images=images)
        )
        summary = write(out, seed=seed, num_processes=processes, progress=advance)
    click.echo(f"{out}: {summary}")
