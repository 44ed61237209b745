"""How well and how fast the line tagger marks ingredients in lines that it never saw.

The embedded cookbook, and where ``--real`` is given real recipes in Recipe1M's layout, with their
det_ingrs as teacher and without (then the built-in common ingredients are). Fitted on train,
measured on test against the valid entries of det_ingrs. Run: ``python -m benchmarks.tagger
--real FOLDER --more-train FOLDER``.
"""

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import torch

from benchmarks.tagger_accuracy import tagger_accuracy
from seje_ray.calibration.corpus import RecipeText
from seje_ray.calibration.entities import JOIN, EntityLexicon, Reexaminer, normalise_entity
from seje_ray.calibration.line_labels import label_line, names_something
from seje_ray.calibration.line_tagger import LineTagger, fit_line_tagger
from seje_ray.calibration.term_tagger import BilstmTagger, understood_entities
from seje_ray.cookbook import write_cookbook
from seje_ray.recipe1m.records import Recipe
from seje_ray.recipe1m.source import open_source

FOLDER = click.Path(path_type=Path, exists=True, file_okay=False)


@click.command()
@click.option("--recipes", default=3000, show_default=True, help="Of the embedded cookbook.")
@click.option("--real", type=FOLDER, help="Real recipes with partitions and det_ingrs.")
@click.option("--more-train", type=FOLDER, help="More real recipes; their train partition.")
@click.option("--partition", type=click.Choice(["val", "test"]), default="test", show_default=True)
@click.option("--epochs", default=4, show_default=True, help="On the embedded cookbook.")
@click.option("--real-epochs", default=20, show_default=True)
@click.option("--batch-size", default=64, show_default=True)
@click.option("--learning-rate", default=5e-3, show_default=True)
@click.option("--hidden-dim", default=64, show_default=True)
@click.option("--threshold", default=0.5, show_default=True)
@click.option("--seed", default=0, show_default=True)
def main(
    recipes: int,
    real: Path | None,
    more_train: Path | None,
    partition: str,
    epochs: int,
    real_epochs: int,
    threshold: float,
    **settings: float,
) -> None:
    """Print the line tagger's accuracy on held-out lines, and its speed on one core."""
    torch.set_num_threads(1)
    with TemporaryDirectory() as folder:
        write_cookbook(Path(folder), num_recipes=recipes, seed=0, with_images=False)
        made_up = _read(Path(folder))
    train, held_out = made_up["train"], made_up[partition]
    _measure("embedded cookbook", train, held_out, threshold, epochs=epochs, **settings)
    if real is None:
        return
    texts = _read(real)
    train, held_out = texts["train"], texts[partition]
    if more_train is not None:
        train = train + _read(more_train)["train"]
    bare = [replace(recipe, entities=None) for recipe in train]
    _measure("real recipes", train, held_out, threshold, epochs=real_epochs, **settings)
    name = "real recipes, train without det_ingrs"
    _measure(name, bare, held_out, threshold, epochs=real_epochs, **settings)


def _read(folder: Path) -> dict[str, list[RecipeText]]:
    """Recipes by partition."""
    texts: dict[str, list[RecipeText]] = {"train": [], "val": [], "test": []}
    for recipe in open_source(folder).read():
        if isinstance(recipe, Recipe):
            text = RecipeText(
                recipe.id, recipe.title, recipe.ingredients, recipe.instructions, recipe.entities
            )
            texts[recipe.partition].append(text)
    return texts


def _measure(
    name: str,
    train: list[RecipeText],
    held_out: list[RecipeText],
    threshold: float,
    **settings: float,
) -> None:
    start = time.process_time()
    teacher = Reexaminer(EntityLexicon.fit(train))
    tagger = fit_line_tagger(train, teacher, **settings)  # type: ignore[arg-type]
    seconds = time.process_time() - start
    print(f"\n{name}: {len(train)} train recipes, fitted in {seconds:.0f} CPU s")
    print(f"  lines by outcome, and loss: {tagger.history[-1]}")
    pairs = _known_lines(held_out)
    aligned = [(line, entity) for line, entity in pairs if label_line(line, entity)]
    for kind, chosen in (("all valid lines", pairs), ("whose entity is in them", aligned)):
        found = tagger_accuracy(tagger, *map(list, zip(*chosen, strict=True)), threshold=threshold)
        print(
            f"  {kind:24} {found.num_lines:6} lines  exact {found.exact:.4f}  words: precision "
            f"{found.precision:.4f} recall {found.recall:.4f} F1 {found.f1:.4f}  flagged True "
            f"{found.understood:.4f}, exact of these {found.understood_exact:.4f}"
        )
    lexicon = understood_entities(tagger, train, threshold=threshold)
    whole = BilstmTagger(tagger, Reexaminer(lexicon), threshold=threshold)
    print(f"  with re-examination: exact {_agreement(whole, held_out):.4f} of all valid lines")
    print(f"  {_lines_per_second(tagger, train):.0f} lines per CPU second")


def _known_lines(recipes: Sequence[RecipeText]) -> list[tuple[str, str]]:
    """Raw lines whose entity is known, and the entity."""
    return [
        (line, normalise_entity(entity.text))
        for recipe in recipes
        for line, entity in zip(recipe.ingredients, recipe.entities or (), strict=False)
        if entity.valid and names_something(normalise_entity(entity.text).split(JOIN))
    ]


def _agreement(tagger: BilstmTagger, recipes: Sequence[RecipeText]) -> float:
    """Share of the known lines whose final entity is the detector's."""
    bare = [replace(recipe, entities=None) for recipe in recipes]
    known = {
        (number, line): normalise_entity(entity.text)
        for number, recipe in enumerate(recipes)
        for line, entity in enumerate(recipe.entities or ())
        if entity.valid and names_something(normalise_entity(entity.text).split(JOIN))
    }
    found = [tagged.entities for tagged in tagger.tag_all(bare)]
    return sum(found[n][i] == entity for (n, i), entity in known.items()) / len(known)


def _lines_per_second(tagger: LineTagger, recipes: Sequence[RecipeText]) -> float:
    """Of CPU time, tagging each line once; the words are cached from training."""
    lines = [line for recipe in recipes for line in recipe.ingredients]
    start = time.process_time()
    tagger.spans(lines)
    return len(lines) / (time.process_time() - start)


if __name__ == "__main__":
    main()
