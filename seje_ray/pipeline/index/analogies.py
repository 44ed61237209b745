"""Arithmetic to look at: dishes of one category with something in them, moved to another category.

As im2recipe and the paper do with class means: "apple muffin - muffin + pie = apple pie".
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import permutations

import numpy as np

from seje_ray.report.cards import Card
from seje_ray.report.page import photo_uri
from seje_ray.retrieval.index.arithmetic import TermError, direction, shifted
from seje_ray.retrieval.index.collection import Hit, Index, Query
from seje_ray.retrieval.index.filters import Filters

NUM_CATEGORIES = 8  # the largest, between which is moved
LEAST_RECIPES = 3  # of a category that have the term
NUM_ANALOGIES, NUM_RESULTS = 4, 5
NUM_LINES = 4  # ingredient lines of a card


@dataclass(frozen=True, slots=True)
class Terms:
    """``left`` with ``term``, minus ``left``, plus ``right``."""

    term: str  # key term
    left: str  # category
    right: str

    def __str__(self) -> str:
        term = self.term.replace("_", " ")
        return f"{self.left} with {term} \N{MINUS SIGN} {self.left} + {self.right}"


@dataclass(frozen=True, slots=True)
class Analogy:
    """A piece of arithmetic and what it finds."""

    name: str
    wanted: str  # that results should be, in words
    cards: tuple[Card, ...]
    num_as_wanted: int  # of the results
    usual_share: float  # of the recipes of the partition that are as wanted, in [0, 1]


def analogies(index: Index, partition: str) -> list[Analogy]:
    """Examples chosen by how often their parts occur, never by what they find; may be none.

    Args:
        index: With recipes and photos.
        partition: Whose photos are looked through; means are of the whole index.
    """
    found = (_analogy(index, terms, partition) for terms in chosen_terms(index))
    return [one for one in found if one is not None][:NUM_ANALOGIES]


def chosen_terms(index: Index) -> Iterator[Terms]:
    """Terms that two large categories share and most other recipes lack, the most telling first.

    Each term once, and each pair of categories once.
    """
    entries = index.side("recipes").entries
    categories, lists = entries.column("category").to_pylist(), entries.column("key_terms")
    overall: Counter[str] = Counter()
    within: dict[str, Counter[str]] = defaultdict(Counter)
    for category, terms in zip(categories, lists.to_pylist(), strict=True):
        overall.update(set(terms))
        within[category].update(set(terms))
    scored = []
    for left, right in permutations(index.categories[:NUM_CATEGORIES], 2):
        for term in within[left].keys() & within[right].keys():
            least = min(within[left][term], within[right][term])
            is_said = term in f"{left} {right}".lower().replace(" ", "_")
            if least >= LEAST_RECIPES and not is_said:
                telling = least * (1 - overall[term] / len(categories)) ** 4
                scored.append((-telling, term, left, right))
    used: set[object] = set()
    for _, term, left, right in sorted(scored):
        parts: set[object] = {term, frozenset((left, right))}
        if not parts & used:
            used |= parts
            yield Terms(term, left, right)


def _analogy(index: Index, terms: Terms, partition: str) -> Analogy | None:
    """None where the partition has no such dish to be found, or the parts cancel each other."""
    side = index.side("recipes")
    has_term = np.array([terms.term in one for one in side.entries.column("key_terms").to_pylist()])
    category = np.array(side.entries.column("category").to_pylist())
    parts = np.array(side.entries.column("partition").to_pylist())
    rows = np.flatnonzero(has_term & (category == terms.left) & side.is_there)
    inside = (parts == partition) & side.is_there
    usual = float((has_term & (category == terms.right))[inside].mean()) if inside.any() else 0.0
    if usual == 0 or not len(rows):
        return None
    try:
        mean = direction(side.vectors[rows].mean(axis=0, dtype=np.float64))
        query = shifted(index, Query(mean, str(terms)), [terms.right], [terms.left], "recipes")
    except TermError:
        return None
    hits = index.search(query, "photos", NUM_RESULTS, Filters(partitions=(partition,)))
    good = [hit.category == terms.right and terms.term in hit.key_terms for hit in hits]
    cards = tuple(_card(index, hit, is_good) for hit, is_good in zip(hits, good, strict=True))
    wanted = f"{terms.right} with {terms.term.replace('_', ' ')}"
    return Analogy(str(terms), wanted, cards, sum(good), usual)


def _card(index: Index, hit: Hit, is_match: bool) -> Card:
    picture = index.thumbnail(hit)
    note = f"{round(hit.similarity, 2) + 0.0:.2f} · {hit.category or 'no category'}"
    photo = photo_uri(picture) if picture else ""
    return Card(hit.title, photo, hit.ingredients[:NUM_LINES], note, is_match)
