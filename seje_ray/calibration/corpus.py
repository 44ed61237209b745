"""Recipes of finished shards, streamed again and again for fitting."""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import pyarrow.parquet as pq

from seje_ray.recipe1m.records import Entity

PARTS = ("title", "ingredients", "steps")  # of a recipe, in this order wherever they are apart
TEXT_COLUMNS = ["id", "title", "ingredients", "instructions", "entities"]


@dataclass(frozen=True, slots=True)
class RecipeText:
    """The texts of one recipe; ``entities`` is None if its source has no det_ingrs."""

    id: str
    title: str
    ingredients: tuple[str, ...]
    instructions: tuple[str, ...]
    entities: tuple[Entity, ...] | None = None


def of_words(text: str) -> RecipeText:
    """What is known of a recipe from words alone, such as "lemon pasta with capers".

    They are its title and, parted at commas, its ingredients: some trainings read one of both.
    """
    lines = (line.strip() for line in text.split(","))
    return RecipeText("words", text.strip(), tuple(line for line in lines if line), ())


def parts_alone(recipe: RecipeText) -> tuple[RecipeText, RecipeText, RecipeText]:
    """A recipe of which only the title is known, only the ingredients, only the steps."""
    return (
        RecipeText(recipe.id, recipe.title, (), ()),
        replace(recipe, title="", instructions=()),
        RecipeText(recipe.id, "", (), recipe.instructions),
    )


class Recipes(Protocol):
    """Recipes that can be counted, and gone through again and again in the same order."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[RecipeText]: ...


class TextCorpus:
    """Texts of ``recipes/`` shards; each pass reads the files again, one row group at a time."""

    def __init__(self, shards: Sequence[Path]) -> None:
        self._shards = list(shards)
        self.num_recipes = sum(pq.read_metadata(path).num_rows for path in self._shards)

    def __len__(self) -> int:
        return int(self.num_recipes)

    def __iter__(self) -> Iterator[RecipeText]:
        for path in self._shards:
            with pq.ParquetFile(path) as file:
                for batch in file.iter_batches(columns=TEXT_COLUMNS):
                    for row in batch.to_pylist():
                        yield recipe_text(row)


def recipe_text(row: dict[str, object]) -> RecipeText:
    """Texts of one row of ``recipes/``."""
    entities = row["entities"]
    assert isinstance(row["ingredients"], list)
    assert isinstance(row["instructions"], list)
    return RecipeText(
        str(row["id"]),
        str(row["title"]),
        tuple(row["ingredients"]),
        tuple(row["instructions"]),
        tuple(Entity(**entity) for entity in entities) if isinstance(entities, list) else None,
    )


class TokenFile:
    """Texts as tokens in a file, one text per line: what it took to get them is paid once.

    Args:
        path: The file; what is there is replaced.
        texts: Their tokens hold no white space.
    """

    def __init__(self, path: Path, texts: Iterable[Sequence[str]]) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        with temporary.open("w", encoding="utf-8") as file:
            file.writelines(" ".join(text) + "\n" for text in texts)
        os.replace(temporary, path)

    def __iter__(self) -> Iterator[list[str]]:
        with self._path.open(encoding="utf-8", newline="\n") as file:
            for line in file:
                yield line.split()
