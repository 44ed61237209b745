"""What a search by a part of a recipe loses: a title alone, ingredients alone, steps alone, words.

Run: ``python -m benchmarks.partial --workspace W --run NAME [--partition test]``; several runs, one
with ``train.partial_texts`` and one without, tell what training with parts left out mends. Each
recipe of the partition looks for its own photo among all photos of the partition, and for itself
among its whole recipes.
"""

from pathlib import Path

import click
import numpy as np
import pyarrow.parquet as pq

from seje_ray.calibration.corpus import RecipeText, parts_alone, recipe_text
from seje_ray.console.tables import text_table
from seje_ray.features.encoder import Encoder
from seje_ray.pipeline.runs import open_run
from seje_ray.retrieval.ranking import pair_ranks
from seje_ray.workspace import Workspace

COLUMNS = ["id", "title", "ingredients", "instructions", "entities", "images"]


@click.command()
@click.option("--workspace", type=click.Path(path_type=Path), required=True)
@click.option("--run", "runs", multiple=True, help="May be repeated.  [default: the newest]")
@click.option("--partition", default="test", show_default=True)
def main(workspace: Path, runs: tuple[str, ...], partition: str) -> None:
    """Print a table for each run."""
    place = Workspace.at(workspace)
    paths = place.open_calibrated().shards(partition)
    rows = [row for path in paths for row in pq.read_table(path, columns=COLUMNS).to_pylist()]
    recipes = [recipe_text(row) for row in rows]
    photos = [row["images"][0]["jpeg"] for row in rows]
    for name in runs or (None,):
        trained = open_run(place, name)
        encoder = Encoder.load(trained.best_checkpoint, place)
        images, whole = encoder.embed_jpegs(photos), encoder.embed_recipes(recipes)
        table = [
            [what, *_scores(queries, images), *_scores(queries, whole)]
            for what, queries in (
                (what, encoder.embed_recipes([of(recipe) for recipe in recipes]))
                for what, of in PARTS.items()
            )
        ]
        print(f"\n{trained.folder.name}, {partition}, {len(rows):,} pairs; photos | recipes")
        head = ["query", *("MedR", "R@1", "R@5", "R@10") * 2]
        print(text_table(head, table))


def _everywhere(recipe: RecipeText) -> RecipeText:
    """The title as title, as an ingredient line and as a step."""
    return RecipeText(recipe.id, recipe.title, (recipe.title,), (recipe.title,))


PARTS = {
    "whole": lambda recipe: recipe,
    "title": lambda recipe: parts_alone(recipe)[0],
    "title, as ingredient and step, too": _everywhere,
    "ingredients": lambda recipe: parts_alone(recipe)[1],
    "steps": lambda recipe: parts_alone(recipe)[2],
}


def _scores(queries: np.ndarray, gallery: np.ndarray) -> list[str]:
    """MedR and Recall@1, 5, 10 in percent."""
    ranks = pair_ranks(gallery, queries).recipe_to_image.mid_ranks.numpy()
    recalls = [100 * float((ranks <= k).mean()) for k in (1, 5, 10)]
    return [f"{float(np.median(ranks)):.1f}", *(f"{recall:.1f}" for recall in recalls)]


if __name__ == "__main__":
    main()
