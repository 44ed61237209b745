"""The loss that ``loss.kind`` names: from the rows of a global batch to one of the pure losses.

Letters: B pairs of this worker, M pairs of the global batch, D dimensions.
"""

import torch
from torch import Tensor

from seje_ray.config import LossConfig
from seje_ray.distributed.collectives import sum_over_workers
from seje_ray.losses.adamine import adamine
from seje_ray.losses.hinge import Mining, hinge_triplet
from seje_ray.losses.info_nce import info_nce
from seje_ray.losses.pairs import GlobalPairs
from seje_ray.losses.pairwise_cosine import draw_partners, pairwise_cosine
from seje_ray.losses.pairwise_sigmoid import pairwise_sigmoid
from seje_ray.losses.triplet import double_negative_triplet

_MINING: dict[str, Mining] = {
    "hinge_average": "average",
    "hinge_hardest": "hardest",
    "hinge_semi_hard": "semi_hard",
}


def retrieval_loss(
    pairs: GlobalPairs,
    config: LossConfig,
    *,
    logit_scale: Tensor | None,
    logit_bias: Tensor | None,
    seed: tuple[int, ...] | None,
) -> Tensor:
    """Mean over the 2B anchors of this worker of the loss that ``config`` names.

    Weighted by B it averages over the workers to the loss of the global batch. All workers call
    it together: ``adamine`` sums its counts over them.

    Args:
        pairs: Rows of the global batch.
        config: Kind and constants.
        logit_scale: Of kinds "info_nce" and "sigmoid", scalar tensor.
        logit_bias: Of kind "sigmoid", scalar tensor.
        seed: Of kind "pairwise_cosine", the same on all workers.

    Raises:
        ValueError: If what the kind needs is None.
    """
    if config.kind == "pairwise_cosine":
        return _pairwise_cosine(pairs, config, seed)
    if config.kind in ("info_nce", "sigmoid"):
        return _contrastive(pairs, config, logit_scale, logit_bias)
    return _triplets(pairs, config)


def _triplets(pairs: GlobalPairs, config: LossConfig) -> Tensor:
    if config.kind == "adamine":
        return adamine(
            pairs,
            margin=config.adamine.margin,
            semantic_weight=config.adamine.semantic_weight,
            sum_counts=sum_over_workers,
            mining_pool=config.mining_pool,
        )
    if config.kind == "soft_margin":
        return double_negative_triplet(
            pairs,
            scale=config.soft_margin.scale,
            margin=config.soft_margin.margin,
            negatives=config.negatives,
            category_share=config.category_share,
            mining_pool=config.mining_pool,
        )
    return hinge_triplet(
        pairs,
        margin=config.hinge.margin,
        negatives=config.negatives,
        category_share=config.category_share,
        mining=_MINING[config.kind],
        mining_pool=config.mining_pool,
    )


def _contrastive(
    pairs: GlobalPairs, config: LossConfig, scale: Tensor | None, bias: Tensor | None
) -> Tensor:
    if scale is None or (bias is None and config.kind == "sigmoid"):
        raise ValueError(f"loss {config.kind} needs a model with a logit scale, see build_model")
    if config.kind == "info_nce":
        return info_nce(
            pairs,
            logit_scale=scale,
            mining_pool=config.mining_pool,
        )
    assert bias is not None
    return pairwise_sigmoid(
        pairs,
        logit_scale=scale,
        logit_bias=bias,
        mining_pool=config.mining_pool,
    )


def _pairwise_cosine(
    pairs: GlobalPairs, config: LossConfig, seed: tuple[int, ...] | None
) -> Tensor:
    if seed is None:
        raise ValueError("loss pairwise_cosine draws its pairs and needs a seed")
    generator = torch.Generator().manual_seed(hash(seed) % 2**63)
    constants = config.pairwise_cosine
    num_pairs = len(pairs.image_candidates)
    return pairwise_cosine(
        pairs,
        partners=draw_partners(num_pairs, constants.positive_share, generator),
        margin=constants.margin,
    )
