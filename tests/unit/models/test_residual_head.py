"""The residual head: by hand before it has learnt, and what its parts do."""

import pytest
import torch
from torch.nn import functional as F

from seje_ray.distributed.dropout import PartDropout, begin_dropout_step
from seje_ray.models.heads import Projection, ResidualHead, joint_head


@pytest.fixture
def head():
    torch.manual_seed(0)
    return ResidualHead(3, 4, hidden_dim=5, dropout=0.5)


def rows(num_rows=6):
    return torch.randn(num_rows, 3, generator=torch.Generator().manual_seed(1)) * 4 + 7


def test_at_first_it_is_a_linear_map_of_standardised_rows(head):
    """Without dropout, over a batch: (x - mean) / std, the matrix, unit length."""
    head.dropout.p = 0.0
    x = rows()
    standard = (x - x.mean(0)) / (x.var(0, correction=0) + 1e-5).sqrt()

    found = head.train()(x)

    torch.testing.assert_close(found, F.normalize(standard @ head.linear.weight.T, dim=1))


def test_scale_and_shift_of_an_input_do_not_matter(head):
    """Features of a network and weights of words may stand side by side."""
    x = rows(64)
    head.dropout.p = 0.0

    torch.testing.assert_close(
        head.train()(x), head.train()(x * torch.tensor([9.0, 0.5, 2.0]) - 3), atol=1e-4, rtol=1e-4
    )


def test_the_network_learns_from_its_zeros(head):
    """Its last layer has a gradient at once, what is before it after a step."""
    head.dropout.p = head.mlp[0].p = head.mlp[3].p = 0.0

    for step in range(2):
        head.zero_grad()
        head.train()(rows())[:, 0].sum().backward()
        assert head.mlp[-1].weight.grad.abs().sum() > 0
        assert (head.mlp[1].weight.grad.abs().sum() > 0) == (step > 0)
        with torch.no_grad():
            for parameter in head.parameters():
                parameter -= 0.1 * parameter.grad


def test_dropout_is_of_the_features_of_both_ways_and_of_the_hidden_layer():
    dropping = ResidualHead(3, 4, hidden_dim=5, dropout=0.25)

    assert {n for n, m in dropping.named_modules() if isinstance(m, torch.nn.Dropout)} == {
        "dropout", "mlp.0", "mlp.3",
    }  # fmt: skip
    assert {m.p for m in dropping.modules() if isinstance(m, torch.nn.Dropout)} == {0.25}


def test_the_run_file_names_a_head():
    settings = {"hidden_dim": 5, "dropout": 0.0}

    assert isinstance(joint_head("projection", 3, 4, **settings), Projection)
    residual = joint_head("residual", 3, 4, **settings)
    assert isinstance(residual, ResidualHead)
    assert residual.mlp[1].weight.shape == (5, 3)


def test_a_constant_feature_and_a_zero_row_are_finite(head):
    """f_cat that an ablation switches off is zero in every row."""
    x = rows()
    x[:, 1] = 0.0

    found = head.train()(x)

    assert found.isfinite().all()


def test_features_that_come_standardised_stay_as_they_are():
    """The last two of three; with all of them there is no norm, and no need of a batch."""
    torch.manual_seed(0)
    some = ResidualHead(3, 4, hidden_dim=5, dropout=0.0, num_ready=2)
    x = rows()
    first = (x[:, :1] - x[:, :1].mean(0)) / (x[:, :1].var(0, correction=0) + 1e-5).sqrt()

    expected = F.normalize(torch.cat([first, x[:, 1:]], 1) @ some.linear.weight.T, dim=1)
    torch.testing.assert_close(some.train()(x), expected)

    ready = ResidualHead(3, 4, hidden_dim=5, dropout=0.0, num_ready=3)
    torch.testing.assert_close(
        ready.train()(x[:1]), F.normalize(x[:1] @ ready.linear.weight.T, dim=1)
    )


def test_parts_are_left_out_after_they_are_standardised():
    """What is left out is as the mean."""
    torch.manual_seed(0)
    head = ResidualHead(3, 4, hidden_dim=5, dropout=0.0, parts=PartDropout([1, 2], 0.5)).train()
    begin_dropout_step(head, first=0, num_rows=6, seed=1, device=torch.device("cpu"))
    seen = []
    head.linear.register_forward_hook(lambda *call: seen.append(call[1][0]))
    x = rows()

    head(x)

    standard = (x - x.mean(0)) / (x.var(0, correction=0) + 1e-5).sqrt()
    is_kept = seen[0] != 0
    torch.testing.assert_close(seen[0], standard * is_kept)
    assert 0 < is_kept.sum() < is_kept.numel()
    assert torch.equal(is_kept[:, 1], is_kept[:, 2])
