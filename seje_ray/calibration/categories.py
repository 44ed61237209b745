"""Categories of recipes from their titles: frequent bigrams, then the names of Food-101."""

import json
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib import resources
from itertools import pairwise
from pathlib import Path

from seje_ray.artifact import write_json
from seje_ray.recipe1m.text import title_words

BACKGROUND = "background"
RECIPE1M_TRAIN_RECIPES = 238_408
RECIPE1M_MIN_MEMBERS = 20
SMALLEST_MIN_MEMBERS = 3


@dataclass(frozen=True)
class Categories:
    """Category names; the number of a category is its place.

    A title belongs to the first category whose name it contains as whole words, stop words left
    out on both sides. Names of Food-101 are met in singular and plural.
    """

    names: tuple[str, ...]  # background first
    sources: tuple[str, ...]  # background, bigram, food101 or given; one per name
    given: Mapping[str, int] | None = None  # recipe id -> category; titles then say nothing

    def __post_init__(self) -> None:
        if len(self.names) != len(self.sources) or self.names[:1] != (BACKGROUND,):
            raise ValueError(f"categories need a source each and {BACKGROUND!r} first")

    def of(self, title: str, recipe_id: str = "") -> tuple[int, str]:
        """Category id of a recipe and its source; 0 and background if it has none."""
        if self.given is not None:
            number = self.given.get(recipe_id, 0)
            return number, self.sources[number]
        found = min(_matches(title_words(title), self._ids, self._max_words), default=0)
        return found, self.sources[found]

    @cached_property
    def _ids(self) -> dict["Phrase", int]:
        named = zip(self.names[1:], self.sources[1:], strict=True)
        return {phrase_of(name, source): i for i, (name, source) in enumerate(named, start=1)}

    @cached_property
    def _max_words(self) -> int:
        return max((len(phrase) for _, phrase in self._ids), default=0)

    def save(self, folder: Path) -> None:
        """Write ``categories.json`` into an existing folder."""
        stored = {"names": self.names, "sources": self.sources, "given": self.given}
        write_json(folder / "categories.json", stored)

    @classmethod
    def load(cls, folder: Path) -> "Categories":
        """Read what ``save`` wrote."""
        stored = json.loads((folder / "categories.json").read_text(encoding="utf-8"))
        return cls(tuple(stored["names"]), tuple(stored["sources"]), stored["given"])


Phrase = tuple[str, tuple[str, ...]]  # source; the words that a title is searched for


def scaled_min_members(num_recipes: int) -> int:
    """Train recipes that a category must exceed: 20 for Recipe1M, fewer for less, at least 3."""
    share = math.sqrt(num_recipes / RECIPE1M_TRAIN_RECIPES)
    scaled = round(RECIPE1M_MIN_MEMBERS * share)
    return max(SMALLEST_MIN_MEMBERS, min(RECIPE1M_MIN_MEMBERS, scaled))


def fit_categories(
    titles: Iterable[str],
    *,
    num_bigrams: int,
    max_bigram_categories: int,
    min_members: int | None,
    food101: bool,
) -> Categories:
    """Choose the categories of a corpus.

    Candidates are the most frequent title bigrams, the most frequent first, then the names of
    Food-101. A candidate's members are the titles that contain it and no category chosen before;
    a bigram becomes a category with more than ``min_members`` of them, a name of Food-101 with
    at least one.

    Args:
        titles: Of the train recipes.
        num_bigrams: Most frequent bigrams that are candidates.
        max_bigram_categories: Bigrams that become categories, at most.
        min_members: None for ``scaled_min_members``.
        food101: Whether names of Food-101 are candidates.

    Source: docs/method.md, rule 3.1. Differs from im2recipe: val and test titles are not looked at.
    """
    worded = [title_words(title) for title in titles]
    threshold = scaled_min_members(len(worded)) if min_members is None else min_members
    candidates = [(name, "bigram") for name in _frequent_bigrams(worded, num_bigrams)]
    if food101:
        candidates += [(name, "food101") for name in food101_names()]
    members = _members(worded, candidates)
    chosen: dict[str, str] = {}  # name -> source
    is_taken = [False] * len(worded)
    for number, (name, source) in enumerate(candidates):
        free = [title for title in members[number] if not is_taken[title]]
        is_bigram = source == "bigram"
        if name in chosen or (is_bigram and len(chosen) >= max_bigram_categories):
            continue
        if len(free) > (threshold if is_bigram else 0):
            chosen[name] = source
            for title in free:
                is_taken[title] = True
    return Categories((BACKGROUND, *chosen), (BACKGROUND, *chosen.values()))


def food101_names() -> list[str]:
    """The 101 names of Food-101."""
    text = resources.files(__package__).joinpath("food101.txt").read_text("utf-8")
    return text.splitlines()


def phrase_of(name: str, source: str) -> Phrase:
    """The words that a title must contain to belong to category ``name``."""
    words = title_words(name)
    return source, tuple(words if source == "bigram" else map(_singular, words))


def _frequent_bigrams(worded: Sequence[Sequence[str]], num_bigrams: int) -> list[str]:
    """Most frequent first; equally frequent ones by alphabet."""
    counts: Counter[str] = Counter()
    for words in worded:
        counts.update(f"{first} {second}" for first, second in set(pairwise(words)))
    return sorted(counts, key=lambda bigram: (-counts[bigram], bigram))[:num_bigrams]


def _members(
    worded: Sequence[Sequence[str]], candidates: Sequence[tuple[str, str]]
) -> dict[int, list[int]]:
    """Numbers of the titles that contain each candidate."""
    numbers: dict[Phrase, int] = {}
    for number, (name, source) in enumerate(candidates):
        numbers.setdefault(phrase_of(name, source), number)
    longest = max((len(phrase) for _, phrase in numbers), default=0)
    members: dict[int, list[int]] = defaultdict(list)
    for title, words in enumerate(worded):
        for number in set(_matches(words, numbers, longest)):
            members[number].append(title)
    return members


def _matches(words: Sequence[str], numbers: dict[Phrase, int], max_words: int) -> Iterator[int]:
    """Numbers of the phrases that ``words`` contain."""
    singular = [_singular(word) for word in words]
    for start in range(len(words)):
        for end in range(start + 1, min(start + max_words, len(words)) + 1):
            for phrase in (("bigram", words[start:end]), ("food101", singular[start:end])):
                number = numbers.get((phrase[0], tuple(phrase[1])))
                if number is not None:
                    yield number


def _singular(word: str) -> str:
    """The word without the s of a plural; only ever compared with other such forms."""
    return word[:-1] if len(word) > 3 and word.endswith("s") and word[-2] != "s" else word
