"""From stored tokens of lines to the texts that a text tower takes.

Letters: B recipes, N texts, T tokens.
"""

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple, assert_never

import numpy as np
import torch
from torch import Tensor

from seje_ray.calibration.text_tokens import PartTokens, TextFormat

MULTIPLE = 16  # texts are padded to the next multiple: few shapes, and no worker asks another


class RecipeTokens(NamedTuple):
    """Tokens of the lines of one recipe by part, without special tokens; a part may be empty."""

    title: Sequence[np.ndarray]
    ingredients: Sequence[np.ndarray]
    steps: Sequence[np.ndarray]


class TokenBatch(NamedTuple):
    """Texts as a text tower takes them."""

    tokens: Tensor  # (N, T) int64, special tokens included, padded
    num_tokens: Tensor  # (N,) int64
    num_lines: Tensor  # (B, 3) int64: lines of title, ingredients, steps; N together, or B texts


class TextShape(NamedTuple):
    """How recipes become texts."""

    form: TextFormat
    layout: Literal["sequence", "hierarchical"]
    max_tokens: int  # of a sequence


def token_batch(recipes: Sequence[RecipeTokens], shape: TextShape) -> TokenBatch:
    """Texts of at least one recipe."""
    match shape.layout:
        case "sequence":
            return sequence_batch(recipes, shape.form, max_tokens=shape.max_tokens)
        case "hierarchical":
            return line_batch(recipes, shape.form)
    assert_never(shape.layout)


def recipes_of(parts: Sequence[PartTokens]) -> list[RecipeTokens]:
    """Tokens of each recipe, from those of its parts."""
    return [
        RecipeTokens(*lines) for lines in zip(*(_by_recipe(part) for part in parts), strict=True)
    ]


def _by_recipe(part: PartTokens) -> Iterator[list[np.ndarray]]:
    lines = np.split(part.tokens, np.cumsum(part.line_lengths)[:-1]) if part.line_lengths else []
    start = 0
    for count in part.counts:
        yield lines[start : start + count]
        start += count


def sequence_batch(
    recipes: Sequence[RecipeTokens], form: TextFormat, *, max_tokens: int
) -> TokenBatch:
    """One text per recipe: title, ingredients and steps one after the other, cut at the end.

    Args:
        recipes: At least one.
        form: Of the text model.
        max_tokens: Of a text, special tokens included; at most what the model takes.
    """
    room = min(max_tokens, form.max_length) - len(form.prefix) - len(form.suffix)
    texts = [_between(_joined(recipe, form)[:room], form) for recipe in recipes]
    num_lines = torch.tensor([[len(part) for part in recipe] for recipe in recipes])
    return TokenBatch(*_padded(texts, form), num_lines)


def line_batch(recipes: Sequence[RecipeTokens], form: TextFormat) -> TokenBatch:
    """A text per line, recipe after recipe: its title, its ingredients, its steps.

    A recipe without a line has an empty title.

    Args:
        recipes: At least one.
        form: Of the text model.
    """
    empty = RecipeTokens([np.empty(0, np.int32)], [], [])
    recipes = [recipe if any(map(len, recipe)) else empty for recipe in recipes]
    room = form.max_length - len(form.prefix) - len(form.suffix)
    lines = [line for recipe in recipes for part in recipe for line in part]
    texts = [_between(line.tolist()[:room], form) for line in lines]
    num_lines = torch.tensor([[len(part) for part in recipe] for recipe in recipes])
    return TokenBatch(*_padded(texts, form), num_lines)


def _joined(recipe: RecipeTokens, form: TextFormat) -> list[int]:
    """Tokens of a whole recipe, parts and ingredient lines apart as the model knows it."""
    ingredients: list[int] = []
    for number, line in enumerate(recipe.ingredients):
        ingredients += [*(form.line_end if number else ()), *line.tolist()]
    title = [token for line in recipe.title for token in line.tolist()]
    steps = [token for line in recipe.steps for token in line.tolist()]
    joined: list[int] = []
    for part in filter(None, (title, ingredients, steps)):
        joined += [*(form.part_end if joined else ()), *part]
    return joined


def _between(tokens: Sequence[int], form: TextFormat) -> list[int]:
    return [*form.prefix, *tokens, *form.suffix]


def _padded(texts: Sequence[Sequence[int]], form: TextFormat) -> tuple[Tensor, Tensor]:
    """Texts (N, T) and their numbers of tokens (N,)."""
    lengths = [len(text) for text in texts]
    longest = max([1, *lengths])
    length = min(form.max_length, -(-longest // MULTIPLE) * MULTIPLE)
    tokens = np.full((len(texts), form.max_length if form.has_fixed_length else length), form.pad)
    for target, text in zip(tokens, texts, strict=True):
        target[: len(text)] = text
    return torch.from_numpy(tokens.astype(np.int64)), torch.tensor(lengths, dtype=torch.int64)
