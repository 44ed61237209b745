"""``loss.kind`` and its constants reach the pure losses."""

from dataclasses import replace
from typing import get_args

import pytest
import torch

from seje_ray.config import LossConfig
from seje_ray.config.loss import (
    AdaMineConfig,
    HingeConfig,
    LossKind,
    PairwiseCosineConfig,
    SoftMarginConfig,
)
from seje_ray.losses.pairwise_cosine import draw_partners
from seje_ray.training.retrieval_loss import retrieval_loss
from tests.unit.losses.every_loss import (
    KINDS,
    LOGIT_BIAS,
    LOGIT_SCALE,
    MARGIN,
    POOLED,
    SCALE,
    SEMANTIC_WEIGHT,
    SHARE,
    loss_of,
    unit_pairs,
)
from tests.unit.losses.worker_pairs import pairs_of

CONFIG = LossConfig(
    soft_margin=SoftMarginConfig(scale=SCALE, margin=MARGIN),
    category_share=SHARE,
    hinge=HingeConfig(margin=MARGIN),
    adamine=AdaMineConfig(margin=MARGIN, semantic_weight=SEMANTIC_WEIGHT),
    pairwise_cosine=PairwiseCosineConfig(margin=MARGIN, positive_share=0.8),
)
IDS = torch.tensor([1, 1, 2, 0, 2, 1, 2, 0])
SEED = (5, 6, 7)


def worker_pairs(own=slice(0, 8)):
    return pairs_of(*unit_pairs(0, 8), IDS, own)


def loss_by(config, pairs=None, **changed):
    given = {
        "logit_scale": torch.tensor(LOGIT_SCALE),
        "logit_bias": torch.tensor(LOGIT_BIAS),
        "seed": SEED,
    }
    return retrieval_loss(pairs or worker_pairs(), config, **(given | changed))


@pytest.mark.parametrize("pool", [None, 4])
@pytest.mark.parametrize("negatives", ["category", "both"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_constant_reaches_its_loss(kind, negatives, pool):
    generator = torch.Generator().manual_seed(hash(SEED) % 2**63)
    partners = draw_partners(8, 0.8, generator)

    found = loss_by(replace(CONFIG, kind=kind, negatives=negatives, mining_pool=pool))

    expected = loss_of(
        kind, *unit_pairs(0, 8), IDS, pool=pool, negatives=negatives, partners=partners
    )
    assert torch.equal(found, expected)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "adamine"])
def test_a_worker_asks_for_its_own_rows(kind):
    """Means of two workers, weighted by their rows, are the whole; AdaMine's: test_step.py."""
    config = replace(CONFIG, kind=kind)

    parts = [
        loss_by(config, worker_pairs(slice(0, 3))) * 3,
        loss_by(config, worker_pairs(slice(3, 8))) * 5,
    ]

    torch.testing.assert_close(sum(parts) / 8, loss_by(config))


def test_another_step_draws_other_pairs():
    config = replace(CONFIG, kind="pairwise_cosine")

    assert loss_by(config, seed=(5, 6, 7)) == loss_by(config)
    assert loss_by(config, seed=(5, 6, 8)) != loss_by(config)


@pytest.mark.parametrize(
    ("kind", "missing", "message"),
    [
        ("info_nce", "logit_scale", "info_nce needs a model with a logit scale"),
        ("sigmoid", "logit_scale", "sigmoid needs a model with a logit scale"),
        ("sigmoid", "logit_bias", "sigmoid needs a model with a logit scale"),
        ("pairwise_cosine", "seed", "needs a seed"),
    ],
)
def test_what_a_kind_needs_is_asked_for(kind, missing, message):
    with pytest.raises(ValueError, match=message):
        loss_by(replace(CONFIG, kind=kind), **{missing: None})


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("info_nce", "sigmoid")])
def test_other_kinds_need_no_logit_scale(kind):
    config = replace(CONFIG, kind=kind)

    assert torch.equal(loss_by(config, logit_scale=None, logit_bias=None), loss_by(config))


def test_every_kind_of_the_config_is_tested():
    assert set(get_args(LossKind)) == set(KINDS) > set(POOLED)
