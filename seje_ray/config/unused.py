"""Settings that a run does not read, and so may not be asked for."""

from collections.abc import Iterable, Iterator

from seje_ray.config.run import RunConfig

OF_BACKBONE = (
    "train.backbone_learning_rate",
    "train.layer_decay",
    "train.frozen_blocks",
    "train.drop_path",
    "train.augmentation",
    "train.decode",
)
OF_TEXT = ("train.text_learning_rate", "train.text_layer_decay", "model.text.")
OF_LORA = ("model.text.lora_rank", "model.text.lora_alpha")


def unused_settings(run: RunConfig, settings: Iterable[str]) -> list[str]:
    """What is wrong with asking for the dotted ``settings`` of which ``run`` reads none.

    For what a person asks for by hand: a preset, a search space and a row of an ablation may leave
    a setting without use.
    """
    asked = tuple(settings)
    return [
        f"{name} is unused where {reason}"
        for unused, reason in _unused(run)
        for name in asked
        if (name.startswith(unused) if unused.endswith(".") else name == unused)
    ]


def _unused(run: RunConfig) -> Iterator[tuple[str, str]]:
    """Settings, or sections that end with a dot, that have no effect, each with the reason."""
    model = run.model
    if model.freeze_backbone:
        yield from ((name, "model.freeze_backbone is true") for name in OF_BACKBONE)
    else:
        yield "model.ridge_share", "model.freeze_backbone is false"
    if model.lexical != "fixed":
        yield "model.ridge_share", f"model.lexical is {model.lexical}"
    if model.lexical == "none":
        yield "model.term_dropout", "model.lexical is none"
    if model.recipe_encoder != "text":
        yield from ((name, f"model.recipe_encoder is {model.recipe_encoder}") for name in OF_TEXT)
    elif model.text.training != "lora":
        yield from ((name, f"model.text.training is {model.text.training}") for name in OF_LORA)
    if model.head == "published":
        yield "model.dropout", "model.head is published"
