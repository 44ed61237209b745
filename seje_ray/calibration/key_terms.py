"""Key terms of a recipe, and the words of its text with entities as single tokens."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from seje_ray.calibration.corpus import Recipes, RecipeText
from seje_ray.calibration.entities import TaggedLines, merge_entities
from seje_ray.calibration.term_tagger import TermTagger
from seje_ray.recipe1m.text import STOP_WORDS, tokenize


def key_terms(tagged: TaggedLines) -> list[str]:
    """Entities of a recipe, each once, in the order in which they are first seen."""
    return list(dict.fromkeys(entity for entity in tagged.entities if entity is not None))


def document_tokens(recipe: RecipeText, entities: Iterable[str]) -> list[str]:
    """Tokens of title and instructions; multi-word entities of the recipe are one token."""
    known = list(entities)
    texts = (recipe.title, *recipe.instructions)
    return [token for text in texts for token in merge_entities(tokenize(text), known)]


def content_words(tokens: Iterable[str]) -> list[str]:
    """Words that may name an action, a utensil or a dish, each once, in order.

    All tokens of a document but stop words, numbers and words of up to two letters. Stands in for
    the verbs and nouns of METHOD 1.3 where no tagger of parts of speech is at hand; the rater
    gives words that every recipe has a low score.
    """
    words = (t for t in tokens if len(t) > 2 and t.isalpha() and t not in STOP_WORDS)
    return list(dict.fromkeys(words))


@dataclass(frozen=True, slots=True)
class RecipeWords:
    """For each recipe its key terms, title and instructions as one list of tokens.

    Every pass reads the corpus anew; word vectors are fitted on it.
    """

    corpus: Recipes
    tagger: TermTagger

    def __len__(self) -> int:
        return len(self.corpus)

    def __iter__(self) -> Iterator[list[str]]:
        for recipe in self.corpus:
            terms = key_terms(self.tagger.tag(recipe))
            yield terms + document_tokens(recipe, terms)
