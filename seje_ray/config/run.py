"""The run file as one frozen dataclass, and the rules that span its sections."""

from dataclasses import dataclass, field
from typing import ClassVar

from pydantic import ConfigDict

from seje_ray.config.backbone import CATEGORIZER
from seje_ray.config.calibrate import CalibrateConfig
from seje_ray.config.data import DataConfig
from seje_ray.config.evaluate import EvaluateConfig
from seje_ray.config.loss import LossConfig
from seje_ray.config.model import ModelConfig
from seje_ray.config.names import NAME_RULE, is_name
from seje_ray.config.rules import STRICT, require
from seje_ray.config.train import TrainConfig
from seje_ray.config.tune import TuneConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class RunConfig:
    """One run: everything that decides its numbers."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    name: str = "seje"  # of runs/NAME, where --run gives no other
    seed: int = 0  # in [0, 2**31), of every random draw
    data: DataConfig = field(default_factory=DataConfig)
    calibrate: CalibrateConfig = field(default_factory=CalibrateConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    train: TrainConfig = field(default_factory=TrainConfig)
    evaluate: EvaluateConfig = field(default_factory=EvaluateConfig)
    tune: TuneConfig = field(default_factory=TuneConfig)

    def __post_init__(self) -> None:
        own, categorizer = self.model.backbone, self.calibrate.image_categorizer
        pixels = ("name", "resize", "crop", "flip", "scales")
        is_same = all(getattr(own, k) == getattr(categorizer.backbone, k) for k in pixels)
        if own.weights == CATEGORIZER and not (self.model.freeze_backbone and is_same):
            raise ValueError(
                "model.backbone.weights categorizer: expected model.freeze_backbone and the name, "
                "resize, crop, flip and scales of calibrate.image_categorizer.backbone, found "
                f"freeze_backbone {self.model.freeze_backbone} and "
                f"{own.name}, {own.resize}, {own.crop}, {own.flip}, {own.scales}"
            )
        several = {"calibrate.image_categorizer": categorizer.backbone}
        if not self.model.freeze_backbone:
            several["model"] = own
        for section, backbone in several.items():
            if len(backbone.views) > 1:
                raise ValueError(
                    f"{section}.backbone.views: expected one view of a network that is trained, "
                    f"found {', '.join(backbone.views)}; several need model.freeze_backbone"
                )
        require(
            self,
            ("name", is_name(self.name), NAME_RULE),
            ("seed", 0 <= self.seed < 2**31, "in [0, 2**31)"),
        )
        if self.model.recipe_encoder == "transformer":
            require(
                self.calibrate,
                (
                    "text_vectors",
                    self.calibrate.text_vectors,
                    "true where model.recipe_encoder is transformer: calibrate with --set "
                    "calibrate.text_vectors=true --set calibrate.text_model=FOLDER_OR_HUB_NAME",
                ),
            )
        if self.model.lexical != "none":
            require(
                self.calibrate.lexical,
                (
                    "enabled",
                    self.calibrate.lexical.enabled,
                    "true where model.lexical is not none: calibrate with --set "
                    "calibrate.lexical.enabled=true",
                ),
            )
        if self.train.partial_texts > 0:
            require(
                self.calibrate,
                (
                    "partial_texts",
                    self.calibrate.partial_texts,
                    "true where train.partial_texts is > 0: calibrate with --set "
                    "calibrate.partial_texts=true",
                ),
            )
        if self.model.recipe_encoder == "text":
            require(
                self.calibrate.text_tokens,
                (
                    "store",
                    self.calibrate.text_tokens.store,
                    "true where model.recipe_encoder is text: calibrate with --set "
                    "calibrate.text_tokens.store=true --set calibrate.text_model=FOLDER_OR_HUB_"
                    "NAME",
                ),
            )
        if self.model.head == "published":
            require_dual_encoder(self)
        if self.model.freeze_backbone:
            require(
                self.train,
                (
                    "micro_batch_size",
                    self.train.micro_batch_size is None,
                    "null where model.freeze_backbone is true",
                ),
            )


def require_dual_encoder(run: RunConfig) -> None:
    """Check that both towers are those of one published model, as they came.

    Raises:
        ValueError: If they are not.
    """
    model, source = run.model, run.calibrate.text_model
    are_one = model.backbone.name == f"transformers/{source}"
    is_text = model.recipe_encoder == "text" and model.text.layout == "sequence"
    if not (are_one and is_text and model.backbone.weights == "download"):
        raise ValueError(
            "model.head published: expected the towers of one dual encoder (model.recipe_encoder "
            "text, model.text.layout sequence, model.backbone.weights download, and "
            "model.backbone.name transformers/X where calibrate.text_model is X; --set "
            f"model.dual_encoder=X sets both), found {model.recipe_encoder}, {model.text.layout}, "
            f"{model.backbone.weights}, {model.backbone.name} and {source}"
        )
