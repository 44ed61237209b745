"""From a run to the heads of its model, and to the parts that its recipe side is made of."""

from dataclasses import asdict
from typing import Protocol, assert_never

from torch import nn

from seje_ray.calibration.text_tokens import TextFormat
from seje_ray.config import ModelConfig
from seje_ray.distributed.dropout import PartDropout
from seje_ray.features.inputs import Reads
from seje_ray.models.heads import ImageHead, joint_head
from seje_ray.models.lexical_bag import LexicalBag
from seje_ray.models.recipe_encoder import KeyTerms, RecipeEncoder, RecipeTower
from seje_ray.models.recipe_lstm import RecipeLstm
from seje_ray.models.recipe_transformer import RecipeTransformer
from seje_ray.models.ridge import RidgeMap
from seje_ray.models.text_hierarchy import TextHierarchy
from seje_ray.models.text_tower import build_text_tower


class RecipeDims(Protocol):
    """Sizes of what calibration stored of recipes."""

    @property
    def word_dim(self) -> int:
        """E, of f_term."""

    @property
    def sentence_dim(self) -> int:
        """Of f_sent."""

    @property
    def text_dim(self) -> int | None:
        """H, where text vectors are stored."""

    @property
    def num_terms(self) -> int | None:
        """V, where lexical bags are stored."""

    @property
    def lexical_dim(self) -> int | None:
        """L, of the terms' vectors."""

    @property
    def text_format(self) -> TextFormat | None:
        """How the text model takes texts, where tokens are stored."""


def build_recipe_encoder(
    model: ModelConfig, dims: RecipeDims, *, text_source: str | None = None
) -> RecipeEncoder:
    """The parts that a run names, and a head on all of them.

    Args:
        model: The shape.
        dims: Sizes of the calibrated features.
        text_source: Folder or hub name of the weights of a text tower; None for random ones.
    """
    tower = _tower(model, dims, text_source)
    widths = [] if tower is None else [tower.output_dim]
    key_terms = None
    if Reads.of(model).key_terms:
        key_terms, width = _key_terms(model, dims.word_dim)
        widths.append(width)
    lexical, num_ready = _lexical(model, dims), 0
    if lexical is not None:
        num_ready = lexical.output_dim
        widths.append(num_ready)
    parts = PartDropout(widths, model.part_dropout)
    head = _head(model, sum(widths), num_ready, parts)
    return RecipeEncoder(tower, key_terms, head, lexical, model.used_ridge_share)


def build_image_head(
    model: ModelConfig, feature_dim: int, word_dim: int, lexical_dim: int | None = None
) -> ImageHead:
    """The head on pooled features ++ f_cat.

    Args:
        model: The shape.
        feature_dim: F.
        word_dim: E.
        lexical_dim: L, where lexical bags are stored.
    """
    ridge, share = None, model.used_ridge_share
    if share:
        assert lexical_dim is not None
        ridge = RidgeMap(feature_dim, lexical_dim)
    return ImageHead(_head(model, feature_dim + word_dim, 0, None), ridge, share)


def _head(model: ModelConfig, input_dim: int, num_ready: int, parts: nn.Module | None) -> nn.Module:
    return joint_head(
        model.head,
        input_dim,
        model.embedding_dim,
        hidden_dim=model.head_hidden,
        dropout=model.dropout,
        num_ready=num_ready,
        parts=parts,
    )


def _lexical(model: ModelConfig, dims: RecipeDims) -> LexicalBag | None:
    match model.lexical:
        case "none":
            return None
        case "fixed" | "learnt" as kind:
            assert dims.num_terms is not None
            assert dims.lexical_dim is not None
            return LexicalBag(
                dims.num_terms,
                dims.lexical_dim,
                is_learnt=kind == "learnt",
                dropout=model.term_dropout,
            )
    assert_never(model.lexical)


def _tower(model: ModelConfig, dims: RecipeDims, text_source: str | None) -> RecipeTower | None:
    match model.recipe_encoder:
        case "lstm":
            return RecipeLstm(dims.sentence_dim, model.lstm_dim)
        case "transformer":
            assert dims.text_dim is not None
            return _transformer(model, dims.text_dim)
        case "text":
            assert dims.text_format is not None
            return _text_tower(model, dims.text_format, text_source)
        case "none":
            return None
    assert_never(model.recipe_encoder)


def _transformer(model: ModelConfig, text_dim: int) -> RecipeTransformer:
    shape = asdict(model.recipe_transformer)
    del shape["key_terms"]  # a part of its own
    return RecipeTransformer(text_dim, **shape)


def _text_tower(model: ModelConfig, form: TextFormat, source: str | None) -> RecipeTower:
    config = model.text
    tower = build_text_tower(
        form.config,
        pooling=form.pooling,
        sees_padding=form.has_fixed_length,
        source=source,
        training=config.training,
        lora_rank=config.lora_rank,
        lora_alpha=config.lora_alpha,
        gradient_checkpointing=config.gradient_checkpointing,
    )
    match config.layout:
        case "sequence":
            return tower
        case "hierarchical":
            return TextHierarchy(tower, _transformer(model, tower.output_dim))
    assert_never(config.layout)


def _key_terms(model: ModelConfig, word_dim: int) -> tuple[nn.Module, int]:
    """What f_term goes through, and how wide it is then; only a projection wants it prepared."""
    match model.head:
        case "projection":
            return KeyTerms(word_dim, model.embedding_dim), model.embedding_dim
        case "residual" | "published":
            return nn.Identity(), word_dim
    assert_never(model.head)
