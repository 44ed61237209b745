"""From a run to the recipe side of its model: which parts there are, and how wide each is."""

from dataclasses import asdict
from typing import Protocol, assert_never

from torch import nn

from seje_ray.config import ModelConfig
from seje_ray.features.inputs import Reads
from seje_ray.models.heads import joint_head
from seje_ray.models.recipe_encoder import KeyTerms, RecipeEncoder, RecipeTower
from seje_ray.models.recipe_lstm import RecipeLstm
from seje_ray.models.recipe_transformer import RecipeTransformer


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


def build_recipe_encoder(model: ModelConfig, dims: RecipeDims) -> RecipeEncoder:
    """The parts that a run names, and a head on all of them.

    Args:
        model: The shape.
        dims: Sizes of the calibrated features.
    """
    tower = _tower(model, dims)
    widths = [] if tower is None else [tower.output_dim]
    key_terms = None
    if Reads.of(model).key_terms:
        key_terms, width = _key_terms(model, dims.word_dim)
        widths.append(width)
    return RecipeEncoder(tower, key_terms, head_of(model, sum(widths)))


def head_of(model: ModelConfig, input_dim: int) -> nn.Module:
    """The head of either side, on ``input_dim`` features."""
    return joint_head(
        model.head,
        input_dim,
        model.embedding_dim,
        hidden_dim=model.head_hidden,
        dropout=model.dropout,
    )


def _tower(model: ModelConfig, dims: RecipeDims) -> RecipeTower | None:
    match model.recipe_encoder:
        case "lstm":
            return RecipeLstm(dims.sentence_dim, model.lstm_dim)
        case "transformer":
            assert dims.text_dim is not None
            shape = asdict(model.recipe_transformer)
            del shape["key_terms"]  # a part of its own
            return RecipeTransformer(dims.text_dim, **shape)
        case "none":
            return None
    assert_never(model.recipe_encoder)


def _key_terms(model: ModelConfig, word_dim: int) -> tuple[nn.Module, int]:
    """What f_term goes through, and how wide it is then; a residual head takes it as it is."""
    match model.head:
        case "projection":
            return KeyTerms(word_dim, model.embedding_dim), model.embedding_dim
        case "residual":
            return nn.Identity(), word_dim
    assert_never(model.head)
