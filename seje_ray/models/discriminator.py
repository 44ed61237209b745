"""The discriminator: tells image embeddings from recipe embeddings."""

from torch import Tensor, nn

SLOPE = 0.2  # of LeakyReLU: docs/method.md, rule 5.5


class Discriminator(nn.Module):
    """D -> 512 -> 256 -> 1 with LeakyReLU between; the score is unbounded.

    Args:
        embedding_dim: D.

    Source: docs/method.md, rule 5.5.
    """

    def __init__(self, embedding_dim: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(embedding_dim, 512),
            nn.LeakyReLU(SLOPE),
            nn.Linear(512, 256),
            nn.LeakyReLU(SLOPE),
            nn.Linear(256, 1),
        )

    def forward(self, embeddings: Tensor) -> Tensor:
        """Scores (B,) of embeddings (B, D); higher for what looks like an image's."""
        scores: Tensor = self.layers(embeddings)
        return scores.squeeze(1)
