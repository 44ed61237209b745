"""The recipe side of the model: parts of a recipe, side by side, and a head into the joint space.

Letters: B recipes, K terms of the longest, E word-vector dimensions, F dimensions of all parts
together, D joint dimensions.
"""

from collections.abc import MutableMapping
from typing import NamedTuple, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seje_ray.models.heads import SLOPE
from seje_ray.models.lexical_bag import LexicalBag
from seje_ray.models.needless_bias import shift_running_mean
from seje_ray.models.recipe_transformer import biases_gone
from seje_ray.models.ridge import bag_rows, beside_ridge

# First part of a weight's name; in older states a tower's own names stand there.
PARTS = ("tower", "key_terms", "lexical", "projection")


class Bags(NamedTuple):
    """Lexical bags, padded to the longest recipe of the global batch."""

    terms: Tensor  # (B, K) int64
    weights: Tensor  # (B, K), 0 where a recipe has fewer terms


class RecipeInputs(NamedTuple):
    """What the recipe side takes, B rows of each; nothing for a part that it has not."""

    tower: tuple[Tensor, ...] = ()  # what the tower's ``forward`` takes
    key_term_vectors: Tensor | None = None  # f_term, (B, E)
    bags: Bags | None = None

    def have_content(self) -> Tensor:
        """Of each row, whether there is anything in it but zeros, (B,) bool; not for tokens."""
        weights = [] if self.bags is None else [self.bags.weights]
        vectors = [] if self.key_term_vectors is None else [self.key_term_vectors]
        parts = [
            part.flatten(1).any(1) for part in (*self.tower, *vectors, *weights) if part.ndim > 1
        ]
        return torch.stack(parts).any(0)


class RecipeTower(Protocol):
    """A module that encodes the text of recipes; its output stands beside the other parts.

    A new one is a module with these two, a kind in ``config/model.py``, a case in
    ``features/recipe_side.py``, which builds it, and one in ``features/inputs.py``, which gives it
    its inputs.
    """

    output_dim: int

    def __call__(self, *inputs: Tensor) -> Tensor:
        """Rows (B, output_dim) of its inputs, B rows each; a recipe without text has one, too."""
        ...


class KeyTerms(nn.Linear):
    """f_term, of E dimensions -> Linear -> LeakyReLU.

    Source: docs/method.md, rule 4.2.
    """

    def forward(self, key_term_vectors: Tensor) -> Tensor:
        """Turn f_term (B, E) into (B, out_features)."""
        return F.leaky_relu(super().forward(key_term_vectors), SLOPE)


class RecipeEncoder(nn.Module):
    """Tower ++ f_term ++ lexical bag, each where there is one -> head -> recipe embedding.

    Args:
        tower: Of the texts.
        key_terms: Of f_term, from (B, E).
        head: From the parts, (B, F), to unit rows (B, D).
        lexical: Of the lexical bags.
        ridge_share: Of the similarity of the bags themselves, in [0, 1); in evaluation they stand
            beside the learnt rows.

    Source: docs/method.md, rules 4.2 and 4.10.
    """

    def __init__(
        self,
        tower: RecipeTower | None,
        key_terms: nn.Module | None,
        head: nn.Module,
        lexical: LexicalBag | None = None,
        ridge_share: float = 0.0,
    ) -> None:
        super().__init__()
        self.tower = tower
        self.key_terms = key_terms
        self.lexical = lexical
        self.projection = head
        self._ridge_share = ridge_share
        # torch leaves this method without annotations.
        self.register_load_state_dict_pre_hook(_as_today)  # type: ignore[no-untyped-call]

    def forward(self, inputs: RecipeInputs) -> Tensor:
        """Embed recipes as unit rows (B, D or D + L)."""
        parts = []
        if self.tower is not None:
            parts.append(self.tower(*inputs.tower))
        if self.key_terms is not None:
            parts.append(self.key_terms(inputs.key_term_vectors))
        if self.lexical is not None:
            assert inputs.bags is not None
            parts.append(self.lexical(*inputs.bags))
        embeddings: Tensor = self.projection(torch.cat(parts, dim=1))
        if not self._ridge_share or self.training:
            return embeddings
        return beside_ridge(embeddings, bag_rows(parts[-1]), self._ridge_share)


def present_name(name: str, prefix: str = "recipe_encoder.") -> str:
    """Name of a weight of the recipe side, as an older state may have it, in a state of today.

    Args:
        name: Any.
        prefix: Of the recipe side's.
    """
    own = name.removeprefix(prefix)
    if not name.startswith(prefix) or own.split(".")[0] in PARTS:
        return name
    return f"{prefix}tower.{own}"


def _as_today(
    module: nn.Module, state: MutableMapping[str, Tensor], prefix: str, *_: object
) -> None:
    """Rename a tower's own weights, and fold the biases it once had, as ``needless_bias`` says."""
    for name in [name for name in state if name.startswith(prefix)]:
        state[present_name(name, prefix)] = state.pop(name)
    biases = biases_gone(state, f"{prefix}tower")
    if biases is not None:
        shift = state[f"{prefix}projection.linear.weight"] @ biases
        shift_running_mean(state, f"{prefix}projection.norm", shift)
