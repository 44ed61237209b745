"""The lexical bag: all words and word pairs of a recipe, weighted by TF-IDF.

Letters: n recipes, V terms, K terms of a recipe, L dimensions of a term's vector.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import compress
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
from safetensors.numpy import load_file, save_file

from seje_ray import random_streams
from seje_ray.artifact import write_json
from seje_ray.calibration.corpus import Recipes, RecipeText
from seje_ray.console.report import Report
from seje_ray.errors import SejeError
from seje_ray.random_streams import Stream

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix
    from sklearn.feature_extraction.text import CountVectorizer

StopWords = Literal["english", "none"]  # of ``calibrate.lexical.stop_words``
REPORT_EVERY = 500  # recipes


class LexicalError(SejeError):
    """Train texts without terms; says what to set."""


class Rows(NamedTuple):
    """Sparse bags of n recipes; those of recipe ``i`` are ``ends[i - 1]:ends[i]`` of both."""

    terms: np.ndarray  # int32 in [0, V)
    weights: np.ndarray  # float32 > 0, of unit length in each recipe
    ends: np.ndarray  # (n,) int64


@dataclass(frozen=True, slots=True, kw_only=True)
class TermReader:
    """How a recipe becomes terms: single words, and up to ``max_words`` in a row."""

    max_words: int = 2
    title_weight: int = 3  # times that the title counts
    stop_words: StopWords = "english"

    def counter(self, **settings: object) -> "CountVectorizer":
        """Counts the terms of texts; words have two letters or digits, or more."""
        from sklearn.feature_extraction.text import CountVectorizer

        stop_words = None if self.stop_words == "none" else self.stop_words
        return CountVectorizer(
            ngram_range=(1, self.max_words), stop_words=stop_words, dtype=np.float64, **settings
        )

    def text(self, recipe: RecipeText) -> str:
        """Title, ingredient lines and steps as one text."""
        return " ".join(
            [*[recipe.title] * self.title_weight, *recipe.ingredients, *recipe.instructions]
        )


@dataclass(frozen=True, slots=True)
class Lexicon:
    """Terms of the train texts, how rare each is, and a vector of each.

    Source: docs/method.md, rule 1.8.
    """

    reading: TermReader
    terms: list[str]  # V
    idf: np.ndarray  # (V,) float64
    vectors: np.ndarray  # (V, L) float32, of the SVD
    mean: np.ndarray  # (L,) float32, of the train recipes' unit rows of bags @ vectors
    std: float  # of the same rows about that mean, over all dimensions together

    @property
    def facts(self) -> dict[str, int]:
        """Sizes, for manifests."""
        return {"num_terms": len(self.terms), "dim": self.vectors.shape[1]}

    def rows(self, recipes: Sequence[RecipeText]) -> Rows:
        """Bags of recipes; terms that are not known do not count."""
        counter = self.reading.counter(vocabulary=self.terms)
        counts = counter.transform(self.reading.text(recipe) for recipe in recipes)
        bags = weighted(counts, self.idf)
        return Rows(
            bags.indices.astype(np.int32),
            bags.data.astype(np.float32),
            bags.indptr[1:].astype(np.int64),
        )

    def save(self, folder: Path) -> None:
        """Write ``lexicon.json`` and ``lexicon.safetensors``."""
        reading = {name: getattr(self.reading, name) for name in TermReader.__slots__}
        write_json(folder / "lexicon.json", {"reading": reading, "terms": self.terms})
        tensors = {
            "idf": self.idf,
            "vectors": np.ascontiguousarray(self.vectors),
            "mean": self.mean,
            "std": np.array([self.std]),
        }
        save_file(tensors, folder / "lexicon.safetensors")

    @classmethod
    def load(cls, folder: Path) -> "Lexicon":
        """Read what ``save`` wrote."""
        raw = json.loads((folder / "lexicon.json").read_text(encoding="utf-8"))
        tensors = load_file(folder / "lexicon.safetensors")
        std = float(tensors.pop("std")[0])
        return cls(TermReader(**raw["reading"]), raw["terms"], **tensors, std=std)


def fit_lexicon(
    train: Recipes,
    reading: TermReader,
    *,
    min_count: int,
    max_terms: int,
    dim: int,
    max_recipes: int,
    seed: int,
    progress: Report | None = None,
) -> Lexicon:
    """Count the terms of the train texts, and decompose the bags.

    Args:
        train: Recipes of the train partition.
        reading: How they become terms.
        min_count: Recipes that hold a term, at least.
        max_terms: Terms that are kept, the most frequent.
        dim: L; fewer where there are fewer terms or recipes.
        max_recipes: Recipes that are looked at, drawn from all of them: memory and time stay
            bounded.
        seed: Of that draw, and of the decomposition.
        progress: Called with (done, total, text); a unit is a recipe read.

    Raises:
        LexicalError: If no term is in ``min_count`` recipes.

    Source: docs/method.md, rule 1.8.
    """
    from sklearn.preprocessing import normalize
    from sklearn.utils.extmath import randomized_svd

    num_read = min(len(train), max_recipes)
    counter = reading.counter(min_df=min(min_count, num_read), max_features=max_terms)
    texts = _counted(_sampled(train, max_recipes, seed), num_read, progress)
    try:
        counts = counter.fit_transform(reading.text(recipe) for recipe in texts)
    except ValueError as error:  # scikit-learn's only way to say that nothing is left
        raise LexicalError(
            f"calibrate.lexical: expected terms that at least {min_count} of {num_read:,} train "
            f"recipes hold, found none ({error}); lower calibrate.lexical.min_count, or set "
            "calibrate.lexical.enabled to false"
        ) from error
    document_frequencies = np.bincount(counts.indices, minlength=counts.shape[1])
    idf = np.log((1 + num_read) / (1 + document_frequencies)) + 1
    bags = weighted(counts, idf)
    _, _, right = randomized_svd(bags, min(dim, *bags.shape), n_iter=5, random_state=seed)
    vectors = right.T.astype(np.float32)
    rows = normalize(bags @ vectors)
    mean = rows.mean(axis=0)
    std = float(np.sqrt(np.mean((rows - mean) ** 2))) or 1.0
    terms = counter.get_feature_names_out().tolist()
    return Lexicon(reading, terms, idf, vectors, mean.astype(np.float32), std)


def weighted(counts: "csr_matrix", idf: np.ndarray) -> "csr_matrix":
    """``(1 + ln count) * idf``, of unit length in each row that is not empty.

    Args:
        counts: Of terms in recipes, (n, V).
        idf: (V,), > 0.

    Source: as scikit-learn's ``TfidfVectorizer(sublinear_tf=True)``.
    """
    from sklearn.preprocessing import normalize

    bags = counts.copy()
    bags.data = (1 + np.log(bags.data)) * idf[bags.indices]
    unit: csr_matrix = normalize(bags, copy=False)
    return unit


def _sampled(train: Recipes, max_recipes: int, seed: int) -> Iterator[RecipeText]:
    """So many recipes, each as likely as any other, in their order."""
    if len(train) <= max_recipes:
        return iter(train)
    generator = random_streams.generator(Stream.LEXICAL_SAMPLE, seed)
    is_drawn = np.zeros(len(train), bool)
    is_drawn[generator.choice(len(train), max_recipes, replace=False)] = True
    return compress(train, is_drawn)


def _counted(
    recipes: Iterable[RecipeText], total: int, progress: Report | None
) -> Iterator[RecipeText]:
    for done, recipe in enumerate(recipes, start=1):
        yield recipe
        if progress and (done % REPORT_EVERY == 0 or done == total):
            progress(done, total, "")
