"""The section ``loss``: every constant has a range, and every kind its own constants."""

import json

import pytest

from seje_ray.config import LossConfig, run_from_json
from seje_ray.errors import ConfigError


def loss_of(section):
    return run_from_json(json.dumps({"loss": section}), "a test").loss


def test_defaults_are_the_papers():
    """Kinds beside the default bring the constants of their sources."""
    loss = LossConfig()

    assert (loss.kind, loss.negatives) == ("soft_margin", "both")
    assert (loss.soft_margin.scale, loss.soft_margin.margin) == (16.0, 0.0)
    assert loss.mining_pool is None
    assert (loss.adamine.margin, loss.pairwise_cosine.margin) == (0.3, 0.1)
    assert loss.pairwise_cosine.positive_share == 0.2
    assert (loss.info_nce.logit_scale, loss.info_nce.max_logit_scale) == (1 / 0.07, 100.0)
    assert (loss.sigmoid.logit_scale, loss.sigmoid.logit_bias) == (10.0, -10.0)


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"kind": "triplet"}, "loss.kind: input should be 'soft_margin', 'hinge_average'"),
        ({"soft_margin": {"scale": 0.0}}, "scale must be > 0, got 0.0"),
        ({"soft_margin": {"margin": -0.1}}, r"margin must be in \[0, 2\], got -0.1"),
        ({"soft_margin": {"margin": 2.1}}, r"margin must be in \[0, 2\], got 2.1"),
        ({"mining_pool": 2}, "mining_pool must be >= 3 or null, got 2"),
        ({"mining_pool": 2.5}, "loss.mining_pool"),
        ({"hinge": {"margin": 0.0}}, r"margin must be in \(0, 2\], got 0.0"),
        ({"hinge": {"margin": 2.1}}, r"margin must be in \(0, 2\], got 2.1"),
        ({"adamine": {"margin": 0.0}}, r"margin must be in \(0, 2\], got 0.0"),
        ({"adamine": {"semantic_weight": -0.1}}, "semantic_weight must be >= 0, got -0.1"),
        ({"pairwise_cosine": {"margin": 1.1}}, r"margin must be in \[-1, 1\], got 1.1"),
        ({"pairwise_cosine": {"positive_share": 1.1}}, r"must be in \[0, 1\], got 1.1"),
        ({"info_nce": {"logit_scale": 0.0}}, "logit_scale must be > 0, got 0.0"),
        (
            {"info_nce": {"max_logit_scale": 9.0}},
            r"max_logit_scale must be >= logit_scale \(14.28\d+\), got 9.0",
        ),
        ({"sigmoid": {"logit_scale": -1.0}}, "logit_scale must be > 0, got -1.0"),
        ({"sigmoid": {"temperature": 1.0}}, "loss.sigmoid.temperature: no such setting"),
    ],
)
def test_values_out_of_range_are_named(section, message):
    with pytest.raises(ConfigError, match=message):
        loss_of(section)


@pytest.mark.parametrize(
    "section",
    [
        {"soft_margin": {"margin": 0.0}},
        {"soft_margin": {"margin": 2.0}},
        {"mining_pool": 3},
        {"hinge": {"margin": 2.0}},
        {"adamine": {"margin": 2.0, "semantic_weight": 0.0}},
        {"pairwise_cosine": {"margin": -1.0, "positive_share": 0.0}},
        {"pairwise_cosine": {"margin": 1.0, "positive_share": 1.0}},
        {"info_nce": {"logit_scale": 5.0, "max_logit_scale": 5.0}},
        {"sigmoid": {"logit_bias": 3.0}},
    ],
)
def test_the_ends_of_the_ranges_are_in_them(section):
    loss = loss_of(section)

    for name, value in section.items():
        found = getattr(loss, name)
        if isinstance(value, dict):
            assert {key: getattr(found, key) for key in value} == value
        else:
            assert found == value
