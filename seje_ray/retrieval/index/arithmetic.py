"""Arithmetic with the means of an index: more of one dish, less of another.

Letters: N rows of a side, D dimensions.
"""

import difflib
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from seje_ray.errors import SejeError
from seje_ray.retrieval.index.collection import Index, Query
from seje_ray.retrieval.index.filters import as_mask, word_pattern
from seje_ray.retrieval.index.side import IndexSide, What

SHORTEST = 1e-6  # length of a vector that still has a direction
MOST_ROWS = 10_000  # that a mean is of; evenly drawn where there are more


class TermError(SejeError):
    """A term has no mean, or a query no direction; says why."""


def shifted(
    index: Index, query: Query, plus: Sequence[str], minus: Sequence[str], what: What
) -> Query:
    """A query and the means of some terms more, and of others less, at length 1.

    Args:
        index: Whose rows the means are of.
        query: To begin with.
        plus: Categories, key terms, or words of titles.
        minus: Likewise.
        what: Rows whose means are taken: those of the query's own kind, where they are indexed.

    Raises:
        TermError: If the index has no such term, or nothing is left of the query.

    Source: Salvador et al. 2017 (im2recipe), section 4.4; docs/method.md, rule 12.3.
    """
    if not plus and not minus:
        return query
    vector = query.vector.astype(np.float64)
    for sign, terms in ((1, plus), (-1, minus)):
        for term in terms:
            vector = vector + sign * term_mean(index, term, what)
    named = [query.text, *(f"+ {term}" for term in plus), *(f"- {term}" for term in minus)]
    return replace(query, vector=direction(vector), text=" ".join(named))


def term_mean(index: Index, term: str, what: What) -> np.ndarray:
    """The mean (D,) of the rows of a term, at length 1.

    Rows are those of the category with this name; where there is none, those with this key term;
    where there is none, those with these words in the title.

    Raises:
        TermError: If there is none of them either; names categories like it.
    """
    has_both = index.recipes is not None and index.photos is not None
    side = index.side(what) if has_both or index.recipes is None else index.side("recipes")
    rows = _rows_of(index, side, " ".join(term.split()).lower())
    if not len(rows):
        like = difflib.get_close_matches(term.lower(), index.categories, n=3, cutoff=0.5)
        known = like or index.categories[:5]
        raise TermError(
            f"{term!r}: neither a category nor a key term nor words of a title in the index"
            + (f"; categories are e.g. {', '.join(known)}" if known else "")
        )
    if len(rows) > MOST_ROWS:
        rows = rows[np.linspace(0, len(rows) - 1, MOST_ROWS).astype(np.int64)]
    return direction(side.vectors[rows].mean(axis=0, dtype=np.float64))


def direction(vector: np.ndarray) -> np.ndarray:
    """A vector (D,) at length 1, float32.

    Raises:
        TermError: If it has no direction.
    """
    length = float(np.linalg.norm(vector))
    if not length > SHORTEST:
        raise TermError("the parts of the query cancel each other out; leave one of them out")
    found: np.ndarray = (vector / length).astype(np.float32)
    return found


def _rows_of(index: Index, side: IndexSide, term: str) -> np.ndarray:
    """Numbers of the rows of a term."""
    ways = (_in_category, _with_key_term, _in_title)
    found = (np.flatnonzero(way(index, side, term) & side.is_there) for way in ways)
    return next((rows for rows in found if len(rows)), np.empty(0, np.int64))


def _in_category(index: Index, side: IndexSide, term: str) -> np.ndarray:
    return as_mask(pc.equal(pc.utf8_lower(side.entries.column("category")), term))


def _with_key_term(index: Index, side: IndexSide, term: str) -> np.ndarray:
    if index.recipes is None:
        return np.zeros(len(side.is_there), bool)
    terms = index.recipes.entries.column("key_terms").combine_chunks()
    joined = term.replace(" ", "_")  # as word vectors have it
    places = pc.list_parent_indices(terms).filter(pc.equal(pc.list_flatten(terms), joined))
    has = np.zeros(len(index.recipes.is_there), bool)
    has[places.to_numpy(zero_copy_only=False)] = True
    if side.what == "recipes":
        return has
    ids = index.recipes.entries.column("id").filter(pa.array(has & index.recipes.is_there))
    return as_mask(pc.is_in(side.entries.column("recipe"), value_set=ids.combine_chunks()))


def _in_title(index: Index, side: IndexSide, term: str) -> np.ndarray:
    return as_mask(pc.match_substring_regex(side.entries.column("title"), word_pattern(term)))
