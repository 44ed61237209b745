"""The recipe tower over text vectors of a recipe's three parts: transformers.

Letters: B recipes, L lines of a part, T = L + 1 of them with the summary, H dimensions of a text
vector, W width of the transformers.
"""

from collections.abc import MutableMapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

MLP_FACTOR = 4  # width of a block's hidden layer over W
LONGEST_WAVE = 10_000.0  # of the position waves, in 2 pi lines


class RecipeTransformer(nn.Module):
    """Title, ingredient lines and steps, each by a transformer of its own, side by side.

    The lines of a part come as vectors of a sentence-transformer. Steps are a sequence, ingredient
    lines a set: their order does not matter.

    Args:
        text_dim: H.
        dim: W, a multiple of 2 and of ``num_heads``.
        num_layers: Blocks of each part, >= 1.
        num_heads: Of each block's attention.

    Source: Salvador et al. 2021 (H-T, arXiv:2103.13061), section 3.1: the second level of its
    hierarchical transformers, and the parts joined by concatenation. Its first level, over the
    words of a line, is the sentence-transformer here.
    """

    def __init__(self, text_dim: int, *, dim: int, num_layers: int, num_heads: int) -> None:
        super().__init__()

        def part(*, is_ordered: bool) -> _PartEncoder:
            return _PartEncoder(text_dim, dim, num_layers, num_heads, is_ordered=is_ordered)

        self.title = part(is_ordered=False)
        self.ingredients = part(is_ordered=False)
        self.steps = part(is_ordered=True)
        self.output_dim = 3 * dim

    def forward(
        self,
        title_vectors: Tensor,
        num_titles: Tensor,
        ingredient_vectors: Tensor,
        num_ingredients: Tensor,
        step_vectors: Tensor,
        num_steps: Tensor,
    ) -> Tensor:
        """Summaries of the parts, (B, 3 W).

        Lines at their part's number and beyond are padding and never matter.

        Args:
            title_vectors: Shape (B, L, H), L >= 1.
            num_titles: Shape (B,), int64; 1, or 0 where there is no title.
            ingredient_vectors: Shape (B, L, H), L >= 1, in any order.
            num_ingredients: Shape (B,), int64 in 0..L.
            step_vectors: Shape (B, L, H), L >= 1.
            num_steps: Shape (B,), int64 in 0..L.
        """
        parts = [
            self.title(title_vectors, num_titles),
            self.ingredients(ingredient_vectors, num_ingredients),
            self.steps(step_vectors, num_steps),
        ]
        return torch.cat(parts, dim=1)


def biases_gone(state: MutableMapping[str, Tensor], prefix: str) -> Tensor | None:
    """Take out of a state the biases that the parts' last norms once had.

    Args:
        state: Of a model; changed in place.
        prefix: Name of the tower in it.

    Returns:
        What they added to the tower's output, (3 W,); None where there are none.
    """
    parts = (f"{prefix}.{part}.norm.bias" for part in ("title", "ingredients", "steps"))
    biases = [state.pop(name) for name in parts if name in state]
    return torch.cat(biases) if biases else None


class _PartEncoder(nn.Module):
    """Lines of one part -> what its learnt summary row has gathered from them, (B, W)."""

    def __init__(
        self, text_dim: int, dim: int, num_layers: int, num_heads: int, *, is_ordered: bool
    ) -> None:
        super().__init__()
        self.summary = nn.Parameter(0.02 * torch.randn(dim))
        self.linear = nn.Linear(text_dim, dim)
        self.blocks = nn.ModuleList(_Block(dim, num_heads) for _ in range(num_layers))
        self.norm = nn.LayerNorm(dim, bias=False)  # the projection's BatchNorm would take it away
        self._is_ordered = is_ordered

    def forward(self, vectors: Tensor, counts: Tensor) -> Tensor:
        """Summaries (B, W) of vectors (B, L, H), of which the first ``counts`` (B,) are lines."""
        lines = self.linear(vectors)
        if self._is_ordered:
            lines = lines + position_waves(lines.shape[1], lines.shape[2]).to(lines)
        rows = torch.cat([self.summary.expand(len(lines), 1, -1).to(lines), lines], dim=1)
        # The summary sees itself, so a part without lines has a value too.
        position = torch.arange(rows.shape[1], device=rows.device)
        is_seen = position <= counts[:, None]  # (B, T)
        for block in self.blocks:
            rows = block(rows, is_seen)
        summaries: Tensor = self.norm(rows[:, 0])
        return summaries


class _Block(nn.Module):
    """Attention, then a layer for each row; both on normalised rows, added to them."""

    def __init__(self, dim: int, num_heads: int) -> None:
        super().__init__()
        self.attention_norm, self.mlp_norm = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.inputs, self.output = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)
        self.mlp = nn.Sequential(
            nn.Linear(dim, MLP_FACTOR * dim), nn.GELU(), nn.Linear(MLP_FACTOR * dim, dim)
        )
        self._num_heads = num_heads

    def forward(self, rows: Tensor, is_seen: Tensor) -> Tensor:
        """Rows (B, T, W) after the block; those not in ``is_seen`` (B, T) are seen by none."""
        batch, length, dim = rows.shape
        heads = self.inputs(self.attention_norm(rows)).view(batch, length, 3, self._num_heads, -1)
        queries, keys, values = heads.permute(2, 0, 3, 1, 4)  # each (B, heads, T, W / heads)
        found = F.scaled_dot_product_attention(
            queries, keys, values, attn_mask=is_seen[:, None, None, :]
        )
        rows = rows + self.output(found.transpose(1, 2).reshape(batch, length, dim))
        after: Tensor = rows + self.mlp(self.mlp_norm(rows))
        return after


def position_waves(length: int, dim: int) -> Tensor:
    """Sines and cosines that tell positions apart, (length, dim), in [-1, 1].

    Args:
        length: Positions, from 0.
        dim: Even; half of them sines, half cosines, of ever longer waves.

    Source: Vaswani et al. 2017 (arXiv:1706.03762), section 3.5.
    """
    waves = LONGEST_WAVE ** -(torch.arange(dim // 2) / (dim // 2))
    angles = torch.arange(length)[:, None] * waves
    return torch.cat([angles.sin(), angles.cos()], dim=1)
