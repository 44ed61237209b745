"""A shelf of made-up recipes with drawn photos, searched plainly: words and colours in common."""

import io
import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from PIL import Image

from seje_ray.cookbook import CookbookRecipe, draw_photo, generate_recipe

NUM_RECIPES = 24
SEED = 3
SIDE = 192  # longest of a thumbnail
MARKUP_INDEX = 5  # of the recipe whose title is
MARKUP = "<img src=x onerror=alert(1)><b>Soup</b> & <script>alert(2)</script>"
GRID = 7  # of a heat map
UNKNOWN_TERM = ": neither a category nor a key term nor words of a title in the index"

Facts = dict[str, Any]


class RefusedError(Exception):
    """A request that cannot be answered: status, type, message, hint."""


@dataclass(frozen=True)
class Entry:
    """A recipe, or one of its photos."""

    kind: str
    id: str
    recipe: CookbookRecipe
    title: str
    number: int = 0  # of the photo among the recipe's

    @property
    def category(self) -> str:
        """The dish."""
        return self.recipe.look.dish.lower()

    @property
    def thumbnail(self) -> str | None:
        """Where its picture is."""
        return f"/v1/thumbnails/{self.kind}s/{self.id}" if self.recipe.image_ids else None

    @cached_property
    def jpeg(self) -> bytes | None:
        """A small picture; None for a recipe without photos."""
        if not self.recipe.image_ids:
            return None
        picture = draw_photo(self.recipe, self.number)
        picture.thumbnail((SIDE, SIDE))
        stream = io.BytesIO()
        picture.save(stream, "JPEG", quality=88)
        return stream.getvalue()

    @cached_property
    def colours(self) -> np.ndarray:
        """How its photo looks, (48,)."""
        return np.zeros(48) if self.jpeg is None else colours(self.jpeg)

    @cached_property
    def words(self) -> frozenset[str]:
        """Words of title and ingredient lines."""
        return words(" ".join([self.title, *self.recipe.ingredients]))

    @cached_property
    def terms(self) -> list[str]:
        """Key terms: the longest word of each line, the longest first."""
        lines = [words(line) for line in self.recipe.ingredients]
        longest = {max(sorted(line), key=len) for line in lines if line}
        return sorted(longest, key=lambda term: (-len(term), term))[:8]


@dataclass(frozen=True)
class Query:
    """What is asked for: words, colours, or both."""

    kind: str
    text: str
    words: frozenset[str] = frozenset()
    colours: np.ndarray | None = None
    id: str = ""
    recipe: str = ""
    sees: tuple[Facts, ...] = ()

    def similarity(self, entry: Entry, options: Facts) -> float:
        """In (-1, 1)."""
        score = 0.0
        if self.colours is not None:
            score += 1 - float(np.abs(self.colours - entry.colours).mean()) / 64
        if self.words:
            score += len(self.words & entry.words) / len(self.words)
        score += sum(bool(words(term) & entry.words) for term in options["plus"])
        score -= sum(bool(words(term) & entry.words) for term in options["minus"])
        return float(np.tanh(score))


@dataclass
class Shelf:
    """All recipes and photos, the same every time."""

    recipes: dict[str, Entry] = field(default_factory=dict)
    photos: dict[str, Entry] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for index in range(NUM_RECIPES):
            recipe = generate_recipe(SEED, index)
            title = MARKUP if index == MARKUP_INDEX else recipe.title
            self.recipes[recipe.id] = Entry("recipe", recipe.id, recipe, title)
            for number, photo in enumerate(recipe.image_ids):
                id_ = f"{photo}.jpg"
                self.photos[id_] = Entry("photo", id_, recipe, title, number)

    def found(self, query: Query, options: Facts) -> Facts:
        """The answer of a search."""
        self._check_terms(options)
        side = self.recipes if options["find"] == "recipes" else self.photos
        wanted = [one for one in side.values() if one.id != query.id and is_wanted(one, options)]
        wanted.sort(key=lambda one: -query.similarity(one, options))
        return {
            "query": {
                "kind": query.kind,
                "text": query.text,
                "key_terms": [],
                "category": None,
                "sees": list(query.sees),
            },
            "find": options["find"],
            "run": "standin",
            "is_made_up": True,
            "took_ms": {"embed": 31.2, "search": 4.0},
            "results": [
                result(rank, entry, query, options)
                for rank, entry in enumerate(wanted[: options["count"]], start=1)
            ],
        }

    def _check_terms(self, options: Facts) -> None:
        known = frozenset[str]().union(*(entry.words for entry in self.recipes.values()))
        for term in [*options["plus"], *options["minus"]]:
            if not words(term) & known:
                raise RefusedError(
                    422, "unknown_term", repr(term) + UNKNOWN_TERM, "leave it out, or try another"
                )


def is_wanted(entry: Entry, options: Facts) -> bool:
    """Whether it has all and none of some words."""
    has_all = all(words(term) <= entry.words for term in options["with"])
    return has_all and not any(words(term) <= entry.words for term in options["without"])


def result(rank: int, entry: Entry, query: Query, options: Facts) -> Facts:
    """One result as the contract has it."""
    sees = None
    if query.kind == "photo" and rank == 1:
        sees = {"category": entry.category, "probability": 0.71}
    return {
        **shared_facts(entry),
        "rank": rank,
        "similarity": round(query.similarity(entry, options), 4),
        "kind": entry.kind,
        "recipe": entry.recipe.id,
        "photo": next((f"{photo}.jpg" for photo in entry.recipe.image_ids), None),
        "ingredients": list(entry.recipe.ingredients),
        "key_terms": entry.terms,
        "is_match": query.recipe == entry.recipe.id,
        "why": {
            "key_terms": [term for term in entry.terms if term in query.words],
            "category": None,
            "sees": sees,
        },
        "heat": heat(rank) if options["heat_map"] else None,
    }


def heat(rank: int) -> list[list[float]]:
    """A warm place somewhere."""
    y, x = np.mgrid[0:GRID, 0:GRID]
    warm: list[list[float]] = (np.exp(-((x - rank % GRID) ** 2 + (y - 3) ** 2) / 4) - 0.1).tolist()
    return warm


def shared_facts(entry: Entry) -> Facts:
    """What is told of a recipe and a photo alike."""
    return {
        "id": entry.id,
        "title": entry.title,
        "partition": entry.recipe.partition,
        "category": entry.category,
        "thumbnail": entry.thumbnail,
        "url": f"/v1/{entry.kind}s/{entry.id}",
    }


def facts(shelf: Shelf, entry: Entry) -> Facts:
    """All of a recipe or photo."""
    shared = {**shared_facts(entry), "is_made_up": True}
    if entry.kind == "photo":
        return {**shared, "recipe": entry.recipe.id, "sees": None}
    photos = [photo for photo in shelf.photos.values() if photo.recipe.id == entry.id]
    return {
        **shared,
        "ingredients": list(entry.recipe.ingredients),
        "instructions": list(entry.recipe.instructions),
        "key_terms": [{"term": term, "score": 1.0} for term in entry.terms],
        "photos": [
            {"id": one.id, "url": f"/v1/photos/{one.id}", "thumbnail": one.thumbnail}
            for one in photos
        ],
    }


def words(text: str) -> frozenset[str]:
    """Words of four letters or more, without an s at the end."""
    return frozenset(word.removesuffix("s") for word in re.findall(r"[a-z]{4,}", text.lower()))


def colours(data: bytes) -> np.ndarray:
    """Mean colours of 4 x 4 parts of a photo, (48,)."""
    try:
        with Image.open(io.BytesIO(data)) as photo:
            small = photo.convert("RGB").resize((4, 4), Image.Resampling.BOX)
    except OSError as error:
        raise RefusedError(
            415, "not_a_photo", "photo: no photo of a format that is read here", "send a JPEG"
        ) from error
    return np.asarray(small, float).ravel()
