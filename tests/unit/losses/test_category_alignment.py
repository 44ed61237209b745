import math

import pytest
import torch

from seje_ray.losses.category_alignment import category_alignment, category_weights


def test_background_gets_its_own_weight():
    weights = category_weights(torch.tensor([0, 3, 0, 1]), 0.25)

    assert weights.tolist() == [0.25, 1.0, 0.25, 1.0]
    assert weights.dtype == torch.float32


def test_alignment_by_hand():
    """Three categories; logits log 2, 0, 0 give probabilities 1/2, 1/4, 1/4."""
    two = math.log(2.0)
    image_logits = torch.tensor([[two, 0.0, 0.0], [two, 0.0, 0.0]])
    recipe_logits = torch.zeros(2, 3)  # probability 1/3 each
    # background (weight 0.5): -log 1/2 and -log 1/3; category 2: -log 1/4 and -log 1/3
    expected = (0.5 * (math.log(2) + math.log(3)) + math.log(4) + math.log(3)) / 5.0

    loss = category_alignment(
        image_logits,
        recipe_logits,
        torch.tensor([0, 2]),
        background_weight=0.5,
        weight_sum=torch.tensor(5.0),
    )

    assert float(loss) == pytest.approx(expected)


def test_normalised_by_its_own_weights_it_is_the_weighted_mean_of_torch():
    generator = torch.Generator().manual_seed(0)
    image_logits, recipe_logits = torch.randn(2, 6, 4, generator=generator)
    ids = torch.tensor([0, 1, 2, 3, 0, 2], dtype=torch.int32)  # as Parquet holds them
    class_weights = torch.tensor([0.3, 1.0, 1.0, 1.0])

    loss = category_alignment(
        image_logits,
        recipe_logits,
        ids,
        background_weight=0.3,
        weight_sum=category_weights(ids, 0.3).sum(),
    )

    entropy = torch.nn.CrossEntropyLoss(weight=class_weights)
    expected = entropy(image_logits, ids.long()) + entropy(recipe_logits, ids.long())
    torch.testing.assert_close(loss, expected)


def test_only_background_costs_nothing_and_has_zero_gradient():
    logits = torch.randn(3, 4, generator=torch.Generator().manual_seed(1)).requires_grad_()

    loss = category_alignment(
        logits,
        logits,
        torch.zeros(3, dtype=torch.int64),
        background_weight=0.0,
        weight_sum=torch.tensor(0.0),
    )
    loss.backward()

    assert float(loss.detach()) == 0.0
    assert torch.equal(logits.grad, torch.zeros(3, 4))


def test_nan_logits_of_background_still_show():
    logits = torch.full((1, 2), torch.nan)

    loss = category_alignment(
        logits, logits, torch.tensor([0]), background_weight=0.0, weight_sum=torch.tensor(0.0)
    )

    assert loss.isnan()


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match=r"got \(2, 3\), \(2, 3\) and 1"):
        category_alignment(
            torch.zeros(2, 3),
            torch.zeros(2, 3),
            torch.tensor([1]),
            background_weight=1.0,
            weight_sum=torch.tensor(1.0),
        )
