"""The section ``model`` of a run file: the shape of the joint-embedding model."""

from dataclasses import dataclass, field
from typing import ClassVar, Literal

from pydantic import ConfigDict

from seje_ray.config.backbone import BackboneConfig
from seje_ray.config.rules import STRICT, require


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipeTransformerConfig:
    """Shape of recipe encoder ``transformer``, alike for title, ingredients and steps."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    dim: int = 256  # width of a transformer
    num_layers: int = 2  # layers of a transformer
    num_heads: int = 4  # attention heads of a layer

    def __post_init__(self) -> None:
        require(
            self,
            (
                "dim",
                self.dim >= 2 and self.dim % 2 == 0 and self.dim % max(1, self.num_heads) == 0,
                f"a multiple of 2 and of num_heads ({self.num_heads})",
            ),
            ("num_layers", self.num_layers >= 1, ">= 1"),
            ("num_heads", self.num_heads >= 1, ">= 1"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelConfig:
    """Shape of the joint-embedding model."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    backbone: BackboneConfig = field(default_factory=BackboneConfig)
    freeze_backbone: bool = False  # train on pooled features, stored by calibrate
    embedding_dim: int = 1024  # D, dimensions of the joint space
    # the paper's LSTM over f_sent beside f_term, or transformers over title, ingredients, steps
    recipe_encoder: Literal["lstm", "transformer"] = "lstm"
    lstm_dim: int = 1024  # state of the recipe LSTM
    recipe_transformer: RecipeTransformerConfig = field(default_factory=RecipeTransformerConfig)
    dropout: float = 0.0  # in [0, 1), before each head's last linear layer
    use_key_terms: bool = True  # false, an ablation: f_term is zero; unused by the transformer
    use_sentences: bool = True  # false, an ablation: f_sent is zero; unused by the transformer
    use_image_category: bool = True  # false, an ablation: f_cat is zero

    def __post_init__(self) -> None:
        require(
            self,
            ("embedding_dim", self.embedding_dim >= 1, ">= 1"),
            ("lstm_dim", self.lstm_dim >= 1, ">= 1"),
            ("dropout", 0 <= self.dropout < 1, "in [0, 1)"),
        )
