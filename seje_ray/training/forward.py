"""Batches through the model. Letters: B pairs, F pooled features, D joint dimensions."""

import torch
from torch import Tensor, nn

from seje_ray.config import RunConfig
from seje_ray.features.inputs import image_category_input, recipe_inputs
from seje_ray.features.model import autocast
from seje_ray.models.joint_embedding import JointEmbedding, JointOutput
from seje_ray.models.recipe_encoder import RecipeInputs
from seje_ray.training.pairs import PairBatch


def forward(model: nn.Module, batch: PairBatch, run: RunConfig) -> JointOutput:
    """Embed a batch; features that an ablation switches off are zero."""
    output = model(batch.images, *_other_inputs(batch, run))
    assert isinstance(output, JointOutput)
    return output


def forward_features(
    model: JointEmbedding, features: Tensor, batch: PairBatch, run: RunConfig
) -> JointOutput:
    """Embed a batch whose pooled image features (B, F) are given; otherwise as ``forward``."""
    return model.embed_features(features, *_other_inputs(batch, run))


def _other_inputs(batch: PairBatch, run: RunConfig) -> tuple[Tensor, RecipeInputs]:
    """Inputs of the model beside the photos: f_cat, and those of its recipe side."""
    return (
        image_category_input(run.model, batch.image_category_vectors),
        recipe_inputs(run.model, batch.recipes),
    )


@torch.no_grad()
def embed(model: nn.Module, batch: PairBatch, run: RunConfig) -> tuple[Tensor, Tensor]:
    """Image and recipe embeddings (B, D) of a batch, float32 on the CPU."""
    device = next(model.parameters()).device
    with autocast(run, device):
        output = forward(model, batch.to(device), run)
    return output.image_embeddings.float().cpu(), output.recipe_embeddings.float().cpu()
