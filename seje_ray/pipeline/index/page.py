"""The page of a search: each query with what was found for it, and why."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from seje_ray.artifact import write_text
from seje_ray.pipeline.index.searcher import Searcher
from seje_ray.report.cards import NUM_LINES, Card, Example
from seje_ray.report.page import photo_uri, render
from seje_ray.retrieval.index.collection import Hit, Query
from seje_ray.retrieval.index.side import What
from seje_ray.retrieval.index.why import why


@dataclass(frozen=True, slots=True)
class Answer:
    """A query and what was found for it."""

    query: Query
    what: What
    hits: tuple[Hit, ...]
    photo: bytes | None = None  # JPEG of the query
    ingredients: tuple[str, ...] = ()  # of the query
    pictures: Mapping[int, bytes] = field(default_factory=dict)  # rank -> JPEG in another's place


def write_page(path: Path, searcher: Searcher, searches: Sequence[Answer]) -> None:
    """Write an HTML page with all pictures inside."""
    index = searcher.index
    counts = [
        f"{len(side):,} {name}"
        for name, side in (("recipes", index.recipes), ("photos", index.photos))
        if side is not None
    ]
    values = {
        "title": "seje_ray: search",
        "subtitle": f"{searcher.trained.folder.name}, {', '.join(counts)}",
        "examples": [(_heading(found), _example(searcher, found)) for found in searches],
    }
    write_text(path, render("search.html", values))


def _heading(found: Answer) -> str:
    """What was looked for."""
    what = "Recipes" if found.what == "recipes" else "Photos"
    if found.query.is_photo:
        asked = "a photo"
    else:
        asked = "a recipe" if found.ingredients or found.query.recipe else "words"
    return f"{what} for {asked}"


def _example(searcher: Searcher, found: Answer) -> Example:
    query = Card(found.query.text, photo_uri(found.photo) if found.photo else "", found.ingredients)
    cards = tuple(_card(searcher, found, hit) for hit in found.hits)
    return Example(query, found.query.is_photo and found.photo is not None, cards)


def _card(searcher: Searcher, found: Answer, hit: Hit) -> Card:
    picture = found.pictures.get(hit.rank) or searcher.index.thumbnail(hit)
    reasons = why(found.query, hit)
    note = "; ".join(part for part in (f"{hit.similarity:.2f}", str(reasons)) if part)
    return Card(
        hit.title,
        photo_uri(picture) if picture else "",
        hit.ingredients[:NUM_LINES],
        note,
        reasons.is_match,
    )
