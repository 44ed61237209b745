"""Input of every retrieval loss: this worker's pairs and those of the global batch.

Letters, here and in the losses: B pairs of this worker, M pairs of the global batch, D dimensions,
L candidates of an anchor. Each of a worker's 2B rows is an anchor; its candidates are rows of the
other modality, one of them its pair.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from seje_ray.losses.pools import MiningPools

BACKGROUND = 0  # category of recipes without one; never the same category as anything


@dataclass(frozen=True, slots=True)
class GlobalPairs:
    """This worker's rows and all it compares them with.

    What a loss makes of them, weighted by B, averages over the workers to the loss of the global
    batch, gradients included.

    Raises:
        ValueError: If shapes do not fit, ``B < 1``, ``M < 2``, or this worker's rows do not lie
            among the candidates.
    """

    images: Tensor  # (B, D), unit rows
    recipes: Tensor  # (B, D), unit rows; row i is the pair of image i
    image_candidates: Tensor  # (M, D), unit rows
    recipe_candidates: Tensor  # (M, D), unit rows
    categories: Tensor  # (B,), ids; 0 is background
    candidate_categories: Tensor  # (M,)
    first_candidate: int  # this worker's rows are candidates first_candidate .. + B

    def __post_init__(self) -> None:
        here, there = (self.images, self.recipes), (self.image_candidates, self.recipe_candidates)
        for images, recipes in (here, there):
            if images.shape != recipes.shape or images.ndim != 2:
                raise ValueError(
                    "images and recipes must have one shape (rows, D), got "
                    f"{tuple(images.shape)} and {tuple(recipes.shape)}"
                )
        num_pairs, num_candidates = len(self.images), len(self.image_candidates)
        if num_pairs < 1 or num_candidates < 2:
            raise ValueError(
                f"expected at least 1 pair and 2 candidates, got {num_pairs} and {num_candidates}"
            )
        if not 0 <= self.first_candidate <= num_candidates - num_pairs:
            raise ValueError(
                f"rows {self.first_candidate} to {self.first_candidate + num_pairs} are not among "
                f"{num_candidates} candidates"
            )
        found = (len(self.categories), len(self.candidate_categories))
        if found != (num_pairs, num_candidates):
            raise ValueError(
                f"expected {num_pairs} and {num_candidates} category ids, got "
                f"{found[0]} and {found[1]}"
            )

    @classmethod
    def whole(
        cls, images: Tensor, recipes: Tensor, categories: Tensor | None = None
    ) -> "GlobalPairs":
        """Pairs of one process that holds the whole batch.

        Args:
            images: Unit rows, shape (M, D).
            recipes: Unit rows, shape (M, D); row i is the pair of image i.
            categories: Ids, shape (M,), 0 is background; None if no pair has a category.
        """
        if categories is None:
            categories = torch.full((len(images),), BACKGROUND, device=images.device)
        return cls(images, recipes, images, recipes, categories, categories, 0)

    @property
    def directions(self) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
        """Anchors (B, D) and their candidates (M, D): images among recipes, then the reverse."""
        return (self.images, self.recipe_candidates), (self.recipes, self.image_candidates)

    def pools(self, mining_pool: int | None = None) -> MiningPools:
        """Candidates that each anchor sees.

        Args:
            mining_pool: Most of them, >= 3; None for the whole global batch.

        Raises:
            ValueError: If ``mining_pool`` is less than 3.
        """
        num_candidates = len(self.image_candidates)
        own = range(self.first_candidate, self.first_candidate + len(self.images))
        return MiningPools.of(own, num_candidates, mining_pool, device=self.images.device)
