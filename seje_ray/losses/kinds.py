"""The retrieval losses of a run file: one table from ``loss.kind`` to all that depends on it.

A kind that the config accepts and this table forgets does not type-check.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar, assert_never

import torch
from torch import Tensor

from seje_ray.config import Dimension, LossConfig
from seje_ray.distributed.collectives import sum_over_workers
from seje_ray.losses.adamine import adamine
from seje_ray.losses.distances import cosine_distances
from seje_ray.losses.hinge import Mining, hinge_triplet
from seje_ray.losses.info_nce import info_nce
from seje_ray.losses.pairs import GlobalPairs
from seje_ray.losses.pairwise_cosine import draw_partners, pairwise_cosine
from seje_ray.losses.pairwise_sigmoid import pairwise_sigmoid
from seje_ray.losses.triplet import double_negative_triplet
from seje_ray.random_streams import Stream, torch_seed

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class StepInputs:
    """Inputs from a training step that a loss may need beside the pairs."""

    logit_scale: Tensor | None = None  # scalar, with gradient
    logit_bias: Tensor | None = None  # scalar, with gradient
    seed: tuple[int, ...] | None = None  # of this step, the same on all workers


@dataclass(frozen=True, slots=True, kw_only=True)
class LearntLogits:
    """Start values of the numbers that make a similarity a logit; see ``models.logit_scale``."""

    scale: float  # > 0
    max_scale: float | None = None  # None for any
    bias: float | None = None  # None for a loss without one


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrievalLoss:
    """One kind of loss with the constants of a run.

    ``function`` is called by all workers together. What it gives, weighted by this worker's B,
    averages over them to the loss of the global batch. It raises a ValueError where the step lacks
    what it asks for.
    """

    function: Callable[[GlobalPairs, StepInputs], Tensor]
    space: Mapping[str, Dimension]  # its default search space, by dotted setting
    margin: float | None = None  # that makes a triplet an active one; None without triplets
    measure: Callable[[Tensor], Tensor] | None = None  # Euclidean distances as ``margin`` has them
    logits: LearntLogits | None = None  # None for a loss that learns no numbers of its own
    mines: bool = False  # whether ``loss.negatives`` says which negatives it takes


def retrieval_loss(config: LossConfig) -> RetrievalLoss:
    """The loss that ``config.kind`` names."""
    match config.kind:
        case "soft_margin":
            return _soft_margin(config)
        case "hinge_average":
            return _hinge(config, "average")
        case "hinge_hardest":
            return _hinge(config, "hardest")
        case "hinge_semi_hard":
            return _hinge(config, "semi_hard")
        case "adamine":
            return _adamine(config)
        case "pairwise_cosine":
            return _pairwise_cosine(config)
        case "info_nce":
            return _info_nce(config)
        case "sigmoid":
            return _sigmoid(config)
        case _:
            assert_never(config.kind)


def _soft_margin(config: LossConfig) -> RetrievalLoss:
    own = config.soft_margin
    return RetrievalLoss(
        function=lambda pairs, _: double_negative_triplet(
            pairs,
            scale=own.scale,
            margin=own.margin,
            negatives=config.negatives,
            category_share=config.category_share,
            mining_pool=config.mining_pool,
        ),
        space={
            "loss.soft_margin.scale": Dimension(log_uniform=(2.0, 64.0)),
            "loss.soft_margin.margin": Dimension(uniform=(0.0, 0.5)),
            **_space_of_negatives(config),
        },
        margin=own.margin,
        mines=True,
    )


def _hinge(config: LossConfig, mining: Mining) -> RetrievalLoss:
    own = config.hinge
    return RetrievalLoss(
        function=lambda pairs, _: hinge_triplet(
            pairs,
            margin=own.margin,
            negatives=config.negatives,
            mining=mining,
            category_share=config.category_share,
            mining_pool=config.mining_pool,
        ),
        space={
            "loss.hinge.margin": Dimension(uniform=(0.05, 1.0)),
            **_space_of_negatives(config),
        },
        margin=own.margin,
        mines=True,
    )


def _adamine(config: LossConfig) -> RetrievalLoss:
    own = config.adamine
    return RetrievalLoss(
        function=lambda pairs, _: adamine(
            pairs,
            margin=own.margin,
            semantic_weight=own.semantic_weight,
            sum_counts=sum_over_workers,
            mining_pool=config.mining_pool,
        ),
        space={
            "loss.adamine.margin": Dimension(uniform=(0.05, 1.0)),
            "loss.adamine.semantic_weight": Dimension(log_uniform=(0.01, 1.0)),
        },
        margin=own.margin,
        measure=cosine_distances,
    )


def _pairwise_cosine(config: LossConfig) -> RetrievalLoss:
    own = config.pairwise_cosine

    def drawn(pairs: GlobalPairs, step: StepInputs) -> Tensor:
        seed = _needed(step.seed, "pairwise_cosine draws its pairs and needs a seed")
        generator = torch.Generator().manual_seed(torch_seed(Stream.LOSS, *seed))
        partners = draw_partners(len(pairs.image_candidates), own.positive_share, generator)
        return pairwise_cosine(pairs, partners=partners, margin=own.margin)

    return RetrievalLoss(
        function=drawn,
        space={
            "loss.pairwise_cosine.margin": Dimension(uniform=(-0.5, 0.5)),
            "loss.pairwise_cosine.positive_share": Dimension(uniform=(0.1, 0.9)),
        },
    )


def _info_nce(config: LossConfig) -> RetrievalLoss:
    own = config.info_nce
    return RetrievalLoss(
        function=lambda pairs, step: info_nce(
            pairs,
            logit_scale=_needed(step.logit_scale, "info_nce needs a model with a logit scale"),
            mining_pool=config.mining_pool,
        ),
        space={"loss.info_nce.logit_scale": Dimension(log_uniform=(2.0, 64.0))},
        logits=LearntLogits(scale=own.logit_scale, max_scale=own.max_logit_scale),
    )


def _sigmoid(config: LossConfig) -> RetrievalLoss:
    own = config.sigmoid
    return RetrievalLoss(
        function=lambda pairs, step: pairwise_sigmoid(
            pairs,
            logit_scale=_needed(step.logit_scale, "sigmoid needs a model with a logit scale"),
            logit_bias=_needed(step.logit_bias, "sigmoid needs a model with a logit bias"),
            mining_pool=config.mining_pool,
        ),
        space={
            "loss.sigmoid.logit_scale": Dimension(log_uniform=(2.0, 64.0)),
            "loss.sigmoid.logit_bias": Dimension(uniform=(-15.0, 0.0)),
        },
        logits=LearntLogits(scale=own.logit_scale, bias=own.logit_bias),
    )


def _space_of_negatives(config: LossConfig) -> dict[str, Dimension]:
    """Dimensions that losses with mined negatives add to their constants."""
    if config.negatives != "both":
        return {}
    return {"loss.category_share": Dimension(uniform=(0.0, 1.0))}


def _needed(found: T | None, otherwise: str) -> T:
    if found is None:
        raise ValueError(f"loss {otherwise}")
    return found
