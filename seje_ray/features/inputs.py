"""From the features of photos and recipes to what the model takes, in training and for a query.

Letters: B recipes, S instruction steps, L lines of a part of a recipe, E word-vector dimensions,
H text-vector dimensions.
"""

from collections.abc import Sequence
from typing import NamedTuple, assert_never

import numpy as np
import torch
from torch import Tensor

from seje_ray.config import ModelConfig


class TextBatch(NamedTuple):
    """Vectors of a recipe's parts, and how many of each count; zero beyond them."""

    title_vectors: Tensor  # (B, L, H)
    num_titles: Tensor  # (B,) int64, 0 or 1
    ingredient_vectors: Tensor  # (B, L, H)
    num_ingredients: Tensor  # (B,) int64
    step_vectors: Tensor  # (B, L, H)
    num_steps: Tensor  # (B,) int64


class LstmFeatures(NamedTuple):
    """Inputs of the paper's recipe encoder; zero beyond ``num_sentences``."""

    sentence_vectors: Tensor  # f_sent, (B, S, sentence dimensions)
    num_sentences: Tensor  # (B,) int64
    key_term_vectors: Tensor  # f_term, (B, E)


def image_category_input(model: ModelConfig, vectors: Tensor) -> Tensor:
    """f_cat (B, E) as the image head takes it: zero where an ablation switches it off."""
    return _used(vectors, model.use_image_category)


def recipe_inputs(
    model: ModelConfig, features: LstmFeatures | None, texts: TextBatch | None
) -> tuple[Tensor, ...]:
    """Inputs of the recipe encoder: the features of its kind, zero if an ablation says so.

    Args:
        model: Says which recipe encoder there is.
        features: For the LSTM.
        texts: For the transformer.
    """
    match model.recipe_encoder:
        case "lstm":
            assert features is not None
            return (
                _used(features.sentence_vectors, model.use_sentences),
                features.num_sentences,
                _used(features.key_term_vectors, model.use_key_terms),
            )
        case "transformer":
            assert texts is not None
            return texts
    assert_never(model.recipe_encoder)


def _used(values: Tensor, is_used: bool) -> Tensor:
    return values if is_used else torch.zeros_like(values)


def stacked(rows: Sequence[np.ndarray]) -> Tensor:
    """Equally long vectors as one float32 tensor (rows, length)."""
    return torch.from_numpy(np.stack(rows).astype(np.float32))


def padded(rows: Sequence[np.ndarray]) -> tuple[Tensor, Tensor]:
    """Vectors padded with zeros to the longest recipe, at least one; and how many count."""
    longest = max([1, *(len(row) for row in rows)])
    together = np.zeros((len(rows), longest, rows[0].shape[1]), dtype=np.float32)
    for target, row in zip(together, rows, strict=True):
        target[: len(row)] = row
    lengths = torch.tensor([len(row) for row in rows], dtype=torch.int64)
    return torch.from_numpy(together), lengths
