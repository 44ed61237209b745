"""The baselines by name, and the choice of their settings on val."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, assert_never, get_args

from seje_ray.baselines import cca, nearest, ridge
from seje_ray.baselines.pairs import Candidate, Pairs
from seje_ray.retrieval.protocol import evaluate_retrieval, selection_score

FittedName = Literal["ridge", "cca", "tfidf-knn"]
BaselineName = Literal["ridge", "cca", "tfidf-knn", "zero-shot"]
BASELINES: tuple[BaselineName, ...] = get_args(BaselineName)

MAX_VAL_PAIRS = 10_000  # one gallery, as training validates


@dataclass(frozen=True, slots=True)
class Chosen:
    """The candidate that val decided for, and its score there."""

    candidate: Candidate
    score: float


def candidates(name: FittedName, train: Pairs) -> Iterator[Candidate]:
    """Every setting of a baseline, fitted on train, one after another."""
    match name:
        case "ridge":
            return ridge.candidates(train)
        case "cca":
            return cca.candidates(train)
        case "tfidf-knn":
            return nearest.candidates(train)
        case _:
            assert_never(name)


def chosen_on(val: Pairs, found: Iterable[Candidate]) -> Chosen:
    """The candidate of the best score on one gallery of val; the first of equal ones.

    Args:
        val: At least two pairs, of which ``MAX_VAL_PAIRS`` are ranked.
        found: At least one candidate.

    Source: docs/method.md, rules 6.2 and 6.8.
    """
    judged = val.first(MAX_VAL_PAIRS)
    best: Chosen | None = None
    for candidate in found:
        score = selection_score(
            evaluate_retrieval(
                judged.ids,
                *candidate.embed(judged),
                gallery_size=len(judged.ids),
                num_repeats=1,
                seed=0,
            )
        )
        if best is None or score > best.score:
            best = Chosen(candidate, score)
    assert best is not None, "there is no candidate"
    return best
