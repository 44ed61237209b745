"""Recipes as tokens of a text model, and how that model takes them.

Tokens of a line are stored without special tokens; ``TextFormat`` says which belong around them.

Letters: N lines of all recipes.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

from seje_ray.calibration.recipe_parts import RecipeParts
from seje_ray.calibration.text_model import reading_text_model, text_model_source
from seje_ray.hub import model_file
from seje_ray.integrity import file_hash

COLUMNS = ("title_tokens", "ingredient_tokens", "step_tokens")  # in the order of the parts

Pooling = Literal["mean", "first", "own"]
"""From the states of tokens to one vector: their mean, the first, or the model's own pooling."""

_OWN_POOLING = ("clip", "siglip", "siglip2")  # model types with a text tower that pools itself
_POOLED_LAST = ("siglip", "siglip2")  # of them, those that read the last of a full length
_POOLING_FILE = "1_Pooling/config.json"  # of sentence-transformers
_PROBE = "a"  # a word between the special tokens
_LINE_END = ","


class TokenLimits(NamedTuple):
    """Most tokens of a line, by part."""

    title: int
    ingredient: int
    step: int


class PartTokens(NamedTuple):
    """Tokens of one part of several recipes, one line after the other."""

    tokens: np.ndarray  # (number of tokens,) int32
    line_lengths: list[int]  # of each of the N lines; the tokens together
    counts: list[int]  # lines of each recipe, N together


@dataclass(frozen=True, slots=True)
class TextFormat:
    """How a text model takes texts, and all that builds it without its weights."""

    config: dict[str, Any]  # of the network, as ``transformers`` writes it
    pooling: Pooling
    prefix: tuple[int, ...]  # special tokens before a text
    suffix: tuple[int, ...]  # and after it
    part_end: tuple[int, ...]  # between title, ingredients and steps of one sequence
    line_end: tuple[int, ...]  # between ingredient lines of one sequence
    pad: int  # token of padding
    max_length: int  # most tokens, special ones included
    has_fixed_length: bool  # every text is padded to ``max_length``, and padding is seen

    def to_dict(self) -> dict[str, Any]:
        """Plain data, as a manifest and a checkpoint store it."""
        return json.loads(json.dumps(asdict(self)))  # type: ignore[no-any-return]

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> "TextFormat":
        """Read what ``to_dict`` gave."""
        values: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in stored.items()
        }
        return cls(**values)


class LineTokenizer:
    """The tokenizer of a text model, for single lines.

    Args:
        name: Of the model; see ``text_model_source``.

    Raises:
        PublishedModelError: If it cannot be read.
    """

    def __init__(self, name: str) -> None:
        with reading_text_model(name) as source:
            from transformers import AutoTokenizer  # heavy, and an extra

            self.tokenizer: Any = AutoTokenizer.from_pretrained(source)

    def lines(self, texts: Sequence[str], max_tokens: int) -> list[np.ndarray]:
        """Tokens of each line, int32, at most ``max_tokens``; without special tokens."""
        if not texts:
            return []
        found = self.tokenizer(
            list(texts), add_special_tokens=False, truncation=True, max_length=max_tokens
        )["input_ids"]
        return [np.asarray(tokens, np.int32) for tokens in found]


def part_tokens(
    tokenizer: LineTokenizer, recipes: Sequence[RecipeParts], limits: TokenLimits
) -> list[PartTokens]:
    """Tokens of each part, in the order of ``COLUMNS``."""
    found = []
    for part, limit in enumerate(limits):
        lines = tokenizer.lines([line for recipe in recipes for line in recipe[part]], limit)
        together = np.concatenate([np.empty(0, np.int32), *lines])
        counts = [len(recipe[part]) for recipe in recipes]
        found.append(PartTokens(together, [len(line) for line in lines], counts))
    return found


def text_format_of(name: str) -> TextFormat:
    """Read how the text model ``name`` takes texts; no weights are read.

    Raises:
        PublishedModelError: If it cannot be read.
    """
    tokenizer = LineTokenizer(name).tokenizer
    with reading_text_model(name) as source:
        from transformers import AutoConfig

        config = AutoConfig.from_pretrained(source)
        pooling = _pooling(source, config.model_type)
    text = config.get_text_config()
    prefix, suffix = _special_tokens(tokenizer)
    separator = tokenizer.sep_token_id
    positions = getattr(text, "max_position_embeddings", None) or tokenizer.model_max_length
    pad = tokenizer.pad_token_id
    return TextFormat(
        config=config.to_dict(),
        pooling=pooling,
        prefix=prefix,
        suffix=suffix,
        part_end=(separator,) if separator in suffix else (),
        line_end=tuple(tokenizer(_LINE_END, add_special_tokens=False)["input_ids"]),
        pad=0 if pad is None else int(pad),
        max_length=int(min(tokenizer.model_max_length, positions)),
        has_fixed_length=config.model_type in _POOLED_LAST,
    )


def tokenizer_hash(name: str) -> str:
    """Identity of a tokenizer and its model's configuration: of a folder's files, or the name."""
    folder = Path(text_model_source(name))
    if not folder.is_dir():
        return name
    content = hashlib.sha256()
    is_small = (".json", ".txt", ".model")
    for path in sorted(p for p in folder.iterdir() if p.suffix in is_small):
        content.update(f"{path.name} {file_hash(path)}\n".encode())
    if _is_first_pooled(folder / _POOLING_FILE):  # the mean is as if nothing were said
        content.update(b"first\n")
    return content.hexdigest()


def _special_tokens(tokenizer: Any) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Special tokens that a tokenizer puts before and after a text."""
    bare = tokenizer(_PROBE, add_special_tokens=False)["input_ids"]
    whole = tokenizer(_PROBE)["input_ids"]
    for start in range(len(whole) - len(bare) + 1):
        if whole[start : start + len(bare)] == bare:
            return tuple(whole[:start]), tuple(whole[start + len(bare) :])
    raise ValueError(f"the tokenizer changes {_PROBE!r} between its special tokens")


def _pooling(source: str, model_type: str) -> Pooling:
    """As the model publishes it: its own, or what sentence-transformers stores; else the mean.

    Raises:
        OSError: If that cannot be known of a hub model, which is not cached while no hub answers.
    """
    if model_type in _OWN_POOLING:
        return "own"
    stored = model_file(source, _POOLING_FILE)
    return "first" if stored is not None and _is_first_pooled(stored) else "mean"


def _is_first_pooled(path: Path) -> bool:
    return path.is_file() and bool(json.loads(path.read_text()).get("pooling_mode_cls_token"))
