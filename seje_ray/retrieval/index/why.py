"""What a query and a result have in common, in words."""

from dataclasses import dataclass

from seje_ray.retrieval.index.collection import Hit, Query


@dataclass(frozen=True, slots=True)
class Why:
    """What may have brought a result near; the model itself compares vectors alone."""

    key_terms: tuple[str, ...]  # of both recipes, the query's most telling first
    category: str  # of both, "" if they differ or have none
    seen: tuple[str, float] | None  # the other's category, and how much the photo looks like it
    is_match: bool  # the query's own recipe, or a photo of it

    def __str__(self) -> str:
        parts = []
        if self.category:
            parts.append(self.category)
        if self.seen is not None:
            parts.append(f"looks {self.seen[1]:.0%} like {self.seen[0]}")
        if self.key_terms:
            parts.append("both have " + ", ".join(self.key_terms).replace("_", " "))
        return "; ".join(parts)


def why(query: Query, hit: Hit) -> Why:
    """What a query and a hit share: key terms, a category, and what a photo is seen to show.

    A photo's key terms are those of its recipe; a new photo has none.
    """
    theirs = set(hit.key_terms)
    category = hit.category if hit.category and hit.category == query.category else ""
    seen = dict(query.seen).get(hit.category)
    told = None if seen is None or not hit.category else (hit.category, seen)
    if told is None and hit.kind == "photo":
        shown = dict(hit.seen).get(query.category)
        told = None if shown is None else (query.category, shown)
    return Why(
        tuple(term for term in query.key_terms if term in theirs),
        category,
        told,
        is_match=query.recipe is not None and hit.recipe == query.recipe,
    )
