"""Every retrieval loss under one signature, with constants that are nobody's default."""

from collections.abc import Callable
from typing import assert_never, get_args

import torch
from torch import Tensor

from seje_ray.config.loss import (
    AdaMineConfig,
    HingeConfig,
    InfoNceConfig,
    LossKind,
    PairwiseCosineConfig,
    SigmoidConfig,
    SoftMarginConfig,
)
from seje_ray.losses.adamine import adamine
from seje_ray.losses.hinge import hinge_triplet
from seje_ray.losses.info_nce import info_nce
from seje_ray.losses.pairwise_cosine import pairwise_cosine
from seje_ray.losses.pairwise_sigmoid import pairwise_sigmoid
from seje_ray.losses.triplet import double_negative_triplet
from tests.unit.losses.worker_pairs import pairs_of

MARGIN = 0.4
SCALE = 7.0  # of the soft margin
SHARE = 0.7  # of category negatives
LOGIT_SCALE, LOGIT_BIAS = 3.0, -1.5
SEMANTIC_WEIGHT = 0.6
POSITIVE_SHARE = 0.8  # of the draw of pairwise_cosine; here its partners are given
SECTIONS = {  # the same constants as sections of a run file
    "soft_margin": SoftMarginConfig(scale=SCALE, margin=MARGIN),
    "hinge": HingeConfig(margin=MARGIN),
    "adamine": AdaMineConfig(margin=MARGIN, semantic_weight=SEMANTIC_WEIGHT),
    "pairwise_cosine": PairwiseCosineConfig(margin=MARGIN, positive_share=POSITIVE_SHARE),
    "info_nce": InfoNceConfig(logit_scale=LOGIT_SCALE, max_logit_scale=40.0),
    "sigmoid": SigmoidConfig(logit_scale=LOGIT_SCALE, logit_bias=LOGIT_BIAS),
}
KINDS: tuple[LossKind, ...] = get_args(LossKind)
POOLED = tuple(kind for kind in KINDS if kind != "pairwise_cosine")


def partners_of(num_pairs: int) -> Tensor:
    """Each third pair meets its own, the others the next but one; swapped modalities agree."""
    rows = torch.arange(num_pairs)
    return torch.where(rows % 3 == 0, rows, (rows + 2) % num_pairs)


def loss_of(
    kind: LossKind,
    images: Tensor,
    recipes: Tensor,
    categories: Tensor,
    *,
    own: slice = slice(None),
    pool: int | None = None,
    negatives: str = "both",
    logit_scale: Tensor | None = None,
    logit_bias: Tensor | None = None,
    partners: Tensor | None = None,
    sum_counts: Callable[[Tensor], Tensor] = lambda counts: counts,
) -> Tensor:
    """Loss of the worker that holds the rows ``own`` of a global batch."""
    pairs = pairs_of(images, recipes, categories, own)
    pooled = {"mining_pool": pool}
    mined = {"negatives": negatives, "category_share": SHARE, **pooled}
    scale = images.new_tensor(LOGIT_SCALE) if logit_scale is None else logit_scale
    bias = images.new_tensor(LOGIT_BIAS) if logit_bias is None else logit_bias
    match kind:
        case "soft_margin":
            return double_negative_triplet(pairs, scale=SCALE, margin=MARGIN, **mined)
        case "hinge_average" | "hinge_hardest" | "hinge_semi_hard":
            mining = kind.removeprefix("hinge_")
            return hinge_triplet(pairs, margin=MARGIN, mining=mining, **mined)
        case "adamine":
            constants = {"margin": MARGIN, "semantic_weight": SEMANTIC_WEIGHT}
            return adamine(pairs, sum_counts=sum_counts, **constants, **pooled)
        case "pairwise_cosine":
            partners = partners_of(len(images)) if partners is None else partners
            return pairwise_cosine(pairs, partners=partners, margin=MARGIN)
        case "info_nce":
            return info_nce(pairs, logit_scale=scale, **pooled)
        case "sigmoid":
            return pairwise_sigmoid(pairs, logit_scale=scale, logit_bias=bias, **pooled)
        case _:
            assert_never(kind)


def unit_pairs(seed: int, num_pairs: int, dim: int = 4) -> tuple[Tensor, Tensor]:
    """Random unit rows, float64; a recipe lies near its image."""
    generator = torch.Generator().manual_seed(seed)
    images, noise = torch.randn(2, num_pairs, dim, generator=generator, dtype=torch.float64)
    unit = torch.nn.functional.normalize
    return unit(images, dim=1), unit(images + 0.7 * noise, dim=1)
