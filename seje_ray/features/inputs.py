"""From the features of photos and recipes to what the model takes, in training and for a query.

Letters: B recipes, S instruction steps, L lines of a part of a recipe, E word-vector dimensions,
H text-vector dimensions.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, assert_never

import numpy as np
import torch
from torch import Tensor

from seje_ray.calibration.text_tokens import TextFormat
from seje_ray.config import ModelConfig
from seje_ray.features.tokens import TextShape, TokenBatch
from seje_ray.models.recipe_encoder import Bags, RecipeInputs


class TextBatch(NamedTuple):
    """Vectors of a recipe's parts, and how many of each count; zero beyond them."""

    title_vectors: Tensor  # (B, L, H)
    num_titles: Tensor  # (B,) int64, 0 or 1
    ingredient_vectors: Tensor  # (B, L, H)
    num_ingredients: Tensor  # (B,) int64
    step_vectors: Tensor  # (B, L, H)
    num_steps: Tensor  # (B,) int64


class Sentences(NamedTuple):
    """Sentence vectors of recipes; zero beyond ``num_sentences``."""

    vectors: Tensor  # f_sent, (B, S, sentence dimensions)
    num_sentences: Tensor  # (B,) int64


class RecipeFeatures(NamedTuple):
    """What calibration gives of recipes; nothing where the recipe side does not read it."""

    sentences: Sentences | None = None
    texts: TextBatch | None = None
    key_term_vectors: Tensor | None = None  # f_term, (B, E)
    bags: Bags | None = None
    tokens: TokenBatch | None = None


class Reads(NamedTuple):
    """Which features of recipes a model reads."""

    sentences: bool = True
    texts: bool = False
    key_terms: bool = True
    lexical: bool = False
    tokens: bool = False

    @classmethod
    def of(cls, model: ModelConfig) -> "Reads":
        """Those that a model reads."""
        lexical = model.lexical != "none"
        match model.recipe_encoder:
            case "lstm":  # without f_term, an ablation, it is zero
                return cls(lexical=lexical)
            case "transformer":
                key_terms = model.use_key_terms and model.recipe_transformer.key_terms
                return cls(sentences=False, texts=True, key_terms=key_terms, lexical=lexical)
            case "text":
                key_terms = model.use_key_terms and model.text.key_terms
                return cls(sentences=False, key_terms=key_terms, lexical=lexical, tokens=True)
            case "none":
                return cls(sentences=False, key_terms=model.use_key_terms, lexical=lexical)
        assert_never(model.recipe_encoder)


READS_OF_LSTM = Reads()


def text_shape_of(model: ModelConfig, facts: Mapping[str, Any]) -> TextShape | None:
    """How the recipe side takes recipes as texts; None if it takes none.

    Args:
        model: The shape.
        facts: Of the calibrated artifact.
    """
    if not Reads.of(model).tokens:
        return None
    form = TextFormat.from_dict(facts["text_format"])
    return TextShape(form, model.text.layout, model.text.max_tokens)


def image_category_input(model: ModelConfig, vectors: Tensor) -> Tensor:
    """f_cat (B, E) as the image head takes it: zero where an ablation switches it off."""
    return _used(vectors, model.use_image_category)


def recipe_inputs(model: ModelConfig, features: RecipeFeatures) -> RecipeInputs:
    """What the recipe side takes of the features; zero if an ablation says so."""
    key_term_vectors = None
    if Reads.of(model).key_terms:
        assert features.key_term_vectors is not None
        key_term_vectors = _used(features.key_term_vectors, model.use_key_terms)
    return RecipeInputs(_tower_inputs(model, features), key_term_vectors, features.bags)


def _tower_inputs(model: ModelConfig, features: RecipeFeatures) -> tuple[Tensor, ...]:
    match model.recipe_encoder:
        case "lstm":
            assert features.sentences is not None
            vectors, num_sentences = features.sentences
            return _used(vectors, model.use_sentences), num_sentences
        case "transformer":
            assert features.texts is not None
            return features.texts
        case "text":
            assert features.tokens is not None
            tokens, num_tokens, num_lines = features.tokens
            has_lines = model.text.layout == "hierarchical"
            return (tokens, num_tokens, num_lines) if has_lines else (tokens, num_tokens)
        case "none":
            return ()
    assert_never(model.recipe_encoder)


def _used(values: Tensor, is_used: bool) -> Tensor:
    return values if is_used else torch.zeros_like(values)


def moved(value: Any, device: torch.device) -> Any:
    """Copy the tensors in nested tuples to ``device``; whatever else is in them stays.

    Asynchronously from pinned memory where the device is CUDA and they are not there.
    """
    if isinstance(value, Tensor):
        is_sent = device.type == "cuda" and value.device.type == "cpu"
        pinned = value.pin_memory() if is_sent else value
        return pinned.to(device, non_blocking=True)
    if isinstance(value, tuple):
        parts = [moved(part, device) for part in value]
        return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
    return value


def stacked(rows: Sequence[np.ndarray]) -> Tensor:
    """Equally long vectors as one float32 tensor (rows, length)."""
    return torch.from_numpy(np.stack(rows, dtype=np.float32))


def padded(rows: Sequence[np.ndarray]) -> tuple[Tensor, Tensor]:
    """Vectors padded with zeros to the longest recipe, at least one; and how many count."""
    longest = max([1, *(len(row) for row in rows)])
    together = np.zeros((len(rows), longest, rows[0].shape[1]), dtype=np.float32)
    for target, row in zip(together, rows, strict=True):
        target[: len(row)] = row
    lengths = torch.tensor([len(row) for row in rows], dtype=torch.int64)
    return torch.from_numpy(together), lengths


def padded_bags(terms: Sequence[np.ndarray], weights: Sequence[np.ndarray]) -> Bags:
    """Bags padded to the longest recipe, at least one, with term 0 of weight 0.

    Args:
        terms: Numbers of each recipe's terms.
        weights: One per term.
    """
    width = max([1, *(len(own) for own in terms)])
    numbers = np.zeros((len(terms), width), np.int64)
    values = np.zeros((len(terms), width), np.float32)
    for row, (own, weight) in enumerate(zip(terms, weights, strict=True)):
        numbers[row, : len(own)], values[row, : len(own)] = own, weight
    return Bags(torch.from_numpy(numbers), torch.from_numpy(values))
