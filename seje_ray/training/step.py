"""One optimisation step on a global batch: the whole objective, discriminator included.

Letters: B pairs of this worker, M pairs of the global batch, W workers, D dimensions.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from seje_ray.config import LossConfig
from seje_ray.distributed.collectives import average_gradients, gather_rows
from seje_ray.losses.category_alignment import category_alignment, category_weights
from seje_ray.losses.discriminator_alignment import (
    bce_alignment,
    bce_discriminator_loss,
    wgan_alignment,
    wgan_discriminator_loss,
)
from seje_ray.losses.objective import ObjectiveParts, combine
from seje_ray.losses.pairs import GlobalPairs
from seje_ray.losses.triplet import active_triplet_share
from seje_ray.models.joint_embedding import JointOutput
from seje_ray.training.pairs import PairBatch
from seje_ray.training.retrieval_loss import retrieval_loss


@dataclass(frozen=True, slots=True)
class Place:
    """Where this worker's rows lie in the global batch."""

    first: int  # global number of the first row
    share: float  # W * B / M: turns a local mean into this worker's part of the global mean
    sizes: tuple[int, ...]

    @classmethod
    def of(cls, batch: PairBatch, rank: int) -> "Place":
        """Place of ``batch`` on worker ``rank``."""
        sizes = batch.sizes
        return cls(sum(sizes[:rank]), len(sizes) * sizes[rank] / sum(sizes), sizes)


def objective(
    output: JointOutput,
    category_ids: Tensor,
    discriminator: nn.Module,
    place: Place,
    config: LossConfig,
    *,
    seed: tuple[int, ...] | None = None,
) -> ObjectiveParts:
    """This worker's part of the objective; its mean over the workers is the global value.

    Args:
        output: Embeddings (B, D) and category logits (B, C) of this worker's pairs.
        category_ids: (B,), 0 is background.
        discriminator: Scores (B, D) embeddings; its parameters get no gradient here.
        place: Where the rows lie in the global batch.
        config: Kind, weights and constants.
        seed: Of this step, the same on all workers; for a kind that draws.

    Source: docs/method.md, rule 5.1, ``L = L_TRI + lambda1 L_CA + lambda2 L_DA``.
    """
    images, recipes = output.image_embeddings, output.recipe_embeddings
    pairs = GlobalPairs(
        images,
        recipes,
        gather_rows(images, place.sizes),
        gather_rows(recipes, place.sizes),
        category_ids,
        gather_rows(category_ids, place.sizes),
        place.first,
    )
    retrieval = retrieval_loss(
        pairs,
        config,
        logit_scale=output.logit_scale,
        logit_bias=output.logit_bias,
        seed=seed,
    )
    weights = category_weights(pairs.candidate_categories, config.background_weight)
    alignment = category_alignment(
        output.image_logits,
        output.recipe_logits,
        category_ids,
        background_weight=config.background_weight,
        weight_sum=weights.sum() / len(place.sizes),
    )
    with _frozen(discriminator):
        scores = discriminator(recipes)
    fool = wgan_alignment if config.discriminator == "wgan_gp" else bce_alignment
    return combine(
        retrieval * place.share,
        alignment,
        fool(scores) * place.share,
        active_triplet_share(
            pairs, margin=config.soft_margin.margin, mining_pool=config.mining_pool
        ) * place.share,
        category_weight=config.category_weight,
        discriminator_weight=config.discriminator_weight,
    )  # fmt: skip


def discriminator_step(
    output: JointOutput,
    discriminator: nn.Module,
    optimizer: torch.optim.Optimizer,
    place: Place,
    config: LossConfig,
    *,
    seed: tuple[int, ...],
) -> Tensor:
    """Train the discriminator for one step; return this worker's part of its loss.

    The interpolation of the gradient penalty is drawn for the global batch from ``seed``, so
    that each pair gets the same one for any number of workers.
    """
    images, recipes = output.image_embeddings.detach(), output.recipe_embeddings.detach()
    if config.discriminator == "wgan_gp":
        mix = _global_mix(seed, place, images)
        loss = wgan_discriminator_loss(
            discriminator, images, recipes, mix=mix, penalty_weight=config.gradient_penalty
        )
    else:
        loss = bce_discriminator_loss(discriminator(images), discriminator(recipes))
    loss = loss * place.share
    optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    average_gradients(list(discriminator.parameters()))
    optimizer.step()
    return loss.detach()


def _global_mix(seed: tuple[int, ...], place: Place, like: Tensor) -> Tensor:
    generator = torch.Generator().manual_seed(hash(seed) % 2**63)
    mix = torch.rand(sum(place.sizes), 1, generator=generator)
    return mix[place.first : place.first + like.shape[0]].to(like)


class _frozen:  # noqa: N801 (a context manager reads as a verb)
    """Within: the module's parameters take no gradient, its inputs do."""

    def __init__(self, module: nn.Module) -> None:
        self._parameters = list(module.parameters())

    def __enter__(self) -> None:
        for parameter in self._parameters:
            parameter.requires_grad_(False)

    def __exit__(self, *_: object) -> None:
        for parameter in self._parameters:
            parameter.requires_grad_(True)
