"""A joint embedding that begins as the dual encoder whose towers it has."""

import math

import torch

from seje_ray.config import RunConfig
from seje_ray.errors import ConfigError
from seje_ray.models.heads import PublishedHead
from seje_ray.models.hugging_face import read_config, read_dual_encoder, whole_config
from seje_ray.models.joint_embedding import JointEmbedding
from seje_ray.models.text_tower import TextTower


def require_published_shape(run: RunConfig) -> None:
    """Compare a run that begins as a dual encoder with its configuration; no weights are read.

    So hours of calibration do not end in a training that is refused.

    Raises:
        ConfigError: If the joint space has other dimensions than the dual encoder's, or photos
            another size than its image tower takes.
        PublishedModelError: If the dual encoder is not there.
    """
    if run.model.head != "published":
        return
    source = str(run.calibrate.text_model)
    config = whole_config(read_config(source))
    vision = config.get("vision_config", {})
    dim = config["projection_dim"] if config["model_type"] == "clip" else vision.get("hidden_size")
    wanted = {
        "model.embedding_dim": (dim, run.model.embedding_dim),
        "model.backbone.crop": (vision.get("image_size"), run.model.backbone.crop),
    }
    faults = [
        f"{key}: expected {expected}, as the dual encoder has, found {found}"
        for key, (expected, found) in wanted.items()
        if expected not in (None, found)
    ]
    if faults:
        raise ConfigError(f"{source}: {'; '.join(faults)}; give it with --set")


@torch.no_grad()
def begin_as_published(model: JointEmbedding, source: str, feature_dim: int) -> None:
    """Take over the projections, and the temperature and bias where the loss has them.

    Before the first step the model is the published one, zero-shot.

    Args:
        model: With its towers.
        source: Local folder or hub name of the dual encoder.
        feature_dim: F, of its image tower.

    Raises:
        ConfigError: If the joint space has other dimensions than the dual encoder's.
        PublishedModelError: If ``source`` is no dual encoder, or not there.

    Source: docs/method.md, rule 11.3.
    """
    found = read_dual_encoder(source)
    tower = model.recipe_encoder.tower
    assert isinstance(tower, TextTower)
    sides = (
        (model.image_head.projection, found.image_projection, feature_dim),
        (model.recipe_encoder.projection, found.text_projection, tower.output_dim),
    )
    for head, projection, tower_dim in sides:
        assert isinstance(head, PublishedHead)
        try:
            head.begin_as(projection, tower_dim)
        except ValueError as error:
            raise ConfigError(f"{source}: {error}") from error
    scale = model.logit_scale
    if scale is None:
        return
    scale.log_scale.fill_(math.log(found.logit_scale))
    if scale.bias is not None and found.logit_bias is not None:
        scale.bias.fill_(found.logit_bias)
