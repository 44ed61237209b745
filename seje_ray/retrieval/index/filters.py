"""Which rows of an index may be found: by partition, category and ingredients.

Letters: N rows of a side.
"""

import re
from dataclasses import dataclass
from functools import reduce

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from seje_ray.errors import SejeError
from seje_ray.retrieval.index.side import IndexSide

# Thai and Lao, Burmese, Khmer, Japanese, Chinese: no spaces between words
UNSPACED = r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]"


class FilterError(SejeError):
    """Rows cannot be chosen as a search asks for; says why."""


@dataclass(frozen=True, slots=True)
class Filters:
    """What a search is restricted to; nothing by default."""

    partitions: tuple[str, ...] = ()  # any of them
    categories: tuple[str, ...] = ()  # any of them
    ingredients: tuple[str, ...] = ()  # all of them
    no_ingredients: tuple[str, ...] = ()  # none of them

    def __bool__(self) -> bool:
        return bool(self.partitions or self.categories or self.ingredients or self.no_ingredients)


def allowed_rows(side: IndexSide, recipes: IndexSide | None, wanted: Filters) -> np.ndarray | None:
    """(N,) bool, which rows of ``side`` are as wanted; None for all.

    An ingredient is looked for in title and ingredient lines, as whole words, in singular and
    plural. A photo has the ingredients of its recipe; one without a recipe has none that are
    known, so that no search by ingredients finds it.

    Args:
        side: That is searched.
        recipes: The recipes of the index, for the ingredients.
        wanted: What is asked for.

    Raises:
        FilterError: If ingredients are asked for and no recipes are indexed, or a partition or
            category is none of the index.
    """
    masks = [
        _is_one_of(side, column, names)
        for column, names in (("partition", wanted.partitions), ("category", wanted.categories))
        if names
    ]
    if wanted.ingredients or wanted.no_ingredients:
        masks.append(_by_ingredients(side, recipes, wanted))
    return reduce(np.logical_and, masks) if masks else None


def word_pattern(word: str) -> str:
    """A regular expression (RE2) of a word or several, in singular and plural, as whole words.

    Where a script sets no spaces between words, anywhere.
    """
    text = " ".join(word.split()).casefold()
    if re.search(UNSPACED, text):
        return f"(?i){re.escape(text)}"
    if text.endswith(("ies", "y")):
        stem, endings = text.removesuffix("ies").removesuffix("y"), "(y|ies)"
    else:
        is_plural = text.endswith("s") and not text.endswith("ss")
        stem = re.sub("(?<=o)es$|s$", "", text) if is_plural else text
        endings = "(e?s)?"
    spaced = r"[\s-]+".join(re.escape(part) for part in stem.split())
    return rf"(?i)(^|[^\pL\pN]){spaced}{endings}($|[^\pL\pN])"


def _is_one_of(side: IndexSide, column: str, names: tuple[str, ...]) -> np.ndarray:
    folded = pc.utf8_lower(side.entries.column(column))
    known = [name.lower() for name in names]
    found = pc.is_in(folded, value_set=pa.array(known, pa.string()))
    for name in known:
        if not pc.any(pc.equal(folded, name)).as_py():
            raise FilterError(_unknown(column, name, folded))
    return as_mask(found)


def _unknown(column: str, name: str, folded: pa.ChunkedArray) -> str:
    counts = pc.value_counts(folded).to_pylist()
    counts.sort(key=lambda one: (-one["counts"], one["values"] or ""))
    known = [one["values"] for one in counts if one["values"]]
    shown = ", ".join(known[:12]) + (", ..." if len(known) > 12 else "")
    return f"--{column} {name}: no such {column} in the index; it has {shown or 'none'}"


def _by_ingredients(side: IndexSide, recipes: IndexSide | None, wanted: Filters) -> np.ndarray:
    if recipes is None:
        raise FilterError(
            "--with, --without: ingredients are those of recipes, and none are indexed; run "
            "`seje-ray index --what recipes`"
        )
    if not all(word.strip() for word in (*wanted.ingredients, *wanted.no_ingredients)):
        raise FilterError("--with, --without: expected a word, e.g. egg, found none")
    texts = recipes.words
    has = np.ones(len(recipes.is_there), bool)
    for word in wanted.ingredients:
        has &= as_mask(pc.match_substring_regex(texts, word_pattern(word)))
    for word in wanted.no_ingredients:
        has &= ~as_mask(pc.match_substring_regex(texts, word_pattern(word)))
    if side.what == "recipes":
        return has
    ids = recipes.entries.column("id").filter(pa.array(has & recipes.is_there))
    return as_mask(pc.is_in(side.entries.column("recipe"), value_set=ids))


def as_mask(values: pa.ChunkedArray) -> np.ndarray:
    """A column of truth values as (N,) bool; what is not known is False."""
    mask: np.ndarray = pc.fill_null(values, False).to_numpy(zero_copy_only=False)
    return mask
