"""The text side of phase I: what is fitted on train texts, and the features it gives."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from seje_ray.calibration.applied import with_understood_lines
from seje_ray.calibration.categories import Categories, fit_categories
from seje_ray.calibration.corpus import Recipes, RecipeText
from seje_ray.calibration.entities import EntityLexicon, Reexaminer
from seje_ray.calibration.key_term_vector import Normalisation, key_term_vector
from seje_ray.calibration.key_terms import ActionFinder, all_documents, documents
from seje_ray.calibration.language import Language
from seje_ray.calibration.raters import Rater
from seje_ray.calibration.raters.tfidf import TfidfRater
from seje_ray.calibration.term_tagger import DetIngrsTagger, TermTagger
from seje_ray.calibration.word_vectors import WordVectors
from seje_ray.console.report import Report

TaggerOf = Callable[[Reexaminer], TermTagger]
LexiconOf = Callable[[Iterable[RecipeText]], EntityLexicon]


@dataclass(frozen=True)
class FittedText:
    """Results of counting the train texts."""

    lexicon: EntityLexicon
    tfidf: TfidfRater
    categories: Categories
    language: Language = field(default_factory=Language)

    @cached_property
    def reexaminer(self) -> Reexaminer:
        """Finds entities of the lexicon in lines."""
        return Reexaminer(self.lexicon)

    def save(self, folder: Path) -> None:
        """Write one JSON file per part into an existing folder."""
        self.lexicon.save(folder)
        self.tfidf.save(folder)
        self.categories.save(folder)
        self.language.save(folder)

    @classmethod
    def load(cls, folder: Path) -> "FittedText":
        """Read what ``save`` wrote."""
        return cls(
            EntityLexicon.load(folder),
            TfidfRater.load(folder),
            Categories.load(folder),
            Language.load(folder),
        )


def fit_text(
    train: Recipes,
    *,
    num_bigrams: int,
    max_bigram_categories: int,
    min_members: int | None,
    food101: bool,
    tagger_of: TaggerOf = DetIngrsTagger,
    lexicon_of: LexiconOf = EntityLexicon.fit,
    given: Categories | None = None,
    known_entities: Recipes | None = None,
    progress: Report | None = None,
) -> FittedText:
    """Collect entities and categories, then count how rare each term is; two passes.

    Args:
        train: Recipes of the train partition.
        num_bigrams: See ``fit_categories``, as the next three.
        max_bigram_categories: See there.
        min_members: See there.
        food101: See there.
        tagger_of: Makes the tagger of ingredient lines from what knows the entities.
        lexicon_of: Collects the entities that are surely understood.
        given: Categories that are known; None to choose them from the titles.
        known_entities: Where entities are collected; None for ``train``. Anything else is
            transductive (docs/method.md, rule 1.2).
        progress: Called with (done, total, text); a unit is a recipe read.

    Raises:
        NothingAppliesError: If there are ingredient lines and none of them is understood.
    """
    total = 2 * len(train) + (0 if known_entities is None else len(known_entities))
    count = _Counted(progress, total)
    titles: list[str] = []
    lexicon = lexicon_of(_noting_titles(count.through(train), titles))
    if known_entities is not None:
        lexicon = lexicon_of(count.through(known_entities))
    categories = given or fit_categories(
        titles,
        num_bigrams=num_bigrams,
        max_bigram_categories=max_bigram_categories,
        min_members=min_members,
        food101=food101,
    )
    found = with_understood_lines(
        all_documents(count.through(train), tagger_of(Reexaminer(lexicon)))
    )
    tfidf = TfidfRater.fit((document.entities, document.tokens) for document in found)
    return FittedText(lexicon, tfidf, categories)


@dataclass(frozen=True, slots=True)
class TextFeatures:
    """Features of one recipe that need no network."""

    key_terms: list[str]  # entities, then actions and utensils
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

    categories: Categories
    word_vectors: WordVectors
    tagger: TermTagger
    actions: ActionFinder
    rater: Rater
    normalisation: Normalisation = "weighted_mean"
    language: Language = field(default_factory=Language)

    def features(self, recipes: Sequence[RecipeText]) -> list[TextFeatures]:
        """Key terms, their scores and vector, and the category of each recipe.

        They do not depend on the other recipes, but for the rounding of batched networks.
        """
        found = documents([self.language.prepared(recipe) for recipe in recipes], self.tagger)
        terms = [
            list(dict.fromkeys([*document.entities, *actions]))
            for document, actions in zip(found, self.actions.find(found), strict=True)
        ]
        scores = self.rater.rate_all([(t, d.tokens) for t, d in zip(terms, found, strict=True)])
        features = []
        for document, key_terms, rated in zip(found, terms, scores, strict=True):
            vector, num_missing = key_term_vector(
                key_terms, rated, self.word_vectors, normalisation=self.normalisation
            )
            category_id, category_source = self.categories.of(
                document.recipe.title, document.recipe.id
            )
            features.append(
                TextFeatures(
                    key_terms=key_terms,
                    key_term_scores=rated,
                    num_missing_terms=num_missing,
                    num_rescued_lines=document.tagged.num_rescued_lines,
                    num_unknown_lines=document.tagged.num_unknown_lines,
                    key_term_vector=vector,
                    category_id=category_id,
                    category_source=category_source,
                )
            )
        return features


def _noting_titles(recipes: Iterator[RecipeText], titles: list[str]) -> Iterator[RecipeText]:
    for recipe in recipes:
        titles.append(recipe.title)
        yield recipe


class _Counted:
    """Reports how many recipes of all passes have been read."""

    def __init__(self, progress: Report | None, total: int, every: int = 500) -> None:
        self._progress, self._total, self._every, self._done = progress, total, every, 0

    def through(self, recipes: Recipes) -> Iterator[RecipeText]:
        for recipe in recipes:
            yield recipe
            self._done += 1
            if self._progress and (self._done % self._every == 0 or self._done == self._total):
                self._progress(self._done, self._total, "")
