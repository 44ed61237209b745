"""One optimisation step on a global batch: the whole objective, discriminator included.

Letters: B pairs of this worker, M pairs of the global batch, W workers, D dimensions.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import assert_never

import torch
from torch import Tensor, nn

from seje_ray.config import LossConfig
from seje_ray.distributed.collectives import average_gradients, gather_rows, sum_over_workers
from seje_ray.losses.category_alignment import category_alignment, category_weights
from seje_ray.losses.discriminator_alignment import (
    bce_alignment,
    bce_discriminator_loss,
    wgan_alignment,
    wgan_discriminator_loss,
)
from seje_ray.losses.kinds import StepInputs, retrieval_loss
from seje_ray.losses.objective import ObjectiveParts, combine
from seje_ray.losses.pairs import GlobalPairs
from seje_ray.losses.triplet import active_triplet_share
from seje_ray.models.joint_embedding import JointOutput
from seje_ray.random_streams import Stream, torch_seed


@dataclass(frozen=True, slots=True)
class GlobalRows:
    """Place of this worker's rows in the global batch."""

    sizes: tuple[int, ...]  # B of each worker, in the order of their ranks
    rank: int  # of this worker

    @property
    def first(self) -> int:
        """Global number of this worker's first row."""
        return sum(self.sizes[: self.rank])

    @property
    def total(self) -> int:
        """M, rows of the global batch."""
        return sum(self.sizes)

    @property
    def share(self) -> float:
        """``W * B / M``: turns a mean over own rows into this worker's part of the global mean."""
        return len(self.sizes) * self.sizes[self.rank] / self.total


def global_pairs(output: JointOutput, category_ids: Tensor, rows: GlobalRows) -> GlobalPairs:
    """This worker's embeddings beside those of all workers, gradients included.

    Args:
        output: Embeddings (B, D) of this worker's pairs.
        category_ids: (B,), 0 is background.
        rows: Which rows of the global batch they are.
    """
    images, recipes = output.image_embeddings, output.recipe_embeddings
    return GlobalPairs(
        images,
        recipes,
        gather_rows(images, rows.sizes),
        gather_rows(recipes, rows.sizes),
        category_ids,
        gather_rows(category_ids, rows.sizes),
        rows.first,
    )


def objective(
    pairs: GlobalPairs,
    output: JointOutput,
    discriminator: nn.Module,
    rows: GlobalRows,
    config: LossConfig,
    *,
    seed: tuple[int, ...] | None = None,
) -> ObjectiveParts:
    """This worker's part of the objective; its mean over the workers is the global value.

    Args:
        pairs: What ``global_pairs`` makes of the output.
        output: Category logits (B, C) of this worker's pairs, and learnt numbers of the loss.
        discriminator: Scores (B, D) embeddings, where it has a weight; its parameters get no
            gradient here.
        rows: Which rows of the global batch are this worker's.
        config: Kind, weights and constants.
        seed: Of this step, the same on all workers; for a kind that draws.

    Source: docs/method.md, rule 5.1, ``L = L_TRI + lambda1 L_CA + lambda2 L_DA``.
    """
    inputs = StepInputs(logit_scale=output.logit_scale, logit_bias=output.logit_bias, seed=seed)
    retrieval = retrieval_loss(config).function(pairs, inputs)
    weights = category_weights(pairs.candidate_categories, config.background_weight)
    alignment = category_alignment(
        output.image_logits,
        output.recipe_logits,
        pairs.categories,
        background_weight=config.background_weight,
        weight_sum=weights.sum() / len(rows.sizes),
    )
    fooling = torch.zeros_like(retrieval)
    if config.discriminator_weight > 0:
        with _frozen(discriminator):
            fooling = _discriminator_alignment(discriminator(pairs.recipes), config)
    return combine(
        retrieval * rows.share,
        alignment,
        fooling * rows.share,
        category_weight=config.category_weight,
        discriminator_weight=config.discriminator_weight,
    )


def active_share(pairs: GlobalPairs, rows: GlobalRows, config: LossConfig) -> Tensor:
    """This worker's part of the share of active triplets, by the margin of the run's loss.

    Raises:
        ValueError: If the loss has no triplets.
    """
    loss = retrieval_loss(config)
    if loss.margin is None:
        raise ValueError(f"loss {config.kind} has no triplets")
    return rows.share * active_triplet_share(
        pairs, margin=loss.margin, measure=loss.measure, mining_pool=config.mining_pool
    )


def discriminator_step(
    output: JointOutput,
    discriminator: nn.Module,
    optimizer: torch.optim.Optimizer,
    rows: GlobalRows,
    config: LossConfig,
    *,
    seed: tuple[int, ...],
) -> Tensor | None:
    """Train the discriminator for one step; this worker's part of its loss, None without weight.

    The interpolation of the gradient penalty is drawn for the global batch from ``seed``, so
    that each pair gets the same one for any number of workers; ``seed`` is the run's, and the
    keys of the step.
    """
    if config.discriminator_weight == 0:
        return None
    images, recipes = output.image_embeddings.detach(), output.recipe_embeddings.detach()
    match config.discriminator:
        case "wgan_gp":
            loss = wgan_discriminator_loss(
                discriminator,
                images,
                recipes,
                mix=_global_mix(seed, rows, images),
                penalty_weight=config.gradient_penalty,
            )
        case "bce":
            loss = bce_discriminator_loss(discriminator(images), discriminator(recipes))
        case _:
            assert_never(config.discriminator)
    loss = loss * rows.share
    optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    average_gradients(list(discriminator.parameters()))
    optimizer.step()
    return loss.detach()


def step_metrics(
    parts: Mapping[str, Tensor], norms: Mapping[str, Tensor], num_workers: int
) -> dict[str, float]:
    """Numbers of a step for the history, the same on every worker.

    Args:
        parts: Of the objective, this worker's; their means over the workers are told.
        norms: Of the gradients, the same on every worker.
        num_workers: W.
    """
    local = torch.stack([value.detach().double() for value in parts.values()])
    numbers = torch.cat([sum_over_workers(local) / num_workers, torch.stack(list(norms.values()))])
    names = [*parts, *(f"gradient_norm/{name}" for name in norms)]
    return dict(zip(names, numbers.tolist(), strict=True))


def _discriminator_alignment(recipe_scores: Tensor, config: LossConfig) -> Tensor:
    match config.discriminator:
        case "wgan_gp":
            return wgan_alignment(recipe_scores)
        case "bce":
            return bce_alignment(recipe_scores)
        case _:
            assert_never(config.discriminator)


def _global_mix(seed: tuple[int, ...], rows: GlobalRows, like: Tensor) -> Tensor:
    generator = torch.Generator().manual_seed(torch_seed(Stream.GRADIENT_PENALTY, *seed))
    mix = torch.rand(rows.total, 1, generator=generator)
    return mix[rows.first : rows.first + like.shape[0]].to(like)


@contextmanager
def _frozen(module: nn.Module) -> Iterator[None]:
    """Within: the module's parameters take no gradient, its inputs do."""
    module.requires_grad_(False)
    try:
        yield
    finally:
        module.requires_grad_(True)
