"""Batches through the model. Letters: B pairs, F pooled features, D joint dimensions."""

import torch
from torch import Tensor, nn

from seje_ray.config import RunConfig
from seje_ray.models.joint_embedding import JointEmbedding, JointOutput
from seje_ray.training.pairs import PairBatch


def forward(model: nn.Module, batch: PairBatch, run: RunConfig) -> JointOutput:
    """Embed a batch; features that an ablation switches off are zero."""
    output = model(batch.images, *_other_inputs(batch, run))
    assert isinstance(output, JointOutput)
    return output


def forward_features(
    model: JointEmbedding, features: Tensor, batch: PairBatch, run: RunConfig
) -> JointOutput:
    """Embed a batch whose pooled image features (B, F) are there; else as ``forward``."""
    return model.embed_features(features, *_other_inputs(batch, run))


def _other_inputs(batch: PairBatch, run: RunConfig) -> tuple[Tensor, ...]:
    """What the model takes besides photos: f_cat, and what its recipe encoder takes."""
    config = run.model

    def used(value: Tensor, is_used: bool) -> Tensor:
        return value if is_used else torch.zeros_like(value)

    f_cat = used(batch.image_category_vectors, config.use_image_category)
    if config.recipe_encoder == "transformer":
        assert batch.texts is not None
        return (f_cat, *batch.texts)
    return (
        f_cat,
        used(batch.sentence_vectors, config.use_sentences),
        batch.num_sentences,
        used(batch.key_term_vectors, config.use_key_terms),
    )


@torch.no_grad()
def embed(model: nn.Module, batch: PairBatch, run: RunConfig) -> tuple[Tensor, Tensor]:
    """Image and recipe embeddings (B, D) of a batch, float32 on the CPU."""
    device = next(model.parameters()).device
    with autocast(run, device):
        output = forward(model, batch.to(device), run)
    return output.image_embeddings.float().cpu(), output.recipe_embeddings.float().cpu()


def autocast(run: RunConfig, device: torch.device) -> torch.autocast:
    """The run's precision, where the device is CUDA."""
    enabled = run.train.precision == "bf16" and device.type == "cuda"
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=enabled)
