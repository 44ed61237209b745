import pytest
import torch

from seje_ray.losses.mining import (
    excluded_candidates,
    hardest_negatives,
    same_category,
    semi_hard_negatives,
)
from tests.unit.losses.worker_pairs import pairs_of

DISTANCES = torch.tensor([[0.1, 0.2, 0.3, 0.4], [0.4, 0.3, 0.2, 0.1]])


def masks(*rows):
    return torch.tensor(rows).bool()


def same_category_of(ids, own, mining_pool=None):
    """Who is of one category, among the anchors ``own``."""
    pairs = pairs_of(*torch.zeros(2, len(ids), 1), torch.tensor(ids), own)
    return same_category(pairs, pairs.pools(mining_pool)).int().tolist()


def test_background_is_not_even_its_own_category():
    mask = same_category_of([0, 5, 3, 5, 0], slice(3, 5))

    assert mask == [[0, 1, 0, 1, 0], [0, 0, 0, 0, 0]]


def test_category_is_compared_within_the_pool():
    """Pools 0-2 and 3-5; row 2 sees categories 1, 2, 1 and row 3 sees 2, 1, 1."""
    mask = same_category_of([1, 2, 1, 2, 1, 1], slice(2, 4), mining_pool=3)

    assert mask == [[1, 0, 1], [1, 0, 0]]


def test_sets_of_negatives():
    """Anchor 0 has candidate 3 of another category; anchor 1 has none and keeps them all."""
    own, same = masks([1, 0, 0, 0], [0, 1, 0, 0]), masks([1, 1, 1, 0], [1, 1, 1, 1])
    of_another = masks([1, 1, 1, 0], [0, 1, 0, 0])

    both = excluded_candidates(own, same, "both")

    assert torch.equal(both[0], own)
    assert torch.equal(both[1], of_another)
    (instance,) = excluded_candidates(own, same, "instance")
    assert torch.equal(instance, own)
    (category,) = excluded_candidates(own, same, "category")
    assert torch.equal(category, of_another)
    with pytest.raises(ValueError, match="instance, category or both, got 'hard'"):
        excluded_candidates(own, same, "hard")


def test_hardest_negative_is_the_nearest_that_is_left():
    assert hardest_negatives(DISTANCES, masks([1, 0, 0, 0], [0, 0, 1, 1])).tolist() == [1, 1]


def test_first_of_equally_near_candidates_is_taken():
    equal = torch.full((1, 4), 0.5)

    assert hardest_negatives(equal, masks([1, 0, 0, 0])).tolist() == [1]
    assert semi_hard_negatives(equal, torch.tensor([0.5]), masks([1, 0, 0, 0])).tolist() == [1]


def test_nan_distance_is_not_passed_over():
    distances = torch.tensor([[0.1, 0.2, torch.nan]])

    assert hardest_negatives(distances, masks([1, 0, 0])).tolist() == [2]
    assert semi_hard_negatives(distances, torch.tensor([0.1]), masks([1, 0, 0])).tolist() == [2]


def test_semi_hard_negative_is_the_nearest_beyond_the_positive():
    """Positives at 0.15 and 0.2: 0.2 and 0.3 come next."""
    found = semi_hard_negatives(
        DISTANCES, torch.tensor([0.15, 0.2]), masks([1, 0, 0, 0], [0, 0, 1, 0])
    )

    assert found.tolist() == [1, 1]


def test_candidate_as_near_as_the_positive_is_not_beyond_it():
    found = semi_hard_negatives(DISTANCES[:1], DISTANCES[0, 1:2], masks([1, 0, 0, 0]))

    assert found.tolist() == [2]


def test_excluded_candidate_is_no_semi_hard_negative():
    found = semi_hard_negatives(DISTANCES[:1], torch.tensor([0.15]), masks([1, 1, 0, 0]))

    assert found.tolist() == [2]


def test_without_a_semi_hard_negative_the_least_hard_one_is_taken():
    """The positive is at 0.35, and 0.4 is excluded: 0.3 is the farthest of those nearer."""
    found = semi_hard_negatives(DISTANCES[:1], torch.tensor([0.35]), masks([0, 0, 0, 1]))

    assert found.tolist() == [2]
