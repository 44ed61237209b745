"""The text side of phase I: what is fitted on train texts, and the features it gives."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np

from seje_ray.artifact import write_json
from seje_ray.calibration.categories import Categories, fit_categories
from seje_ray.calibration.corpus import Progress, Recipes, RecipeText
from seje_ray.calibration.entities import EntityLexicon, Reexaminer, TaggedLines
from seje_ray.calibration.key_term_vector import Normalisation, key_term_vector
from seje_ray.calibration.key_terms import content_words, document_tokens, key_terms
from seje_ray.calibration.raters.tfidf import TfidfRater
from seje_ray.calibration.term_tagger import DetIngrsTagger, TermTagger
from seje_ray.calibration.word_vectors import WordVectors

Actions = Literal["none", "content_words"]


@dataclass(frozen=True)
class FittedText:
    """What counting the train texts gives."""

    lexicon: EntityLexicon
    rater: TfidfRater
    categories: Categories
    actions: Actions = "none"

    @cached_property
    def tagger(self) -> TermTagger:
        """Entities of ingredient lines, re-examined against the lexicon."""
        return DetIngrsTagger(Reexaminer(self.lexicon))

    def terms(self, recipe: RecipeText) -> "Terms":
        """Key terms of a recipe and what they come from."""
        return _terms(recipe, self.tagger, self.actions)

    def save(self, folder: Path) -> None:
        """Write one JSON file per part into an existing folder."""
        write_json(folder / "key_terms.json", {"actions": self.actions})
        self.lexicon.save(folder)
        self.rater.save(folder)
        self.categories.save(folder)

    @classmethod
    def load(cls, folder: Path) -> "FittedText":
        """Read what ``save`` wrote."""
        stored = json.loads((folder / "key_terms.json").read_text(encoding="utf-8"))
        return cls(
            EntityLexicon.load(folder),
            TfidfRater.load(folder),
            Categories.load(folder),
            stored["actions"],
        )


@dataclass(frozen=True, slots=True)
class Terms:
    """Key terms of one recipe."""

    tagged: TaggedLines
    key_terms: list[str]  # entities, then actions
    tokens: list[str]  # of title and instructions, entities joined


def _terms(recipe: RecipeText, tagger: TermTagger, actions: Actions) -> Terms:
    tagged = tagger.tag(recipe)
    entities = key_terms(tagged)
    tokens = document_tokens(recipe, entities)
    others = content_words(tokens) if actions == "content_words" else []
    return Terms(tagged, list(dict.fromkeys([*entities, *others])), tokens)


def fit_text(
    train: Recipes,
    *,
    num_bigrams: int,
    max_bigram_categories: int,
    min_members: int | None,
    food101: bool,
    actions: Actions = "none",
    known_entities: Recipes | None = None,
    progress: Progress | None = None,
) -> FittedText:
    """Collect entities and categories, then count how rare each term is; two passes.

    Args:
        train: Recipes of the train partition.
        num_bigrams: See ``fit_categories``, as the next three.
        max_bigram_categories: See there.
        min_members: See there.
        food101: See there.
        actions: What key terms hold besides entities: nothing, or the words of title and
            instructions (``content_words``).
        known_entities: Where entities are collected; None for ``train``. Anything else is
            transductive (METHOD 1.2).
        progress: Called with (done, total, text); a unit is a recipe read.
    """
    total = 2 * len(train) + (0 if known_entities is None else len(known_entities))
    count = _Counted(progress, total)
    titles: list[str] = []
    lexicon = EntityLexicon.fit(_noting_titles(count.through(train), titles))
    if known_entities is not None:
        lexicon = EntityLexicon.fit(count.through(known_entities))
    categories = fit_categories(
        titles,
        num_bigrams=num_bigrams,
        max_bigram_categories=max_bigram_categories,
        min_members=min_members,
        food101=food101,
    )
    tagger = DetIngrsTagger(Reexaminer(lexicon))
    terms = (_terms(recipe, tagger, actions) for recipe in count.through(train))
    rater = TfidfRater.fit((found.key_terms, found.tokens) for found in terms)
    return FittedText(lexicon, rater, categories, actions)


@dataclass(frozen=True, slots=True)
class TextFeatures:
    """Features of one recipe that need no network."""

    key_terms: list[str]
    key_term_scores: list[float]
    num_missing_terms: int  # key terms without a word vector
    num_rescued_lines: int
    num_unknown_lines: int
    key_term_vector: np.ndarray  # f_term, (E,) float32
    category_id: int
    category_source: str


@dataclass(frozen=True)
class TextCalibrator:
    """Computes the text features of recipes."""

    text: FittedText
    word_vectors: WordVectors
    normalisation: Normalisation = "weighted_mean"

    @classmethod
    def load(
        cls, text_folder: Path, word_vectors_folder: Path, normalisation: Normalisation
    ) -> "TextCalibrator":
        """Read both fitted parts from their folders."""
        return cls(
            FittedText.load(text_folder), WordVectors.load(word_vectors_folder), normalisation
        )

    def features(self, recipe: RecipeText) -> TextFeatures:
        """Key terms, their scores and vector, and the category of one recipe.

        They do not depend on any other recipe of a batch.
        """
        found = self.text.terms(recipe)
        terms, tagged = found.key_terms, found.tagged
        scores = self.text.rater.rate(terms, found.tokens)
        vector, num_missing = key_term_vector(
            terms, scores, self.word_vectors, normalisation=self.normalisation
        )
        category_id, category_source = self.text.categories.of(recipe.title)
        return TextFeatures(
            key_terms=terms,
            key_term_scores=scores,
            num_missing_terms=num_missing,
            num_rescued_lines=tagged.num_rescued_lines,
            num_unknown_lines=tagged.num_unknown_lines,
            key_term_vector=vector,
            category_id=category_id,
            category_source=category_source,
        )


def _noting_titles(recipes: Iterator[RecipeText], titles: list[str]) -> Iterator[RecipeText]:
    for recipe in recipes:
        titles.append(recipe.title)
        yield recipe


class _Counted:
    """Reports how many recipes of all passes have been read."""

    def __init__(self, progress: Progress | None, total: int, every: int = 500) -> None:
        self._progress, self._total, self._every, self._done = progress, total, every, 0

    def through(self, recipes: Recipes) -> Iterator[RecipeText]:
        for recipe in recipes:
            yield recipe
            self._done += 1
            if self._progress and (self._done % self._every == 0 or self._done == self._total):
                self._progress(self._done, self._total, "")
