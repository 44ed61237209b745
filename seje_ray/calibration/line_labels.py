"""Weak labels of ingredient lines: a known entity's words, found again in the raw line."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from seje_ray.calibration.corpus import Recipes, RecipeText
from seje_ray.calibration.entities import JOIN, Reexaminer, normalise_entity
from seje_ray.calibration.line_features import (
    DROPPED_WORD,
    IngredientLine,
    LineBatch,
    batches_by_length,
    line_batch,
    read_line,
)
from seje_ray.recipe1m.records import Entity
from seje_ray.recipe1m.text import STOP_WORDS

MAX_GAP = 6  # tokens of the line between the entity's own, in all; more is chance
BATCHES_PER_CHUNK = 64  # read, shuffled and sorted by length together
DROPPED_SHARE = 0.05  # words that training hides, so that context counts too
OUTCOMES = ("labelled", "flagged", "nameless", "unaligned", "unmatched")
"""What becomes of a line: it has a label; its detector did not understand it; it names nothing;
the entity's words are not in it; it has no detector, and holds no known entity."""


@dataclass(frozen=True, slots=True)
class LabelledLine:
    """A line and which of its tokens name the ingredient, at least one of them."""

    line: IngredientLine
    is_marked: tuple[bool, ...]


@dataclass(frozen=True, slots=True)
class LabelledBatch:
    """Lines of equally many tokens with their labels."""

    lines: LineBatch
    is_marked: np.ndarray  # (B, T) float32, 0 or 1


def names_something(words: Sequence[str]) -> bool:
    """False for no words, and for stop words and quantities only."""
    named = normalise_entity(" ".join(words)).split(JOIN)
    return any(word and word not in STOP_WORDS for word in named)


def align(words: Sequence[str], tokens: Sequence[str]) -> tuple[int, ...] | None:
    """Positions of an entity's ``words`` in ``tokens``, in order, or None.

    Of all places the one with the fewest tokens between is taken, then the first. Tokens
    between belong to no entity ("sunflower/groundnut oil" as "sunflower oil" marks two of
    three); more than ``MAX_GAP`` of them are no alignment.

    Args:
        words: At least one word.
        tokens: Of the raw line.
    """
    best: tuple[int, ...] | None = None
    for start, token in enumerate(tokens):
        found = _in_order(words, tokens, start) if token == words[0] else None
        if found is not None and (best is None or found[-1] - found[0] < best[-1] - best[0]):
            best = found
    if best is None or best[-1] - best[0] + 1 - len(words) > MAX_GAP:
        return None
    return best


def _in_order(words: Sequence[str], tokens: Sequence[str], start: int) -> tuple[int, ...] | None:
    positions: list[int] = []
    for word in words:
        try:
            start = tokens.index(word, start) + 1
        except ValueError:
            return None
        positions.append(start - 1)
    return tuple(positions)


def label_line(line: str, entity: str) -> LabelledLine | None:
    """The label of a raw line that is known to name ``entity``, or None if it is not there.

    Args:
        line: A raw ingredient line.
        entity: Words joined by ``_``; numbers and units are dropped, as in all entities.
    """
    read = read_line(line)
    positions = align(entity.split(JOIN), read.words)
    if positions is None:
        return None
    return LabelledLine(read, tuple(i in positions for i in range(len(read.words))))


def labelled_lines(
    recipe: RecipeText, reexaminer: Reexaminer, counts: Counter[str]
) -> list[LabelledLine]:
    """Lines of a recipe that a label can be given to; ``counts`` gets every line's outcome.

    The teacher is the recipe's detector if it has one, otherwise the known entities with the
    built-in common ingredients.

    Source: docs/method.md, rule 1.1; [ours] as to the recipes without a detector.
    """
    entities = recipe.entities or (None,) * len(recipe.ingredients)
    labelled = []
    for line, entity in zip(recipe.ingredients, entities, strict=True):
        outcome = _outcome(line, entity, reexaminer)
        counts[outcome if isinstance(outcome, str) else "labelled"] += 1
        if isinstance(outcome, LabelledLine):
            labelled.append(outcome)
    return labelled


def _outcome(line: str, entity: Entity | None, reexaminer: Reexaminer) -> LabelledLine | str:
    """A line's label, or which of ``OUTCOMES`` it is."""
    if entity is None:
        name = reexaminer.match(line, with_common=True)
        if name is None:
            return "unmatched"
    elif not entity.valid:
        return "flagged"
    else:
        name = normalise_entity(entity.text)
        if not names_something(name.split(JOIN)):
            return "nameless"
    return label_line(line, name) or "unaligned"


def labelled_batches(
    corpus: Recipes,
    reexaminer: Reexaminer,
    counts: Counter[str],
    *,
    batch_size: int,
    generator: np.random.Generator,
) -> Iterator[tuple[int, list[LabelledBatch]]]:
    """One pass over the corpus in chunks of shuffled batches of lines of equal length.

    Yields:
        How many recipes are read so far, and the next batches.
    """
    lines: list[LabelledLine] = []
    num_recipes = num_told = 0
    for recipe in corpus:
        lines += labelled_lines(recipe, reexaminer, counts)
        num_recipes += 1
        if len(lines) >= batch_size * BATCHES_PER_CHUNK:
            yield num_recipes, _shuffled_batches(lines, batch_size, generator)
            lines, num_told = [], num_recipes
    if num_recipes > num_told:
        yield num_recipes, _shuffled_batches(lines, batch_size, generator)


def _shuffled_batches(
    lines: Sequence[LabelledLine], batch_size: int, generator: np.random.Generator
) -> list[LabelledBatch]:
    drawn = [lines[i] for i in generator.permutation(len(lines))]
    batches = batches_by_length([len(labelled.is_marked) for labelled in drawn], batch_size)
    return [
        LabelledBatch(
            line_batch([_with_dropped_words(drawn[j].line, generator) for j in batches[i]]),
            np.array([drawn[j].is_marked for j in batches[i]], np.float32),
        )
        for i in generator.permutation(len(batches))
    ]


def _with_dropped_words(line: IngredientLine, generator: np.random.Generator) -> IngredientLine:
    kept = (generator.random(len(line.words)) >= DROPPED_SHARE).tolist()
    words = (w if k else DROPPED_WORD for w, k in zip(line.words, kept, strict=True))
    return IngredientLine(tuple(words), line.flags)
