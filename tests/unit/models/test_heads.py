"""The parts above the networks, by hand and in their limits."""

import math

import pytest
import torch

from seje_ray.models.heads import CategoryHead, Discriminator, ImageHead, LogitScale, Projection


def identity_projection(dim, **changes):
    """A projection whose linear layer and BatchNorm (in evaluation) change next to nothing."""
    projection = Projection(dim, dim, **{"dropout": 0.0, **changes})
    torch.nn.init.eye_(projection.linear.weight)
    return projection


def test_projection_by_hand():
    """(3, -4) -> leaky (3, -0.08) -> unit length; BatchNorm's 1 / sqrt(1 + eps) cancels."""
    rows = identity_projection(2).eval()(torch.tensor([[3.0, -4.0]]))

    length = math.hypot(3.0, 0.08)
    torch.testing.assert_close(rows, torch.tensor([[3.0 / length, -0.08 / length]]))


def test_batch_norm_comes_before_the_activation():
    """In training (1, 0) and (3, 0) become (-1, 0) and (1, 0): leaky -0.02 and 1, then +-1."""
    rows = identity_projection(2).train()(torch.tensor([[1.0, 0.0], [3.0, 0.0]]))

    torch.testing.assert_close(rows, torch.tensor([[-1.0, 0.0], [1.0, 0.0]]))


def test_rows_have_unit_length():
    torch.manual_seed(0)
    rows = Projection(6, 4, dropout=0.0)(torch.randn(9, 6))

    torch.testing.assert_close(rows.norm(dim=1), torch.ones(9))


def test_zero_row_stays_finite_and_so_does_its_gradient():
    features = torch.zeros(3, 2, requires_grad=True)

    rows = identity_projection(2).train()(features)
    rows.sum().backward()

    assert torch.equal(rows.detach(), torch.zeros(3, 2))
    assert features.grad.isfinite().all()


def test_dropout_acts_in_training_only():
    """Half of 1,000 ones are dropped, the others doubled, before the linear layer."""
    torch.manual_seed(0)
    projection = Projection(1000, 1, dropout=0.5)
    seen = []
    projection.linear.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    ones = torch.ones(2, 1000)

    projection.train()(ones)
    projection.eval()(ones)

    assert set(seen[0].unique().tolist()) == {0.0, 2.0}
    assert 400 < int((seen[0][0] == 0).sum()) < 600
    assert torch.equal(seen[1], ones)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_precision_of_the_input_is_kept(dtype):
    assert Projection(3, 2, dropout=0.0).to(dtype)(torch.randn(4, 3).to(dtype)).dtype == dtype


def test_half_precision_is_normalised_in_float32():
    rows = Projection(3, 2, dropout=0.0).to(torch.bfloat16)(torch.randn(4, 3).bfloat16())

    assert rows.dtype == torch.float32
    torch.testing.assert_close(rows.norm(dim=1), torch.ones(4))


def test_image_head_sees_features_first_and_then_the_category_vector():
    torch.manual_seed(0)
    head = ImageHead(Projection(5, 4, dropout=0.0)).eval()
    features, category_vectors = torch.randn(5, 3), torch.randn(5, 2)

    found = head(features, category_vectors)

    expected = head.projection(torch.cat([features, category_vectors], dim=1))
    assert torch.equal(found, expected)
    assert found.shape == (5, 4)


def test_category_head_is_linear():
    head = CategoryHead(2, 3)
    with torch.no_grad():
        head.linear.weight.copy_(torch.tensor([[1.0, 0.0], [0.0, 2.0], [1.0, 1.0]]))
        head.linear.bias.copy_(torch.tensor([0.0, 0.0, 5.0]))

    assert head(torch.tensor([[3.0, 4.0]])).tolist() == [[3.0, 8.0, 12.0]]


def test_discriminator_scores_each_row_on_its_own_and_without_bound():
    torch.manual_seed(0)
    network = Discriminator(4)
    rows = torch.randn(6, 4)

    scores = network(rows)

    assert scores.shape == (6,)
    torch.testing.assert_close(network(rows[2:3]), scores[2:3])
    with torch.no_grad():
        network.layers[-1].bias.fill_(1e6)
    assert network(rows).min() > 9e5


@pytest.mark.parametrize("dim", [1, 7])
def test_discriminator_takes_one_row(dim):
    assert Discriminator(dim)(torch.ones(1, dim)).shape == (1,)


def test_it_gives_what_it_starts_with():
    scale, bias = LogitScale(10.0, bias=-3.0)()

    assert float(scale.detach()) == pytest.approx(10.0)
    assert float(bias.detach()) == -3.0


def test_without_a_bias_there_is_no_parameter_for_it():
    module = LogitScale(10.0)

    assert module()[1] is None
    assert [name for name, _ in module.named_parameters()] == ["log_scale"]


def test_the_scale_is_learnt_as_its_logarithm():
    """d e^x / dx = e^x = 5."""
    module = LogitScale(5.0, bias=1.0)
    scale, bias = module()

    (2 * scale + 7 * bias).backward()

    assert float(module.log_scale.grad) == pytest.approx(10.0)
    assert float(module.bias.grad) == 7.0


def test_scale_is_cut_where_it_is_kept_so_that_it_can_fall_again():
    """A step beyond the largest scale is taken back, and the gradient is not lost."""
    module = LogitScale(99.0, max_scale=100.0)
    with torch.no_grad():
        module.log_scale.fill_(math.log(500.0))

    scale, _ = module()
    scale.backward()

    assert float(scale.detach()) == pytest.approx(100.0)
    assert float(module.log_scale.detach()) == pytest.approx(math.log(100.0))
    assert float(module.log_scale.grad) == pytest.approx(100.0)


def test_without_a_largest_scale_any_is_kept():
    module = LogitScale(99.0)
    with torch.no_grad():
        module.log_scale.fill_(math.log(500.0))

    assert float(module()[0].detach()) == pytest.approx(500.0)
