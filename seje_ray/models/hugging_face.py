"""Networks as Hugging Face's ``transformers`` publishes them: a local folder, or a hub name.

Safetensors weights alone are read, and no code but that of the library.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor

from seje_ray.hub import PublishedModelError, reading_model


class DualEncoder(NamedTuple):
    """Beside its towers, all that a CLIP or SigLIP has learnt."""

    image_projection: Tensor | None  # (D, F) from the image tower; None where its output is it
    text_projection: Tensor | None  # (D, H) likewise
    logit_scale: float  # one over the temperature
    logit_bias: float | None


def read_config(source: str) -> dict[str, Any]:
    """Configuration of a model, from which it is built without its weights."""
    with reading_model(source, source=source), _quiet():
        from transformers import AutoConfig  # heavy, and an extra

        config: dict[str, Any] = AutoConfig.from_pretrained(source).to_dict()
        return config


def whole_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration with all that it leaves to the library's defaults."""
    with reading_model(str(config.get("model_type"))), _quiet():
        from transformers import AutoConfig

        whole: dict[str, Any] = AutoConfig.for_model(**config).to_dict()
        return whole


def read_preprocessing(source: str) -> dict[str, Any]:
    """How a model's photos are prepared: ``preprocessor_config.json``."""
    with reading_model(source, source=source):
        from transformers.image_processing_base import ImageProcessingMixin

        settings, _ = ImageProcessingMixin.get_image_processor_dict(source)
        return dict(settings)


def read_model(source: str, config: Mapping[str, Any] | None = None) -> Any:
    """A model with its weights, float32.

    Args:
        source: Local folder or hub name.
        config: Instead of its own.
    """
    with reading_model(source, source=source), _quiet():
        from transformers import AutoConfig, AutoModel

        known = None if config is None else AutoConfig.for_model(**config)
        return AutoModel.from_pretrained(
            source, config=known, use_safetensors=True, dtype=torch.float32
        )


def build_model(config: Mapping[str, Any], part: str) -> Any:
    """A network with random weights.

    Args:
        config: Of a model.
        part: ``text_model`` or ``vision_model``: which of its towers, where it has several.
    """
    with reading_model(str(config.get("model_type"))), _quiet():
        from transformers import AutoConfig, AutoModel

        known = AutoConfig.for_model(**config)
        with torch.device("meta"):
            whole = AutoModel.from_config(known)  # type: ignore[no-untyped-call]
        chosen = getattr(whole, part, whole)
        return type(chosen)._from_config(chosen.config)


def read_dual_encoder(source: str) -> DualEncoder:
    """What a CLIP or SigLIP has beside its towers.

    Raises:
        PublishedModelError: If it is no dual encoder, or not there.
    """
    model = read_model(source).requires_grad_(False)
    kind = model.config.model_type
    if kind == "clip":
        return DualEncoder(
            model.visual_projection.weight,
            model.text_projection.weight,
            float(model.logit_scale.exp()),
            None,
        )
    if kind in ("siglip", "siglip2"):
        scale, bias = float(model.logit_scale.exp()), float(model.logit_bias)
        return DualEncoder(None, None, scale, bias)
    raise PublishedModelError(
        f"{source}: expected a dual encoder of kind clip, siglip or siglip2, found {kind}"
    )


@contextmanager
def _quiet() -> Iterator[None]:
    """Within: no bars, and no word of weights that have no place, such as a pooler's."""
    from transformers import logging

    before, has_bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        logging.set_verbosity(before)
        if has_bars:
            logging.enable_progress_bar()  # type: ignore[no-untyped-call]
