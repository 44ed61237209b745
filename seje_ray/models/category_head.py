"""The category head that both embeddings share."""

from torch import Tensor, nn


class CategoryHead(nn.Module):
    """Linear layer from an embedding to category logits.

    Args:
        embedding_dim: D.
        num_categories: C, background included.

    Source: docs/method.md, rule 4.3.
    """

    def __init__(self, embedding_dim: int, num_categories: int) -> None:
        super().__init__()
        self.linear = nn.Linear(embedding_dim, num_categories)

    def forward(self, embeddings: Tensor) -> Tensor:
        """Logits (B, C) of embeddings (B, D)."""
        logits: Tensor = self.linear(embeddings)
        return logits
