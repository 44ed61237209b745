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
    key_terms: bool = False  # f_term stands beside it, too, unless model.use_key_terms is false

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
class TextTowerConfig:
    """The network of recipe encoder ``text``, which is calibrate.text_model."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    # one text of title, ingredients and steps, or a text per line, below recipe_transformer
    layout: Literal["sequence", "hierarchical"] = "sequence"
    max_tokens: int = 128  # of a sequence; the text model may take fewer
    # what of it learns: all, low-rank additions to its linear layers (LoRA), or nothing
    training: Literal["full", "lora", "frozen"] = "full"
    lora_rank: int = 16  # of these additions; unused without them
    lora_alpha: int = 32  # over lora_rank, what they are scaled by; unused without them
    gradient_checkpointing: bool = False  # less memory for a second forward pass
    key_terms: bool = False  # f_term stands beside it, too, unless model.use_key_terms is false

    def __post_init__(self) -> None:
        require(
            self,
            ("max_tokens", self.max_tokens >= 8, ">= 8"),
            ("lora_rank", self.lora_rank >= 1, ">= 1"),
            ("lora_alpha", self.lora_alpha >= 1, ">= 1"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelConfig:
    """Shape of the joint-embedding model."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    backbone: BackboneConfig = field(default_factory=BackboneConfig)
    # train on pooled features, stored by calibrate; backbone_learning_rate, layer_decay,
    # frozen_blocks, drop_path and augmentation of train are unused then
    freeze_backbone: bool = False
    embedding_dim: int = 1024  # D, dimensions of the joint space
    # what reads a recipe's text: the paper's LSTM over f_sent; transformers over text vectors of
    # title, ingredients, steps; a text network over their tokens; nothing. Beside it stand f_term
    # and the lexical bag
    recipe_encoder: Literal["lstm", "transformer", "text", "none"] = "lstm"
    lstm_dim: int = 1024  # state of the recipe LSTM
    recipe_transformer: RecipeTransformerConfig = field(default_factory=RecipeTransformerConfig)
    text: TextTowerConfig = field(default_factory=TextTowerConfig)
    # the lexical bag of calibrate.lexical beside it: none, with the vectors of its decomposition,
    # or with vectors that are trained from there
    lexical: Literal["none", "fixed", "learnt"] = "none"
    # in [0, 1), share of the bag's terms that a training step leaves out; unused without a bag
    term_dropout: float = 0.0
    # in [0, 1), chance of a whole part of a recipe (text, f_term, bag) to be left out of a training
    # step; one always stays
    part_dropout: float = 0.0
    # last layers of both sides: the paper's linear layer with BatchNorm; a linear map of
    # standardised features and a small network that adds to it; or a linear map that begins as
    # that of the dual encoder whose towers are in use, with its temperature: docs/method.md
    head: Literal["projection", "residual", "published"] = "projection"
    head_hidden: int = 1024  # width of that network; unused by the others
    # in [0, 1), before each linear layer of the heads; unused by head published
    dropout: float = 0.0
    # in [0, 1), share of the similarity that a ridge regression has, from stored photo features to
    # the bag, beside what is learnt; unused unless freeze_backbone is true and lexical fixed
    ridge_share: float = 0.0
    use_key_terms: bool = True  # false: f_term is left out; beside the LSTM it is zero
    use_sentences: bool = True  # false, an ablation: f_sent is zero; of the LSTM alone
    use_image_category: bool = True  # false, an ablation: f_cat is zero

    @property
    def used_ridge_share(self) -> float:
        """``ridge_share`` where the model has what ridge regression goes from and to; else 0."""
        has_both = self.freeze_backbone and self.lexical == "fixed"
        return self.ridge_share if has_both else 0.0

    def __post_init__(self) -> None:
        require(
            self,
            ("embedding_dim", self.embedding_dim >= 1, ">= 1"),
            ("lstm_dim", self.lstm_dim >= 1, ">= 1"),
            ("head_hidden", self.head_hidden >= 1, ">= 1"),
            ("dropout", 0 <= self.dropout < 1, "in [0, 1)"),
            ("term_dropout", 0 <= self.term_dropout < 1, "in [0, 1)"),
            ("part_dropout", 0 <= self.part_dropout < 1, "in [0, 1)"),
            ("ridge_share", 0 <= self.ridge_share < 1, "in [0, 1)"),
            (
                "recipe_encoder",
                self.recipe_encoder != "none" or self.use_key_terms or self.lexical != "none",
                "lstm, transformer or text where use_key_terms is false and lexical is none",
            ),
        )
