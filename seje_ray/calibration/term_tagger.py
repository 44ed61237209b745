"""Taggers: sources of the entities of ingredient lines."""

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Protocol

from seje_ray.calibration.corpus import RecipeText
from seje_ray.calibration.entities import EntityLexicon, Reexaminer, TaggedLines, tag_lines
from seje_ray.calibration.line_tagger import LineTagger, TaggedSpan
from seje_ray.recipe1m.text import STOP_WORDS, ingredient_tokens

RECIPES_PER_CHUNK = 2048  # tagged together


class TermTagger(Protocol):
    """Gives the entity of each ingredient line."""

    def tag_all(self, recipes: Sequence[RecipeText]) -> list[TaggedLines]:
        """Each recipe's entities, and how many lines were rescued or stay unknown.

        They do not depend on the other recipes.
        """


class DetIngrsTagger:
    """Takes the entities of the source's det_ingrs and re-examines lines flagged invalid.

    Args:
        reexaminer: Knows the entities of the train partition.
    """

    def __init__(self, reexaminer: Reexaminer) -> None:
        self._reexaminer = reexaminer

    def tag_all(self, recipes: Sequence[RecipeText]) -> list[TaggedLines]:
        """See ``tag_lines``."""
        return [tag_lines(recipe, self._reexaminer) for recipe in recipes]


class WordTagger:
    """Looks for no ingredients: each word of a line that is no amount or stop word is taken.

    For texts in any language, and for photos that have titles or captions alone.

    Source: docs/method.md, rule 1.9.
    """

    def tag_all(self, recipes: Sequence[RecipeText]) -> list[TaggedLines]:
        """Words of the lines in the place of entities; no line counts as unknown."""
        return [TaggedLines(tuple(_words(recipe.ingredients)), 0, 0) for recipe in recipes]


def _words(lines: Sequence[str]) -> list[str]:
    return [t for line in lines for t in ingredient_tokens(line) if t not in STOP_WORDS]


class BilstmTagger:
    """Marks entities by a network and re-examines lines that it is not sure of.

    The source's det_ingrs are not looked at, but that recipes without them are re-examined with
    the built-in common ingredients too, as ``tag_lines`` does.

    Args:
        line_tagger: Fitted on the train partition, on the device where it is to run.
        reexaminer: Knows the entities of the train partition.
        threshold: In [0, 1]; a line marked with less confidence is flagged False.

    Source: docs/method.md, rules 1.1 and 1.2.
    """

    def __init__(
        self, line_tagger: LineTagger, reexaminer: Reexaminer, *, threshold: float
    ) -> None:
        self._line_tagger = line_tagger
        self._reexaminer = reexaminer
        self._threshold = threshold

    def tag_all(self, recipes: Sequence[RecipeText]) -> list[TaggedLines]:
        """All lines in batches; one counts as rescued where only re-examination names an entity."""
        spans = iter(self._line_tagger.spans([line for r in recipes for line in r.ingredients]))
        return [
            self._reexamined(recipe, list(islice(spans, len(recipe.ingredients))))
            for recipe in recipes
        ]

    def _reexamined(self, recipe: RecipeText, spans: Sequence[TaggedSpan]) -> TaggedLines:
        entities: list[str | None] = []
        num_rescued = 0
        for line, span in zip(recipe.ingredients, spans, strict=True):
            if span.is_understood(self._threshold):
                entities.append(span.entity)
                continue
            match = self._reexaminer.match(line, with_common=recipe.entities is None)
            entities.append(match)
            num_rescued += match is not None
        return TaggedLines(tuple(entities), num_rescued, entities.count(None))


def understood_entities(
    line_tagger: LineTagger, corpus: Iterable[RecipeText], *, threshold: float
) -> EntityLexicon:
    """All True entities of a corpus as the network marks them, for re-examination.

    Args:
        line_tagger: The fitted network.
        corpus: Recipes of the train partition, read once.
        threshold: In [0, 1]; least confidence of a line.

    Source: docs/method.md, rule 1.2.
    """
    counts: Counter[str] = Counter()
    recipes = iter(corpus)
    while chunk := list(islice(recipes, RECIPES_PER_CHUNK)):
        spans = line_tagger.spans([line for recipe in chunk for line in recipe.ingredients])
        sure = (span.entity for span in spans if span.is_understood(threshold))
        counts.update(entity for entity in sure if entity is not None)
    return EntityLexicon(dict(sorted(counts.items())))
