import torch

from seje_ray.losses.mining import (
    category_negatives,
    hardest_negatives,
    own_mask,
    same_category_mask,
)

DISTANCES = torch.tensor([[0.1, 0.2, 0.3, 0.4], [0.4, 0.3, 0.2, 0.1]])


def test_own_pairs_start_at_the_first_candidate():
    mask = own_mask(2, 4, 1, DISTANCES)

    assert mask.int().tolist() == [[0, 1, 0, 0], [0, 0, 1, 0]]


def test_background_is_not_even_its_own_category():
    mask = same_category_mask(torch.tensor([0, 5]), torch.tensor([0, 5, 3, 5]))

    assert mask.int().tolist() == [[0, 0, 0, 0], [0, 1, 0, 1]]


def test_hardest_negative_is_the_nearest_that_is_left():
    excluded = torch.tensor([[1, 0, 0, 0], [0, 0, 1, 1]]).bool()

    assert hardest_negatives(DISTANCES, excluded).tolist() == [1, 1]


def test_first_of_equally_near_candidates_is_taken():
    equal = torch.full((1, 4), 0.5)

    assert hardest_negatives(equal, torch.tensor([[True, False, False, False]])).tolist() == [1]


def test_nan_distance_is_not_passed_over():
    distances = torch.tensor([[0.1, 0.2, torch.nan]])

    assert hardest_negatives(distances, torch.tensor([[True, False, False]])).tolist() == [2]


def test_category_negative_skips_the_same_category():
    """Anchor 0 skips 1 (same category) for 2; anchor 1 skips 3 for its next nearest, 1."""
    is_own = own_mask(2, 4, 0, DISTANCES)
    is_own[1] = torch.tensor([False, False, True, False])
    same = torch.tensor([[1, 1, 0, 0], [0, 0, 1, 1]]).bool()

    assert category_negatives(DISTANCES, is_own, same).tolist() == [2, 1]


def test_without_another_category_the_hardest_of_all_is_taken():
    is_own = own_mask(2, 4, 0, DISTANCES)
    same = torch.tensor([[1, 1, 1, 1], [0, 1, 1, 0]]).bool()

    # Anchor 0 falls back to candidate 1 although it shares the category; anchor 1 does not.
    assert category_negatives(DISTANCES, is_own, same).tolist() == [1, 3]
