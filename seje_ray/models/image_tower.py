"""The image tower of a published dual encoder. Letters: B photos, F pooled features."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from seje_ray.hub import PublishedModelError
from seje_ray.models.hugging_face import (
    build_model,
    read_config,
    read_model,
)


class ImageTower(nn.Module):
    """From normalised pixels to the pooled features of a CLIP or SigLIP, before its projection.

    Args:
        network: A vision network of ``transformers`` that pools by itself.
    """

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = network
        self.feature_dim = int(network.config.hidden_size)

    def forward(self, pixels: Tensor) -> Tensor:
        """Features (B, F) of (B, 3, side, side)."""
        features: Tensor = self.network(pixel_values=pixels).pooler_output
        return features


def image_tower(
    source: str, config: Mapping[str, Any] | None = None, *, with_weights: bool
) -> ImageTower:
    """Build the image tower of a dual encoder.

    Args:
        source: Local folder or hub name of a CLIP or SigLIP.
        config: Of the whole model; None to read it at its source.
        with_weights: Whether to read its weights; random otherwise, and nothing is read if
            ``config`` is given.

    Raises:
        PublishedModelError: If it is no dual encoder, or not there.
    """
    config = read_config(source) if config is None else config
    if "vision_config" not in config:
        raise PublishedModelError(
            f"{source}: expected a dual encoder of image and text, such as CLIP or SigLIP, found "
            f"{config.get('model_type')}"
        )
    if with_weights:
        return ImageTower(read_model(source, config).vision_model)
    return ImageTower(build_model(config, "vision_model"))
