"""Words -> lines -> parts -> recipe: a text network under the recipe transformer.

Letters: B recipes, N lines of all of them, L lines of a part, T tokens, H dimensions of a line's
vector.
"""

import torch
from torch import Tensor, nn

from seje_ray.models.recipe_transformer import RecipeTransformer
from seje_ray.models.text_tower import TextTower

BUCKET = 16  # tokens: lines are encoded with those of about their length


class TextHierarchy(nn.Module):
    """Lines by a text network, then title, ingredients and steps by transformers over lines.

    Args:
        lines: From tokens to a vector per line.
        parts: From the lines' vectors to the recipe.

    Source: Salvador et al. 2021 (H-T, arXiv:2103.13061), section 3.1; docs/method.md, rule 11.2.
    """

    def __init__(self, lines: TextTower, parts: RecipeTransformer) -> None:
        super().__init__()
        self.lines, self.parts = lines, parts
        self.output_dim = parts.output_dim

    def forward(self, tokens: Tensor, num_tokens: Tensor, num_lines: Tensor) -> Tensor:
        """Rows (B, output_dim).

        Args:
            tokens: Shape (N, T), int64: recipe after recipe its title, ingredients and steps.
            num_tokens: Shape (N,), int64 in 1..T.
            num_lines: Shape (B, 3), int64, of these parts; N together.
        """
        vectors = self._vectors(tokens, num_tokens)
        ends = num_lines.flatten().cumsum(0).view_as(num_lines)
        inputs: list[Tensor] = []
        for part in range(num_lines.shape[1]):
            counts = num_lines[:, part]
            places = torch.arange(max(1, int(counts.max())), device=tokens.device)
            rows = (ends[:, part] - counts)[:, None] + places  # (B, L)
            inputs += [vectors[rows.clamp(max=len(vectors) - 1)], counts]
        found: Tensor = self.parts(*inputs)
        return found

    def _vectors(self, tokens: Tensor, num_tokens: Tensor) -> Tensor:
        """Vectors (N, H) of lines, those of about one length together."""
        buckets = -(-num_tokens // BUCKET)
        order, found = [], []
        for bucket in sorted(set(buckets.tolist())):
            rows = (buckets == bucket).nonzero().flatten()
            length = min(tokens.shape[1], bucket * BUCKET)
            if self.lines.sees_padding:
                length = tokens.shape[1]
            found.append(self.lines(tokens[rows, :length], num_tokens[rows]))
            order.append(rows)
        back = torch.cat(order).argsort()
        return torch.cat(found)[back]
