import math

import pytest
import torch

from seje_ray.models.projection import Projection


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
