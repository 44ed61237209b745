"""The joint embedding: both branches and the category head they share.

Letters: B pairs, F pooled features, E word-vector dimensions, D joint dimensions (in evaluation
those of ridge, too), C categories.
"""

from typing import NamedTuple

from torch import Tensor, nn

from seje_ray.models.heads import CategoryHead, ImageHead, LogitScale
from seje_ray.models.image_backbone import ImageBackbone
from seje_ray.models.recipe_encoder import RecipeEncoder, RecipeInputs
from seje_ray.models.ridge import learnt_part


class JointOutput(NamedTuple):
    """Output of the model for B pairs."""

    image_embeddings: Tensor  # (B, D), unit rows, float32
    recipe_embeddings: Tensor  # (B, D), unit rows, float32
    image_logits: Tensor  # (B, C)
    recipe_logits: Tensor  # (B, C)
    logit_scale: Tensor | None = None  # scalar, where the loss classifies similarities
    logit_bias: Tensor | None = None  # scalar, where the loss has one

    def float(self) -> "JointOutput":
        """The same in float32, which the scale and the bias always are."""
        return self._replace(
            image_embeddings=self.image_embeddings.float(),
            recipe_embeddings=self.recipe_embeddings.float(),
            image_logits=self.image_logits.float(),
            recipe_logits=self.recipe_logits.float(),
        )


class JointEmbedding(nn.Module):
    """Images and recipes as unit vectors of one space.

    Args:
        backbone: From pixels to pooled features, or None where images come as pooled features.
        image_head: From pooled features to image embeddings.
        recipe_encoder: To recipe embeddings.
        category_head: From either embedding to category logits.
        logit_scale: Of a loss that classifies similarities; otherwise None.

    Source: docs/method.md, rules 4.1 to 4.4.
    """

    def __init__(
        self,
        backbone: ImageBackbone | None,
        image_head: ImageHead,
        recipe_encoder: RecipeEncoder,
        category_head: CategoryHead,
        logit_scale: LogitScale | None = None,
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.image_head = image_head
        self.recipe_encoder = recipe_encoder
        self.category_head = category_head
        self.logit_scale = logit_scale

    def forward(
        self, images: Tensor, image_category_vectors: Tensor, recipes: RecipeInputs
    ) -> JointOutput:
        """Embed B pairs.

        Args:
            images: Pixels (B, 3, side, side), RGB in 0..255, or pooled features (B, F) where there
                is no backbone.
            image_category_vectors: f_cat, shape (B, E).
            recipes: Of the recipe encoder, B rows each.
        """
        features = self._pooled(images)
        return self.embed_features(features, image_category_vectors, recipes)

    def embed_images(self, images: Tensor, image_category_vectors: Tensor) -> Tensor:
        """Image embeddings (B, D) alone, of what ``forward`` takes for them."""
        embeddings: Tensor = self.image_head(self._pooled(images), image_category_vectors)
        return embeddings

    def embed_recipes(self, recipes: RecipeInputs) -> Tensor:
        """Recipe embeddings (B, D) alone."""
        embeddings: Tensor = self.recipe_encoder(recipes)
        return embeddings

    @property
    def embedding_dim(self) -> int:
        """Numbers of an embedding in evaluation: D, and those of ridge beside them."""
        ridge = self.image_head.ridge
        return self._learnt_dim + (0 if ridge is None else len(ridge.bias))

    @property
    def _learnt_dim(self) -> int:
        return self.category_head.linear.in_features

    def _categories(self, embeddings: Tensor) -> Tensor:
        logits: Tensor = self.category_head(learnt_part(embeddings, self._learnt_dim))
        return logits

    def _pooled(self, images: Tensor) -> Tensor:
        features: Tensor = images if self.backbone is None else self.backbone(images)
        return features

    def embed_features(
        self, features: Tensor, image_category_vectors: Tensor, recipes: RecipeInputs
    ) -> JointOutput:
        """Embed B pairs whose pooled image features (B, F) are given; otherwise as ``forward``."""
        image_embeddings = self.image_head(features, image_category_vectors)
        recipe_embeddings = self.embed_recipes(recipes)
        scale, bias = (None, None) if self.logit_scale is None else self.logit_scale()
        return JointOutput(
            image_embeddings,
            recipe_embeddings,
            self._categories(image_embeddings),
            self._categories(recipe_embeddings),
            scale,
            bias,
        )
