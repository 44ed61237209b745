"""The small parts above the networks: into the joint space, and on to categories and scores.

Letters: B rows, F pooled features, E word-vector dimensions, D joint dimensions, C categories.
"""

import math
from typing import Literal, assert_never

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seje_ray.models.needless_bias import BiasAndNorm, accept_biases
from seje_ray.models.ridge import MIN_NORM, RidgeMap, beside_ridge

SLOPE = 0.02  # of LeakyReLU in both branches: docs/method.md, rules 4.1 and 4.2
DISCRIMINATOR_SLOPE = 0.2  # of its LeakyReLU: docs/method.md, rule 5.5


class Projection(nn.Module):
    """Linear -> BatchNorm -> LeakyReLU -> unit rows.

    Args:
        input_dim: Features per row.
        embedding_dim: D.
        dropout: In [0, 1), of the features.
        parts: What leaves out parts of the features in training, before anything else.

    Source: docs/method.md, rules 4.1 and 4.2.
    """

    def __init__(
        self,
        input_dim: int,
        embedding_dim: int,
        *,
        dropout: float,
        parts: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.parts = parts or nn.Identity()
        self.dropout = nn.Dropout(dropout)
        self.linear = nn.Linear(input_dim, embedding_dim, bias=False)  # the norm's own is enough
        self.norm = nn.BatchNorm1d(embedding_dim)
        accept_biases(self, [BiasAndNorm("linear", "norm")])  # of older checkpoints

    def forward(self, features: Tensor) -> Tensor:
        """Turn features (B, input_dim) into unit rows (B, D), of float32 or more."""
        rows = self.linear(self.dropout(self.parts(features)))
        return _unit_rows(F.leaky_relu(self.norm(rows), SLOPE))


class ResidualHead(nn.Module):
    """Standardised features -> a linear map, and what a small network adds to it -> unit rows.

    The network's last layer begins at zero: it has to earn what it changes.

    Args:
        input_dim: Features per row.
        embedding_dim: D.
        hidden_dim: Width of the network.
        dropout: In [0, 1), of the standardised features, apart for both, and of the hidden layer.
        num_ready: Features at the end of a row that come standardised.
        parts: What leaves out parts of the standardised features in training.

    Source: docs/method.md, rule 4.6.
    """

    def __init__(
        self,
        input_dim: int,
        embedding_dim: int,
        *,
        hidden_dim: int,
        dropout: float,
        num_ready: int = 0,
        parts: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self._num_raw = input_dim - num_ready
        self.norm = nn.BatchNorm1d(self._num_raw, affine=False) if self._num_raw else None
        self.parts = parts or nn.Identity()
        self.dropout = nn.Dropout(dropout)
        self.linear = nn.Linear(input_dim, embedding_dim, bias=False)
        self.mlp = nn.Sequential(
            nn.Dropout(dropout),
            nn.Linear(input_dim, hidden_dim),
            nn.GELU(),
            nn.Dropout(dropout),
            last := nn.Linear(hidden_dim, embedding_dim),
        )
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)

    def forward(self, features: Tensor) -> Tensor:
        """Turn features (B, input_dim) into unit rows (B, D), of float32 or more."""
        rows = self.parts(self._standardised(features))
        return _unit_rows(self.linear(self.dropout(rows)) + self.mlp(rows))

    def _standardised(self, features: Tensor) -> Tensor:
        if self.norm is None:
            return features
        raw, ready = features.tensor_split([self._num_raw], dim=1)
        return torch.cat([self.norm(raw), ready], dim=1)


def _unit_rows(rows: Tensor) -> Tensor:
    rows = rows.to(torch.promote_types(rows.dtype, torch.float32))
    return F.normalize(rows, dim=1, eps=MIN_NORM)


class PublishedHead(nn.Module):
    """One linear map -> unit rows, as a dual encoder has it.

    It begins at zero; ``begin_as`` gives it the map of a published model.

    Args:
        input_dim: Features per row: those of a tower first.
        embedding_dim: D.
        parts: What leaves out parts of the features in training.

    Source: docs/method.md, rule 11.3.
    """

    def __init__(
        self, input_dim: int, embedding_dim: int, *, parts: nn.Module | None = None
    ) -> None:
        super().__init__()
        self.parts = parts or nn.Identity()
        self.linear = nn.Linear(input_dim, embedding_dim, bias=False)
        nn.init.zeros_(self.linear.weight)

    @torch.no_grad()
    def begin_as(self, projection: Tensor | None, tower_dim: int) -> None:
        """Take over a published map of the tower's features; what stands beside them adds nothing.

        Args:
            projection: Shape (D, tower_dim); None for features that are embeddings themselves.
            tower_dim: Features of the tower.

        Raises:
            ValueError: If D is another one.
        """
        found = torch.eye(tower_dim) if projection is None else projection
        if found.shape != (self.linear.out_features, tower_dim):
            raise ValueError(
                f"model.embedding_dim: expected {found.shape[0]}, as the dual encoder has, found "
                f"{self.linear.out_features}"
            )
        self.linear.weight.zero_()
        self.linear.weight[:, :tower_dim] = found

    def forward(self, features: Tensor) -> Tensor:
        """Turn features (B, input_dim) into unit rows (B, D), of float32 or more."""
        return _unit_rows(self.linear(self.parts(features)))


HeadKind = Literal["projection", "residual", "published"]  # of ``model.head``


def joint_head(
    kind: HeadKind,
    input_dim: int,
    embedding_dim: int,
    *,
    hidden_dim: int,
    dropout: float,
    num_ready: int = 0,
    parts: nn.Module | None = None,
) -> Projection | ResidualHead | PublishedHead:
    """The last layers of either side, from its features to unit rows.

    Args:
        kind: As the run file names it.
        input_dim: Features per row.
        embedding_dim: D.
        hidden_dim: Of the residual head's network.
        dropout: In [0, 1), of the features.
        num_ready: Features at the end of a row that come standardised.
        parts: What leaves out parts of the features in training.
    """
    match kind:
        case "projection":
            return Projection(input_dim, embedding_dim, dropout=dropout, parts=parts)
        case "residual":
            return ResidualHead(
                input_dim,
                embedding_dim,
                hidden_dim=hidden_dim,
                dropout=dropout,
                num_ready=num_ready,
                parts=parts,
            )
        case "published":
            return PublishedHead(input_dim, embedding_dim, parts=parts)
    assert_never(kind)


class ImageHead(nn.Module):
    """Pooled features ++ f_cat -> image embedding.

    Args:
        head: From both, (B, F + E), to unit rows (B, D).
        ridge: From pooled features to unit rows (B, L), which stand beside those in evaluation.
        ridge_share: Of their similarity, in (0, 1).

    Source: docs/method.md, rules 4.1 and 4.10.
    """

    def __init__(
        self, head: nn.Module, ridge: RidgeMap | None = None, ridge_share: float = 0.0
    ) -> None:
        super().__init__()
        self.projection, self.ridge, self._ridge_share = head, ridge, ridge_share

    def forward(self, features: Tensor, image_category_vectors: Tensor) -> Tensor:
        """Embed features (B, F) and category vectors (B, E) as unit rows (B, D or D + L)."""
        both = torch.cat([features, image_category_vectors.to(features)], dim=1)
        embeddings: Tensor = self.projection(both)
        if self.ridge is None or self.training:
            return embeddings
        return beside_ridge(embeddings, self.ridge(features), self._ridge_share)


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


class LogitScale(nn.Module):
    """Owns the numbers that turn a cosine similarity into a logit, ``scale * cos + bias``.

    The scale is learnt as its logarithm, so it stays positive. It is cut to ``max_scale`` where
    it is kept, not where it is used: a cut use would have no gradient, and could never fall.

    Args:
        scale: Start of the scale, one over the temperature, > 0.
        max_scale: Largest scale, or None for any.
        bias: Start of the bias, or None for a loss without one.

    Source: Radford et al. 2021 (CLIP, arXiv:2103.00020), section 2.5; Zhai et al. 2023 (SigLIP,
    arXiv:2303.15343), section 3.2.
    """

    def __init__(
        self, scale: float, *, max_scale: float | None = None, bias: float | None = None
    ) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.tensor(math.log(scale)))
        self.bias = None if bias is None else nn.Parameter(torch.tensor(bias))
        self._max_log_scale = None if max_scale is None else math.log(max_scale)

    def forward(self) -> tuple[Tensor, Tensor | None]:
        """Scale, and bias where there is one; scalar tensors with gradient."""
        if self._max_log_scale is not None:
            with torch.no_grad():
                self.log_scale.clamp_(max=self._max_log_scale)
        return self.log_scale.exp(), self.bias


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
            nn.LeakyReLU(DISCRIMINATOR_SLOPE),
            nn.Linear(512, 256),
            nn.LeakyReLU(DISCRIMINATOR_SLOPE),
            nn.Linear(256, 1),
        )

    def forward(self, embeddings: Tensor) -> Tensor:
        """Scores (B,) of embeddings (B, D); higher for what looks like an image's."""
        scores: Tensor = self.layers(embeddings)
        return scores.squeeze(1)
