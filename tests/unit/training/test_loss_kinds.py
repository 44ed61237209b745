"""Every ``loss.kind`` on two and on three workers."""

from typing import get_args

import pytest
import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from seje_ray.config import LossConfig
from seje_ray.config.loss import (
    AdaMineConfig,
    HingeConfig,
    InfoNceConfig,
    LossKind,
    PairwiseCosineConfig,
    SigmoidConfig,
    SoftMarginConfig,
)
from seje_ray.features.model import build_logit_scale
from seje_ray.losses import row_parts
from seje_ray.losses.kinds import retrieval_loss
from seje_ray.models.heads import CategoryHead, Discriminator
from seje_ray.models.joint_embedding import JointEmbedding, JointOutput
from seje_ray.models.recipe_encoder import RecipeInputs
from seje_ray.training.step import GlobalRows, active_share, global_pairs, objective
from tests.unit.training.workers_equal_one import assert_workers_equal_one

# Seven pairs: pools of at most three are rows 0-1, 2-3 and 4-6. Workers share one, begin and end
# inside one, or hold several.
SIZES = {1: (7,), 2: (3, 4), 3: (1, 2, 4)}
KINDS = get_args(LossKind)
CONSTANTS = {  # no default, and weights that let each part be seen in the gradient
    "soft_margin": SoftMarginConfig(scale=5.0, margin=0.2),
    "hinge": HingeConfig(margin=0.9),
    "adamine": AdaMineConfig(margin=0.4, semantic_weight=0.6),
    "pairwise_cosine": PairwiseCosineConfig(margin=-0.5, positive_share=0.4),
    "info_nce": InfoNceConfig(logit_scale=4.0, max_logit_scale=40.0),
    "sigmoid": SigmoidConfig(logit_scale=3.0, logit_bias=-2.0),
    "category_weight": 0.7,
    "background_weight": 0.3,
    "discriminator_weight": 0.4,
}
CONFIGS = {
    (kind, pool): LossConfig(kind=kind, mining_pool=pool, **CONSTANTS)
    for kind in KINDS
    for pool in (None, 3)
}


def configs_of(num_workers):
    """All on three workers; those with a pool, where more can go wrong, on two."""
    return [(kind, pool) for kind, pool in CONFIGS if num_workers == 3 or pool is not None]


class Head(nn.Linear):
    """Unit rows of what comes first; the rest is of no use here."""

    def forward(self, rows, *_):
        return nn.functional.normalize(super().forward(rows), dim=1)


class Recipes(nn.Module):
    def __init__(self):
        super().__init__()
        self.head = Head(5, 4)

    def forward(self, inputs):
        return self.head(inputs.key_term_vectors)


def rows_of(rank, sizes):
    """A worker's images, key terms and categories of the same seven pairs."""
    own = slice(sum(sizes[:rank]), sum(sizes[: rank + 1]))
    images, key_terms = torch.randn(2, 7, 5, generator=torch.Generator().manual_seed(0))
    return images[own], key_terms[own], torch.tensor([1, 1, 0, 2, 1, 2, 2])[own]


def train(rank, sizes, config, num_steps=2):
    """Steps of the objective; everything they give and change."""
    torch.manual_seed(1)
    model = JointEmbedding(
        None, Head(5, 4), Recipes(), CategoryHead(4, 3), build_logit_scale(config)
    )
    discriminator = Discriminator(4)
    wrapped = model if len(sizes) == 1 else DistributedDataParallel(model)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    images, key_terms, ids = rows_of(rank, sizes)
    rows = GlobalRows(sizes, rank)
    result = {}
    for step in range(num_steps):
        output = wrapped(images, images, RecipeInputs(key_term_vectors=key_terms))
        pairs = global_pairs(output, ids, rows)
        parts = objective(pairs, output, discriminator, rows, config, seed=(3, 6, step))
        optimizer.zero_grad()
        parts.total.backward()
        optimizer.step()
        result |= {
            f"{step} total": parts.total.detach(),
            f"{step} retrieval": parts.retrieval.detach(),
        }
        if retrieval_loss(config).margin is not None:
            result[f"{step} active_triplet_share"] = active_share(pairs, rows, config)
        for name, parameter in model.named_parameters():
            result[f"{step} gradient of {name}"] = parameter.grad.clone()
    return result | {f"state {name}": value for name, value in model.state_dict().items()}


@pytest.fixture(scope="module")
def saved(on_workers):
    return {number: on_workers(on_worker, number) for number in SIZES if number > 1}


@pytest.mark.parametrize(
    ("num_workers", "kind", "pool"),
    [(number, *config) for number in (2, 3) for config in configs_of(number)],
)
def test_workers_equal_one_in_losses_gradients_and_weights(saved, num_workers, kind, pool):
    """The parts of a loss average to its value; gradients and weights are the same on each."""
    expected = train(0, SIZES[1], CONFIGS[kind, pool])

    found = [worker[f"{kind} {pool}"] for worker in saved[num_workers]]

    assert len(found) == num_workers
    assert_workers_equal_one(found, expected)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_learns_its_own_numbers_and_its_pool_matters(kind):
    """What the test above compares is no zero, and not one number for all."""
    whole, pooled = (train(0, SIZES[1], CONFIGS[kind, pool]) for pool in (None, 3))

    own = {"info_nce": {"log_scale"}, "sigmoid": {"log_scale", "bias"}}.get(kind, set())
    found = {name for name in whole if name.startswith("state logit_scale.")}
    assert found == {f"state logit_scale.{name}" for name in own}
    for name, value in whole.items():
        if "gradient of" in name:
            assert value.abs().max() > 1e-3, name
    assert whole["0 retrieval"] > 0.01
    assert (whole["0 retrieval"] != pooled["0 retrieval"]) == (kind != "pairwise_cosine")


@pytest.mark.parametrize("pool", [None, 3])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("side", [0, 1])
def test_nan_embedding_never_gives_a_finite_total(side, kind, pool):
    """Whatever the kind, a broken network stops the training."""
    rows = nn.functional.normalize(torch.randn(2, 7, 4), dim=2)
    rows[side, 1, 0] = torch.nan
    numbers = (torch.tensor(3.0), torch.tensor(-1.0))
    output = JointOutput(*rows, torch.zeros(7, 3), torch.zeros(7, 3), *numbers)
    config = CONFIGS[kind, pool]

    pairs = global_pairs(output, rows_of(0, SIZES[1])[2], GlobalRows((7,), 0))

    parts = objective(pairs, output, Discriminator(4), GlobalRows((7,), 0), config, seed=(1,))

    assert parts.retrieval.isnan()
    assert parts.total.isnan()


def on_worker(member):
    row_parts.MOST_NUMBERS = 5  # a row or two at a time
    return {
        f"{kind} {pool}": train(member.rank, SIZES[member.world_size], CONFIGS[kind, pool])
        for kind, pool in configs_of(member.world_size)
    }
