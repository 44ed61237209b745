"""Trainings side by side: one joint space whose similarities are the mean of theirs.

Letters: B pairs, D joint dimensions of a training, M trainings.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from seje_ray.models.joint_embedding import JointEmbedding, JointOutput
from seje_ray.models.recipe_encoder import RecipeInputs


class JointEnsemble(nn.Module):
    """Embeddings of M trainings as one unit vector of M * D numbers.

    Args:
        members: Models of one shape, each of a training of its own.

    Source: docs/method.md, rule 4.9.
    """

    def __init__(self, members: Sequence[JointEmbedding]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)

    def forward(
        self, images: Tensor, image_category_vectors: Tensor, recipes: RecipeInputs
    ) -> JointOutput:
        """Embed B pairs, as ``JointEmbedding`` does; logits are the mean of the members'."""
        outputs = [member(images, image_category_vectors, recipes) for member in self.members]
        return JointOutput(
            side_by_side([output.image_embeddings for output in outputs]),
            side_by_side([output.recipe_embeddings for output in outputs]),
            torch.stack([output.image_logits for output in outputs]).mean(0),
            torch.stack([output.recipe_logits for output in outputs]).mean(0),
        )

    def embed_images(self, images: Tensor, image_category_vectors: Tensor) -> Tensor:
        """Image embeddings (B, M * D) alone, of what ``forward`` takes for them."""
        return self._of_each(lambda member: member.embed_images(images, image_category_vectors))

    def embed_recipes(self, recipes: RecipeInputs) -> Tensor:
        """Recipe embeddings (B, M * D) alone."""
        return self._of_each(lambda member: member.embed_recipes(recipes))

    def trainings(self) -> list[JointEmbedding]:
        """The members."""
        return [member for member in self.members if isinstance(member, JointEmbedding)]

    def _of_each(self, embed: Callable[[JointEmbedding], Tensor]) -> Tensor:
        return side_by_side([embed(member) for member in self.trainings()])


class MixedEnsemble(nn.Module):
    """Trainings of different models, each of which takes inputs of its own.

    Args:
        kinds: Of each model a training, or several.

    Source: docs/method.md, rule 4.9.
    """

    def __init__(self, kinds: Sequence[JointEmbedding | JointEnsemble]) -> None:
        super().__init__()
        self.kinds = nn.ModuleList(kinds)
        self._num_trainings = [
            len(kind.members) if isinstance(kind, JointEnsemble) else 1 for kind in kinds
        ]

    def joined(self, embeddings: Sequence[Tensor]) -> Tensor:
        """Unit rows of each kind, (B, D) of its own, as unit rows (B, sum of D).

        The scalar product of two is the mean over all trainings.
        """
        return side_by_side(embeddings, self._num_trainings)


def side_by_side(embeddings: Sequence[Tensor], counts: Sequence[int] | None = None) -> Tensor:
    """Unit rows (B, D) of M models, each with a D of its own, as unit rows (B, sum of D).

    The scalar product of two is the mean of the M cosine similarities.

    Args:
        embeddings: Of each model.
        counts: For how many each counts in the mean; None for one.
    """
    counts = counts or [1] * len(embeddings)
    weighted = [rows.float() * n**0.5 for rows, n in zip(embeddings, counts, strict=True)]
    scale: float = sum(counts) ** 0.5
    return torch.cat(weighted, dim=1) / scale
