"""A text network of Hugging Face's ``transformers`` as a part of the model, trained or frozen.

Letters: N texts, T tokens, H dimensions of a text vector.
"""

from collections.abc import Mapping
from typing import Any, Literal, assert_never

import torch
from torch import Tensor, nn

from seje_ray.hub import reading_model
from seje_ray.models.hugging_face import build_model, read_model, whole_config

Pooling = Literal["mean", "first", "own"]  # as calibration names it
Training = Literal["full", "lora", "frozen"]


class TextTower(nn.Module):
    """From tokens to a vector per text.

    Args:
        network: Gives states of tokens, and its own pooled vectors where ``pooling`` is own.
        pooling: From the states of a text's tokens to its vector.
        sees_padding: Whether the network takes padding for text, as SigLIP's does.

    Source: docs/method.md, rule 11.2.
    """

    def __init__(self, network: nn.Module, *, pooling: Pooling, sees_padding: bool) -> None:
        super().__init__()
        self.network = network
        self._pooling, self.sees_padding = pooling, sees_padding
        config: Any = network.config
        self.output_dim = int(getattr(config, "projection_size", None) or config.hidden_size)
        self._trained = {n for n, p in network.named_parameters() if p.requires_grad}

    def learns(self, name: str) -> bool:
        """Whether the network's parameter of that name was built to learn."""
        return name in self._trained

    def keep_frozen(self) -> None:
        """Let no parameter learn that was built not to, whatever was said of all of them."""
        for name, parameter in self.network.named_parameters():
            if name not in self._trained:
                parameter.requires_grad_(False)

    def forward(self, tokens: Tensor, num_tokens: Tensor) -> Tensor:
        """Vectors (N, H) of texts, which do not depend on padding but for rounding.

        Args:
            tokens: Shape (N, T), int64, special tokens included.
            num_tokens: Shape (N,), int64 in 1..T; tokens beyond are padding.
        """
        is_token = torch.arange(tokens.shape[1], device=tokens.device) < num_tokens[:, None]
        mask = None if self.sees_padding else is_token.long()
        found = self.network(input_ids=tokens, attention_mask=mask)
        match self._pooling:
            case "own":
                pooled: Tensor = found.pooler_output
                return pooled
            case "first":
                first: Tensor = found.last_hidden_state[:, 0]
                return first
            case "mean":
                weights = is_token[:, :, None].to(found.last_hidden_state)
                means: Tensor = (found.last_hidden_state * weights).sum(1) / weights.sum(1)
                return means
        assert_never(self._pooling)


def build_text_tower(
    config: Mapping[str, Any],
    *,
    pooling: Pooling,
    sees_padding: bool,
    source: str | None,
    training: Training = "full",
    lora_rank: int = 16,
    lora_alpha: int = 32,
    gradient_checkpointing: bool = False,
) -> TextTower:
    """Build a text tower; nothing but ``config`` is needed where its weights come later.

    Args:
        config: Of the network, or of a dual encoder that holds one.
        pooling: See ``TextTower``.
        sees_padding: See there.
        source: Local folder or hub name to take safetensors weights from; None for random ones.
        training: What of it learns: all, low-rank additions to its linear layers, or nothing.
        lora_rank: Of these additions.
        lora_alpha: They are scaled by it over the rank.
        gradient_checkpointing: Compute states again in the backward pass instead of keeping them.

    Raises:
        PublishedModelError: If a package or the weights are missing.

    Source: Hu et al. 2021 (LoRA, arXiv:2106.09685), section 4, by the package peft.
    """
    network = _network(config, source)
    network.config.use_cache = False  # nothing is generated, and recomputing would warn of it
    if pooling != "own":
        network.pooler = None  # never used, and would be a parameter without a gradient
    if gradient_checkpointing:
        enable = getattr(network, "activation_checkpointing_enable", None)  # its name since v5
        (enable or network.gradient_checkpointing_enable)({"use_reentrant": False})
    match training:
        case "full":
            pass
        case "frozen":
            network.requires_grad_(False)
        case "lora":
            network = _with_lora(network, lora_rank, lora_alpha)
        case _:
            assert_never(training)
    return TextTower(network, pooling=pooling, sees_padding=sees_padding)


def _network(config: Mapping[str, Any], source: str | None) -> Any:
    """The text network of a model; that of a dual encoder is one of its parts."""
    known = _without_dropout(whole_config(config))
    if source is None:
        return build_model(known, "text_model")
    whole = read_model(source, known)
    return whole.text_model if "text_config" in known else whole


def _without_dropout(config: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration whose dropouts are 0: their masks would depend on workers and padding."""
    return {
        key: _without_dropout(value)
        if isinstance(value, dict)
        else (0.0 if "dropout" in str(key) and isinstance(value, float) else value)
        for key, value in config.items()
    }


def _with_lora(network: Any, rank: int, alpha: int) -> Any:
    with reading_model("model.text.training lora"):
        from peft import LoraConfig, inject_adapter_in_model  # heavy, and an extra

    settings = LoraConfig(r=rank, lora_alpha=alpha, target_modules="all-linear")
    return inject_adapter_in_model(settings, network)


def text_tower_of(model: nn.Module) -> TextTower | None:
    """The text tower in a model, if it has one."""
    return next((part for part in model.modules() if isinstance(part, TextTower)), None)


@torch.no_grad()
def merge_lora(model: nn.Module) -> None:
    """Put low-rank additions into the weights that they are added to; outputs stay as they are.

    Args:
        model: Changed in place; one without such additions stays as it is.
    """
    for name, layer in list(model.named_modules()):
        adapted: Any = layer  # of peft, which is not there where nothing is adapted
        if hasattr(layer, "lora_A") and hasattr(layer, "get_base_layer"):
            adapted.merge()
            model.set_submodule(name, adapted.get_base_layer())
