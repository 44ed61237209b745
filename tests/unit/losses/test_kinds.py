"""``loss.kind`` and its constants reach the pure losses."""

import pytest
import torch

from seje_ray.config import LossConfig
from seje_ray.losses.kinds import LearntLogits, StepInputs, retrieval_loss
from seje_ray.losses.pairwise_cosine import draw_partners
from seje_ray.random_streams import Stream, torch_seed
from tests.unit.losses.every_loss import (
    KINDS,
    LOGIT_BIAS,
    LOGIT_SCALE,
    POSITIVE_SHARE,
    SECTIONS,
    SHARE,
    loss_of,
    unit_pairs,
)
from tests.unit.losses.worker_pairs import pairs_of

IDS = torch.tensor([1, 1, 2, 0, 2, 1, 2, 0])
SEED = (5, 6, 7)


def section_of(kind):
    """The section of ``LossConfig`` that holds the constants of a kind."""
    return "hinge" if kind.startswith("hinge_") else kind


def config_of(kind, **changed):
    """A run whose other kinds have their defaults for constants."""
    section = section_of(kind)
    own = {section: SECTIONS[section]}
    return LossConfig(kind=kind, category_share=SHARE, **own, **changed)


def worker_pairs(own=slice(0, 8)):
    return pairs_of(*unit_pairs(0, 8), IDS, own)


def loss_by(config, pairs=None, **changed):
    given = {
        "logit_scale": torch.tensor(LOGIT_SCALE),
        "logit_bias": torch.tensor(LOGIT_BIAS),
        "seed": SEED,
    }
    inputs = StepInputs(**(given | changed))
    return retrieval_loss(config).function(pairs or worker_pairs(), inputs)


@pytest.mark.parametrize("pool", [None, 4])
@pytest.mark.parametrize("negatives", ["category", "both"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_constant_reaches_its_loss(kind, negatives, pool):
    generator = torch.Generator().manual_seed(torch_seed(Stream.LOSS, *SEED))
    partners = draw_partners(8, POSITIVE_SHARE, generator)

    found = loss_by(config_of(kind, negatives=negatives, mining_pool=pool))

    expected = loss_of(
        kind, *unit_pairs(0, 8), IDS, pool=pool, negatives=negatives, partners=partners
    )
    assert torch.equal(found, expected)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "adamine"])
def test_a_worker_asks_for_its_own_rows(kind):
    """Means of two workers, weighted by their rows, are the whole; AdaMine's: test_step.py."""
    config = config_of(kind)

    parts = [
        loss_by(config, worker_pairs(slice(0, 3))) * 3,
        loss_by(config, worker_pairs(slice(3, 8))) * 5,
    ]

    torch.testing.assert_close(sum(parts) / 8, loss_by(config))


def test_another_step_draws_other_pairs():
    config = config_of("pairwise_cosine")

    assert loss_by(config, seed=(5, 6, 7)) == loss_by(config)
    assert loss_by(config, seed=(5, 6, 8)) != loss_by(config)


@pytest.mark.parametrize(
    ("kind", "missing", "message"),
    [
        ("info_nce", "logit_scale", "info_nce needs a model with a logit scale"),
        ("sigmoid", "logit_scale", "sigmoid needs a model with a logit scale"),
        ("sigmoid", "logit_bias", "sigmoid needs a model with a logit bias"),
        ("pairwise_cosine", "seed", "needs a seed"),
    ],
)
def test_what_a_kind_needs_is_asked_for(kind, missing, message):
    with pytest.raises(ValueError, match=message):
        loss_by(config_of(kind), **{missing: None})


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("info_nce", "sigmoid")])
def test_other_kinds_need_no_logit_scale(kind):
    config = config_of(kind)

    assert torch.equal(loss_by(config, logit_scale=None, logit_bias=None), loss_by(config))


@pytest.mark.parametrize("kind", KINDS)
def test_a_search_changes_what_the_kind_reads(kind):
    """Constants of its own section; how category negatives weigh, where the kind mines them."""
    mines = kind == "soft_margin" or kind.startswith("hinge_")

    for negatives in ("instance", "category", "both"):
        found = set(retrieval_loss(config_of(kind, negatives=negatives)).space)
        own = {key for key in found if key.startswith(f"loss.{section_of(kind)}.")}
        assert own
        is_weighed = mines and negatives == "both"
        assert found - own == ({"loss.category_share"} if is_weighed else set())


@pytest.mark.parametrize("kind", KINDS)
def test_numbers_that_are_learnt_begin_at_the_constants(kind):
    starts = {
        "info_nce": LearntLogits(scale=LOGIT_SCALE, max_scale=40.0),
        "sigmoid": LearntLogits(scale=LOGIT_SCALE, bias=LOGIT_BIAS),
    }

    assert retrieval_loss(config_of(kind)).logits == starts.get(kind)


def test_an_unknown_kind_is_never_another_one():
    """A check of types finds what forgets one; at run time it is an error too."""
    with pytest.raises(AssertionError, match="cosine_face"):
        retrieval_loss(LossConfig(kind="cosine_face"))
