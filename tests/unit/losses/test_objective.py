import torch

from seje_ray.losses.objective import combine


def test_total_is_the_weighted_sum_and_the_parts_are_kept():
    parts = [torch.tensor(value) for value in (1.0, 10.0, -100.0)]

    result = combine(*parts, category_weight=0.25, discriminator_weight=0.125)

    assert float(result.total) == 1.0 + 0.25 * 10.0 - 0.125 * 100.0
    assert result.retrieval is parts[0]
    assert result.category_alignment is parts[1]
    assert result.discriminator_alignment is parts[2]


def test_weights_scale_the_gradient():
    retrieval, category, discriminator = (torch.tensor(1.0, requires_grad=True) for _ in range(3))

    combine(
        retrieval, category, discriminator,
        category_weight=0.25, discriminator_weight=0.125,
    ).total.backward()  # fmt: skip

    assert [float(x.grad) for x in (retrieval, category, discriminator)] == [1.0, 0.25, 0.125]


def test_nan_in_a_part_of_weight_zero_still_shows():
    nan, zero = torch.tensor(torch.nan), torch.tensor(0.0)

    assert combine(zero, zero, nan, category_weight=1.0, discriminator_weight=0.0).total.isnan()
