"""Ingredient entities: what is known of them, and lines that a detector did not understand."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib import resources
from pathlib import Path

from seje_ray.artifact import write_json
from seje_ray.calibration.corpus import RecipeText
from seje_ray.recipe1m.text import STOP_WORDS, ingredient_tokens

JOIN = "_"  # between the words of one entity


def normalise_entity(text: str) -> str:
    """An entity's words joined by ``_``, without what ``ingredient_tokens`` drops."""
    return JOIN.join(ingredient_tokens(text))


@dataclass(frozen=True)
class EntityLexicon:
    """Known entities and in how many ingredient lines each was found."""

    frequencies: dict[str, int]

    @classmethod
    def fit(cls, corpus: Iterable[RecipeText]) -> "EntityLexicon":
        """Collect the entities that a detector marked valid."""
        counts: Counter[str] = Counter()
        for recipe in corpus:
            counts.update(valid_entities(recipe))
        return cls(dict(sorted(counts.items())))

    @cached_property
    def max_words(self) -> int:
        """Words of the longest entity."""
        return max((entity.count(JOIN) + 1 for entity in self.frequencies), default=0)

    def longest_match(self, tokens: Sequence[str]) -> str | None:
        """The entity that covers most contiguous ``tokens``.

        Ties go to the more frequent entity, then to the alphabetically first.

        Source: docs/method.md, rule 1.2.
        """
        for length in range(min(self.max_words, len(tokens)), 0, -1):
            runs = (JOIN.join(tokens[i : i + length]) for i in range(len(tokens) - length + 1))
            known = [run for run in runs if run in self.frequencies]
            if known:
                return min(known, key=lambda entity: (-self.frequencies[entity], entity))
        return None

    def merged_with(self, others: Iterable[str]) -> "EntityLexicon":
        """This lexicon and ``others``, the new ones with frequency 0."""
        return EntityLexicon(dict.fromkeys(others, 0) | self.frequencies)

    def save(self, folder: Path) -> None:
        """Write ``entities.json``."""
        write_json(folder / "entities.json", self.frequencies)

    @classmethod
    def load(cls, folder: Path) -> "EntityLexicon":
        """Read what ``save`` wrote."""
        return cls(json.loads((folder / "entities.json").read_text(encoding="utf-8")))


def valid_entities(recipe: RecipeText) -> list[str]:
    """Entities that the recipe's detector is sure of; names of stop words only are none."""
    named = [normalise_entity(e.text) for e in recipe.entities or () if e.valid]
    return [name for name in named if not _is_empty(name)]


class Reexaminer:
    """Finds a known entity in a line that a detector did not understand.

    Args:
        lexicon: Entities of the train partition.
    """

    def __init__(self, lexicon: EntityLexicon) -> None:
        self.lexicon = lexicon
        self._with_common = lexicon.merged_with(common_ingredients())

    def match(self, line: str, *, with_common: bool = False) -> str | None:
        """The longest known entity in ``line``, or None.

        Args:
            line: A raw ingredient line.
            with_common: Also know the built-in names of common ingredients; for sources
                without a detector's output.
        """
        lexicon = self._with_common if with_common else self.lexicon
        return lexicon.longest_match(ingredient_tokens(line))


@dataclass(frozen=True, slots=True)
class TaggedLines:
    """The entity of each ingredient line, None if there is none."""

    entities: tuple[str | None, ...]
    num_rescued_lines: int  # lines that only re-examination understood
    num_unknown_lines: int  # lines that stay without an entity


def tag_lines(recipe: RecipeText, reexaminer: Reexaminer) -> TaggedLines:
    """Take the detector's entities and re-examine the lines that it flagged.

    A recipe whose source has no detector's output is re-examined line by line, with the
    built-in common ingredients beside those of the train partition; each line with an entity
    then counts as rescued.

    Source: docs/method.md, rules 1.1 and 1.2.
    """
    if recipe.entities is None:
        found = [reexaminer.match(line, with_common=True) for line in recipe.ingredients]
        rescued = sum(entity is not None for entity in found)
        return TaggedLines(tuple(found), rescued, len(found) - rescued)
    entities: list[str | None] = []
    num_rescued = 0
    for entity in recipe.entities:
        name = normalise_entity(entity.text) if entity.valid else ""
        if not _is_empty(name):
            entities.append(name)
            continue
        match = reexaminer.match(entity.text)
        entities.append(match)
        num_rescued += match is not None
    return TaggedLines(tuple(entities), num_rescued, entities.count(None))


def merge_entities(tokens: Sequence[str], entities: Iterable[str]) -> list[str]:
    """Join each occurrence of a multi-word entity in ``tokens`` by ``_``, longest first.

    Args:
        tokens: Words of the title or of an instruction.
        entities: Entities of the same recipe.
    """
    runs = {tuple(entity.split(JOIN)) for entity in entities if JOIN in entity}
    lengths = sorted({len(run) for run in runs}, reverse=True)
    merged: list[str] = []
    position = 0
    while position < len(tokens):
        length = next(
            (n for n in lengths if tuple(tokens[position : position + n]) in runs),
            1,
        )
        merged.append(JOIN.join(tokens[position : position + length]))
        position += length
    return merged


def common_ingredients() -> list[str]:
    """Built-in names of common ingredients, singular and plural, joined by ``_``."""
    text = resources.files(__package__).joinpath("common_ingredients.txt").read_text("utf-8")
    names = [normalise_entity(line) for line in text.splitlines() if not line.startswith("#")]
    return sorted({form for name in names if name for form in (name, _plural(name))})


def _plural(name: str) -> str:
    if name.endswith(("s", "x", "ch", "sh", "tomato", "potato", "mango")):
        return name if name.endswith("s") else name + "es"
    if name.endswith("y") and name[-2] not in "aeiou":
        return name[:-1] + "ies"
    if name.endswith("leaf"):
        return name[:-1] + "ves"
    return name + "s"


def _is_empty(name: str) -> bool:
    return all(word in STOP_WORDS for word in name.split(JOIN) if word)
