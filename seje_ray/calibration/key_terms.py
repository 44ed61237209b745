"""Key terms of a recipe, and the words of its text with entities as single tokens."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Protocol

from seje_ray.calibration.corpus import Recipes, RecipeText
from seje_ray.calibration.entities import TaggedLines, merge_entities
from seje_ray.calibration.term_tagger import TermTagger
from seje_ray.recipe1m.text import STOP_WORDS, tokenize

RECIPES_PER_BATCH = 256  # tagged together


def key_terms(tagged: TaggedLines) -> list[str]:
    """Entities of a recipe, each once, in the order in which they are first seen."""
    return list(dict.fromkeys(entity for entity in tagged.entities if entity is not None))


def document_tokens(recipe: RecipeText, entities: Iterable[str]) -> list[str]:
    """Tokens of title and instructions; multi-word entities of the recipe are one token."""
    known = list(entities)
    texts = (recipe.title, *recipe.instructions)
    return [token for text in texts for token in merge_entities(tokenize(text), known)]


@dataclass(frozen=True, slots=True)
class Document:
    """A recipe with its entities found."""

    recipe: RecipeText
    tagged: TaggedLines
    entities: list[str]  # each once
    tokens: list[str]  # of title and instructions, entities joined


def documents(recipes: Sequence[RecipeText], tagger: TermTagger) -> list[Document]:
    """Tag recipes together."""
    found = []
    for recipe, tagged in zip(recipes, tagger.tag_all(recipes), strict=True):
        entities = key_terms(tagged)
        found.append(Document(recipe, tagged, entities, document_tokens(recipe, entities)))
    return found


def all_documents(corpus: Iterable[RecipeText], tagger: TermTagger) -> Iterator[Document]:
    """Tag a corpus batch by batch."""
    recipes = iter(corpus)
    while batch := list(islice(recipes, RECIPES_PER_BATCH)):
        yield from documents(batch, tagger)


class ActionFinder(Protocol):
    """Finds the key terms besides entities: cooking actions and utensils.

    Source: docs/method.md, rule 1.3.
    """

    def find(self, documents: Sequence[Document]) -> list[list[str]]:
        """Terms of each document, each once; they are tokens of the document.

        They do not depend on the other documents.
        """


class NoActions:
    """Entities alone are key terms."""

    def find(self, documents: Sequence[Document]) -> list[list[str]]:
        """Nothing."""
        return [[] for _ in documents]


class ContentWords:
    """Takes every word that may name an action, a utensil or a dish.

    All tokens of a document but stop words, numbers and short words. Stands in for
    verbs and nouns where no tagger of parts of speech is installed; the rater gives words that
    every recipe has a low score.

    Args:
        min_letters: Of a word that is taken.
    """

    def __init__(self, min_letters: int = 3) -> None:
        self._min_letters = min_letters

    def find(self, documents: Sequence[Document]) -> list[list[str]]:
        """Words of each document, in order."""
        return [
            list(
                dict.fromkeys(
                    t
                    for t in d.tokens
                    if len(t) >= self._min_letters and t.isalpha() and t not in STOP_WORDS
                )
            )
            for d in documents
        ]


@dataclass(frozen=True, slots=True)
class RecipeWords:
    """For each recipe its entities, title and instructions as one list of tokens.

    Each pass reads and tags the corpus again; word vectors are fitted on it.
    """

    corpus: Recipes
    tagger: TermTagger

    def __len__(self) -> int:
        return len(self.corpus)

    def __iter__(self) -> Iterator[list[str]]:
        for document in all_documents(self.corpus, self.tagger):
            yield document.entities + document.tokens
