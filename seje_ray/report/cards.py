"""Retrieval examples to look at: a query, and what the model ranks first for it."""

from collections.abc import Sequence
from dataclasses import dataclass

from seje_ray.random_streams import Stream, generator
from seje_ray.report.page import photo_uri, small_photo
from seje_ray.report.photos import PairBook
from seje_ray.retrieval.embeddings import Embeddings
from seje_ray.retrieval.search import nearest

NUM_LINES = 6  # ingredient lines of a card


@dataclass(frozen=True, slots=True)
class Card:
    """One pair as a page shows it."""

    title: str
    photo: str  # data URI, "" if there is none
    ingredients: tuple[str, ...]
    note: str = ""
    is_match: bool = False  # the query's own pair


@dataclass(frozen=True, slots=True)
class Example:
    """A query and its results, best first."""

    query: Card
    shows_photo: bool  # the query is the photo; otherwise the text
    results: tuple[Card, ...]


def card(book: PairBook, row: int, *, note: str = "", is_match: bool = False) -> Card:
    """Card of the pair in ``row``."""
    pair = book.pair(row)
    photo = photo_uri(small_photo(pair["jpeg"]))
    return Card(pair["title"], photo, tuple(pair["ingredients"][:NUM_LINES]), note, is_match)


def examples(
    embeddings: Embeddings, book: PairBook, rows: Sequence[int], *, from_photo: bool, num: int = 5
) -> list[Example]:
    """Examples of one direction for the pairs in ``rows``."""
    images, recipes = embeddings.image_embeddings, embeddings.recipe_embeddings
    queries, gallery = (images, recipes) if from_photo else (recipes, images)
    shown = []
    for row in rows:
        similarities = gallery @ queries[row]
        rank = 1 + int((similarities > similarities[row]).sum())
        results = tuple(
            card(book, found, note=f"{round(similarity, 2) + 0.0:.2f}", is_match=found == row)
            for found, similarity in nearest(queries[row], gallery, num)
        )
        query = card(book, row, note=f"its own {'recipe' if from_photo else 'photo'} ranks {rank}.")
        shown.append(Example(query, from_photo, results))
    return shown


def drawn_rows(num_pairs: int, num: int, seed: int) -> list[int]:
    """Rows drawn for show: never chosen for how well they look."""
    draws = generator(Stream.EXAMPLES, seed)
    return sorted(int(n) for n in draws.choice(num_pairs, min(num, num_pairs), replace=False))
