"""What the API answers: the shapes of its JSON."""

from collections.abc import Mapping
from typing import Any, Literal
from urllib.parse import quote

from pydantic import BaseModel

from seje_ray.retrieval.index.collection import Hit, Query
from seje_ray.retrieval.index.side import What
from seje_ray.retrieval.index.why import why
from seje_ray.serving.asked import Find

NUM_SEEN = 5  # categories of a query's photo that are told
DIGITS = 5  # of what is told of a similarity


class Problem(BaseModel):
    """An error."""

    type: str
    message: str
    hint: str


class SeenCategory(BaseModel):
    """What a photo is seen to show."""

    category: str
    probability: float


class Reasons(BaseModel):
    """What a query and a result have in common."""

    key_terms: list[str]
    category: str | None
    sees: SeenCategory | None


class Result(BaseModel):
    """A recipe or photo that was found."""

    rank: int
    similarity: float
    kind: Literal["recipe", "photo"]
    id: str
    title: str
    partition: str
    category: str | None
    recipe: str | None
    photo: str | None
    url: str
    thumbnail: str | None
    ingredients: list[str]
    key_terms: list[str]
    is_match: bool
    why: Reasons
    heat: list[list[float]] | None = None


class QueryFacts(BaseModel):
    """The query as it was understood."""

    kind: Literal["photo", "text", "recipe"]
    text: str
    key_terms: list[str]
    category: str | None
    sees: list[SeenCategory]


class Took(BaseModel):
    """Milliseconds of the parts of a search."""

    embed: float
    search: float


class SearchAnswer(BaseModel):
    """The answer of a search."""

    query: QueryFacts
    find: Find
    run: str
    is_made_up: bool
    took_ms: Took
    results: list[Result]


class Term(BaseModel):
    """A key term."""

    term: str
    score: float


class PhotoLink(BaseModel):
    """A photo of a recipe."""

    id: str
    url: str
    thumbnail: str


class RecipeAnswer(BaseModel):
    """All that is stored of a recipe."""

    id: str
    title: str
    partition: str
    category: str | None
    ingredients: list[str]
    instructions: list[str]
    key_terms: list[Term]
    photos: list[PhotoLink]
    thumbnail: str | None
    url: str
    is_made_up: bool


class PhotoAnswer(BaseModel):
    """All that is stored of a photo."""

    id: str
    title: str
    recipe: str | None
    partition: str
    category: str | None
    sees: SeenCategory | None
    thumbnail: str | None
    url: str
    is_made_up: bool


class Shown(BaseModel):
    """A recipe or photo to begin with."""

    kind: Literal["recipe", "photo"]
    id: str
    title: str
    category: str | None
    thumbnail: str | None


class Bounds(BaseModel):
    """Limits that a client has to know."""

    upload_bytes: int
    photos: int
    pixels: int
    text_characters: int
    results: int
    terms: int


class CollectionFacts(BaseModel):
    """What is searched."""

    run: str
    is_made_up: bool
    num_recipes: int
    num_photos: int
    embedding_dim: int
    partitions: list[str]
    categories: list[str]
    limits: Bounds
    formats: list[str]
    examples: list[Shown]


class EmbedAnswer(BaseModel):
    """Unit vectors."""

    run: str
    kind: Literal["photos", "recipes"]
    embedding_dim: int
    embeddings: list[list[float]]


class Status(BaseModel):
    """How a server is."""

    status: str
    run: str | None = None


def url_of(what: What, id_: str) -> str:
    """Where a recipe or photo is told of."""
    return f"/v1/{what}/{quote(id_, safe='')}"


def thumbnail_url(what: What, id_: str) -> str:
    """Where the small picture of a recipe or photo lies."""
    return f"/v1/thumbnails/{what}/{quote(id_, safe='')}"


def asked_of(query: Query, kind: Literal["photo", "text", "recipe"]) -> QueryFacts:
    """A query as a client is told of it."""
    sees = [_seen(name, score) for name, score in query.seen[:NUM_SEEN]]
    return QueryFacts(
        kind=kind,
        text=query.text,
        key_terms=list(query.key_terms),
        category=query.category or None,
        sees=sees,
    )


def result_of(query: Query, hit: Hit, heat: list[list[float]] | None) -> Result:
    """A hit as a client is told of it."""
    shared = why(query, hit)
    what: What = "recipes" if hit.kind == "recipe" else "photos"
    has_picture = hit.photo is not None
    return Result(
        rank=hit.rank,
        similarity=round(hit.similarity, DIGITS),
        kind="recipe" if hit.kind == "recipe" else "photo",
        id=hit.id,
        title=hit.title,
        partition=hit.partition,
        category=hit.category or None,
        recipe=hit.recipe,
        photo=hit.photo,
        url=url_of(what, hit.id),
        thumbnail=thumbnail_url(what, hit.id) if has_picture else None,
        ingredients=list(hit.ingredients),
        key_terms=list(hit.key_terms),
        is_match=shared.is_match,
        why=Reasons(
            key_terms=list(shared.key_terms),
            category=shared.category or None,
            sees=None if shared.seen is None else _seen(*shared.seen),
        ),
        heat=heat,
    )


def recipe_of(entry: Mapping[str, Any], photos: list[str], *, is_made_up: bool) -> RecipeAnswer:
    """A row of the index's recipes as a client is told of it; ``photos`` that are indexed."""
    scored = zip(entry["key_terms"], entry["key_term_scores"], strict=True)
    return RecipeAnswer(
        id=entry["id"],
        title=entry["title"] or "",
        partition=entry["partition"],
        category=entry["category"],
        ingredients=entry["ingredients"],
        instructions=entry["instructions"],
        key_terms=[Term(term=term, score=round(score, DIGITS)) for term, score in scored],
        photos=[
            PhotoLink(id=id_, url=url_of("photos", id_), thumbnail=thumbnail_url("photos", id_))
            for id_ in photos
        ],
        thumbnail=thumbnail_url("recipes", entry["id"]) if entry["thumbnail"] else None,
        url=url_of("recipes", entry["id"]),
        is_made_up=is_made_up,
    )


def photo_of(entry: Mapping[str, Any], *, is_made_up: bool) -> PhotoAnswer:
    """A row of the index's photos as a client is told of it."""
    name = entry["seen_category"]
    return PhotoAnswer(
        id=entry["id"],
        title=entry["title"] or "",
        recipe=entry["recipe"],
        partition=entry["partition"],
        category=entry["category"],
        sees=_seen(name, entry["seen_score"]) if name else None,
        thumbnail=thumbnail_url("photos", entry["id"]) if entry["thumbnail"] else None,
        url=url_of("photos", entry["id"]),
        is_made_up=is_made_up,
    )


def _seen(name: str, score: float) -> SeenCategory:
    return SeenCategory(category=name, probability=round(score, DIGITS))
