"""From pooled image features and the image's category vector to the image embedding."""

import torch
from torch import Tensor, nn

from seje_ray.models.projection import Projection


class ImageHead(nn.Module):
    """Pooled features ++ f_cat -> image embedding.

    Args:
        feature_dim: F, of the pooled features.
        word_dim: E, of the image's category vector f_cat.
        embedding_dim: D.
        dropout: In [0, 1), before the linear layer.

    Source: docs/method.md, rule 4.1.
    """

    def __init__(
        self, feature_dim: int, word_dim: int, embedding_dim: int, *, dropout: float
    ) -> None:
        super().__init__()
        self.projection = Projection(feature_dim + word_dim, embedding_dim, dropout=dropout)

    def forward(self, features: Tensor, image_category_vectors: Tensor) -> Tensor:
        """Embed features (B, F) and category vectors (B, E) as unit rows (B, D)."""
        both = torch.cat([features, image_category_vectors.to(features)], dim=1)
        embeddings: Tensor = self.projection(both)
        return embeddings
