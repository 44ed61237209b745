"""What reads a recipe's text: an LSTM, transformers over lines, or a published text network.

One recipe at a time, so nothing is padded. Letters: L lines of a part, T tokens, H dimensions of a
line's vector, W width of a transformer.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .heads import Weights, part

LONGEST_WAVE = 10_000.0  # of the position waves


def lstm_of(weights: Weights, name: str, *, bidirectional: bool = False) -> nn.LSTM:
    """An LSTM with the weights below ``name``."""
    own = part(weights, name)
    size, hidden = own["weight_ih_l0"].shape[1], own["weight_hh_l0"].shape[1]
    with torch.device("meta"):
        lstm = nn.LSTM(size, hidden, batch_first=True, bidirectional=bidirectional)
    lstm.load_state_dict(own, assign=True)
    return lstm.requires_grad_(False).eval()


class SentenceLstm:
    """f_sent: the state of an LSTM after the last word of an instruction.

    Args:
        words: Of its vocabulary, the first ones special.
        weights: ``embedding`` and ``encoder``.
        max_tokens: Of a sentence.
    """

    def __init__(self, words: Sequence[str], weights: Weights, max_tokens: int) -> None:
        self._numbers = {word: number for number, word in enumerate(words)}
        self._vectors, self._encoder = weights["embedding.weight"], lstm_of(weights, "encoder")
        self._max_tokens = max_tokens

    def vector(self, tokens: Sequence[str]) -> Tensor:
        """Of a sentence, (dimensions,)."""
        numbers = [self._numbers.get(token, 1) for token in tokens[: self._max_tokens]] or [1]
        _, (state, _) = self._encoder(self._vectors[numbers][None])
        last: Tensor = state[0, 0]
        return last


class SentencesLstm:
    """An LSTM over f_sent. ``weights`` of it."""

    def __init__(self, weights: Weights) -> None:
        self._lstm = lstm_of(weights, "lstm")

    def row(self, sentences: Tensor) -> Tensor:
        """State (1, dimensions) after the last of some vectors (S, H); zero without any."""
        if not len(sentences):
            return sentences.new_zeros(1, self._lstm.hidden_size)
        _, (state, _) = self._lstm(sentences[None])
        last: Tensor = state[0]
        return last


class PartTransformers:
    """A transformer for each of title, ingredients and steps, over the vectors of their lines."""

    def __init__(self, weights: Weights, num_heads: int) -> None:
        self._parts = [part(weights, name) for name in ("title", "ingredients", "steps")]
        self._num_heads = num_heads

    def row(self, parts: Sequence[Tensor]) -> Tensor:
        """Summaries side by side (1, 3 W) of the parts' lines, each (L, H)."""
        rows = [
            self._summary(weights, lines, is_ordered=number == 2)
            for number, (weights, lines) in enumerate(zip(self._parts, parts, strict=True))
        ]
        return torch.cat(rows)[None]

    def _summary(self, w: Weights, vectors: Tensor, *, is_ordered: bool) -> Tensor:
        lines = F.linear(vectors, w["linear.weight"], w["linear.bias"])
        if is_ordered:
            lines = lines + _position_waves(*lines.shape).to(lines)
        rows = torch.cat([w["summary"][None], lines])  # (L + 1, W)
        for number in range(sum(name.endswith(".output.weight") for name in w)):
            rows = self._block(part(w, f"blocks.{number}"), rows)
        return F.layer_norm(rows[0], rows.shape[1:], w["norm.weight"])

    def _block(self, w: Weights, rows: Tensor) -> Tensor:
        normed = _layer_norm(w, "attention_norm", rows)
        heads = F.linear(normed, w["inputs.weight"], w["inputs.bias"])
        queries, keys, values = heads.view(len(rows), 3, self._num_heads, -1).permute(1, 2, 0, 3)
        seen = F.scaled_dot_product_attention(queries, keys, values).transpose(0, 1)
        rows = rows + F.linear(seen.reshape(rows.shape), w["output.weight"], w["output.bias"])
        hidden = F.linear(_layer_norm(w, "mlp_norm", rows), w["mlp.0.weight"], w["mlp.0.bias"])
        return rows + F.linear(F.gelu(hidden), w["mlp.2.weight"], w["mlp.2.bias"])


def _layer_norm(w: Weights, name: str, rows: Tensor) -> Tensor:
    return F.layer_norm(rows, rows.shape[1:], w[f"{name}.weight"], w[f"{name}.bias"])


def _position_waves(length: int, dim: int) -> Tensor:
    waves = LONGEST_WAVE ** -(torch.arange(dim // 2) / (dim // 2))
    angles = torch.arange(length)[:, None] * waves
    return torch.cat([angles.sin(), angles.cos()], dim=1)


class TextNetwork:
    """A text network of transformers that was trained with the model, and its tokenizer.

    Args:
        settings: ``config`` of the network, ``pooling``, ``format`` of texts and ``limits`` of
            tokens.
        weights: Of the network.
        folder: With the tokenizer.
        device: Where to compute.
    """

    def __init__(
        self, settings: Mapping[str, Any], weights: Weights, folder: Path, device: str
    ) -> None:
        from transformers import AutoConfig, AutoModel, AutoTokenizer

        self._tokenizer: Any = AutoTokenizer.from_pretrained(folder)
        network = AutoModel.from_config(  # type: ignore[no-untyped-call]
            AutoConfig.for_model(**settings["config"])
        )
        self._network: Any = getattr(network, "text_model", network)
        if settings["pooling"] != "own":
            self._network.pooler = None
        self._network.load_state_dict(weights)
        self._network.eval().to(device)
        self._settings, self._format, self._device = settings, settings["format"], device

    def lines(self, parts: Sequence[Sequence[str]]) -> list[list[list[int]]]:
        """Tokens of the lines of title, ingredients and steps, without special ones."""
        limits = self._settings["limits"]
        return [
            [
                self._tokenizer(line, add_special_tokens=False, truncation=True, max_length=limit)[
                    "input_ids"
                ]
                for line in lines
            ]
            for lines, limit in zip(parts, limits, strict=True)
        ]

    def sequence(self, parts: Sequence[Sequence[Sequence[int]]], max_tokens: int) -> Tensor:
        """Vector (1, H) of a recipe as one text: its parts one after the other, cut at the end."""
        title, ingredients, steps = parts
        lines = [[*(self._format["line_end"] if n else ()), *i] for n, i in enumerate(ingredients)]
        joined: list[int] = []
        for one in ([t for line in p for t in line] for p in (title, lines, steps)):
            if one:
                joined += [*(self._format["part_end"] if joined else ()), *one]
        return self.vector(joined, max_tokens)

    def vector(self, tokens: Sequence[int], max_tokens: int) -> Tensor:
        """Vector (1, H) of a text without special tokens."""
        form = self._format
        prefix, suffix, longest = form["prefix"], form["suffix"], form["max_length"]
        room = min(max_tokens, longest) - len(prefix) - len(suffix)
        whole = [*prefix, *tokens[:room], *suffix] or [form["pad"]]
        num_tokens = len(whole)
        if form["has_fixed_length"]:  # it takes padding for text
            whole += [form["pad"]] * (longest - num_tokens)
        rows = torch.tensor([whole], device=self._device)
        mask = None if form["has_fixed_length"] else torch.ones_like(rows)
        found = self._network(input_ids=rows, attention_mask=mask)
        pooled: Tensor
        if self._settings["pooling"] == "own":
            pooled = found.pooler_output
        elif self._settings["pooling"] == "first":
            pooled = found.last_hidden_state[:, 0]
        else:
            pooled = found.last_hidden_state[:, :num_tokens].mean(dim=1)
        return pooled


class SentenceTransformer:
    """A published text network as it is: the mean over a text's tokens, of length 1."""

    def __init__(self, folder: Path, max_tokens: int, device: str) -> None:
        from transformers import AutoModel, AutoTokenizer

        self._tokenizer: Any = AutoTokenizer.from_pretrained(folder)
        self._network: Any = AutoModel.from_pretrained(folder).eval().to(device)
        self._max_tokens, self._device = max_tokens, device

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """Unit vectors (texts, H), float32."""
        rows = [self._vector(text) for text in texts]
        size = self._network.config.hidden_size
        return torch.cat([torch.empty(0, size), *rows]).numpy()

    def _vector(self, text: str) -> Tensor:
        tokens = self._tokenizer(
            text, truncation=True, max_length=self._max_tokens, return_tensors="pt"
        ).to(self._device)
        states = self._network(**tokens).last_hidden_state
        return F.normalize(states.float().mean(dim=1)).cpu()
