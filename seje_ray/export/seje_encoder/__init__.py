"""Photos and recipes as unit vectors of one space, by plain torch.

    import sys
    sys.path.append("FOLDER")  # the one that holds config.json and seje_encoder/
    from seje_encoder import load

    model = load("FOLDER")
    photos = model.embed_photos(["dinner.jpg"])
    recipes = model.embed_recipes([{
        "title": "Tomato soup",
        "ingredients": ["4 ripe tomatoes", "1 onion"],
        "instructions": ["Chop both.", "Boil them for ten minutes."],
    }])
    print(photos @ recipes.T)  # cosine similarity, in [-1, 1]

This file loads the folder. ``photos`` and ``recipes`` turn files and texts into what the networks
take, ``heads`` and ``towers`` are the networks; ``key_terms``, ``lexical``, ``line_tagger`` and
``words`` read recipes. Letters: n photos or recipes, D dimensions of a vector.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor

from .photos import PhotoSide
from .recipes import RecipeSide

FORMAT = 1  # of config.json


def load(folder: str | Path, device: str = "cpu") -> "RecipePhotoModel":
    """Read a folder of ``seje-ray export``; ``device`` is e.g. cuda."""
    return RecipePhotoModel(Path(folder), device)


class RecipePhotoModel:
    """Both sides of the model; use ``load``."""

    def __init__(self, folder: Path, device: str) -> None:
        config, vocabulary = (
            json.loads((folder / name).read_text(encoding="utf-8"))
            for name in ("config.json", "vocabulary.json")
        )
        if config["format"] != FORMAT:
            raise ValueError(f"{folder}: expected format {FORMAT}, found {config['format']}")
        weights = load_file(folder / "model.safetensors", device=device)
        members = _members(weights, config.get("members", 0))
        self.embedding_dim: int = config["embedding_dim"]
        self._photos = [PhotoSide(config, own, device) for own in members]
        self._recipes = [RecipeSide(config, vocabulary, own, folder, device) for own in members]

    @torch.inference_mode()
    def embed_photos(self, files: Sequence[str | Path | bytes]) -> Tensor:
        """Unit rows (n, D), float32 on the CPU, of paths or bytes of photos in any format."""
        rows = [_side_by_side([side.embed(file) for side in self._photos]) for file in files]
        return torch.cat(rows).float().cpu() if rows else torch.empty(0, self.embedding_dim)

    @torch.inference_mode()
    def embed_recipes(self, recipes: Sequence[Mapping[str, Any]]) -> Tensor:
        """Unit rows (n, D), float32 on the CPU.

        Args:
            recipes: With any of ``title`` (text), ``ingredients`` and ``instructions`` (lists of
                lines); where a detector found the ingredients, ``entities``, pairs of a name and
                whether it is sure, one per line.
        """
        rows = [_side_by_side([side.embed(one) for side in self._recipes]) for one in recipes]
        return torch.cat(rows).float().cpu() if rows else torch.empty(0, self.embedding_dim)

    def photo_inputs(self, file: str | Path | bytes) -> dict[str, np.ndarray]:
        """What ``image_encoder.onnx`` takes of one photo, by name."""
        return self._photos[0].inputs(file)

    @torch.inference_mode()
    def recipe_inputs(self, recipe: Mapping[str, Any]) -> dict[str, np.ndarray]:
        """What ``recipe_encoder.onnx`` takes of one recipe, by name."""
        return self._recipes[0].inputs(recipe)


def _members(weights: Mapping[str, Tensor], count: int) -> list[dict[str, Tensor]]:
    """Weights of each member of an ensemble, those that all share included; else all."""
    shared = {name: one for name, one in weights.items() if not name.startswith("members.")}
    starts = [f"members.{number}." for number in range(count)]
    return [shared | _below(weights, start) for start in starts] or [shared]


def _below(weights: Mapping[str, Tensor], start: str) -> dict[str, Tensor]:
    return {name[len(start) :]: one for name, one in weights.items() if name.startswith(start)}


def _side_by_side(rows: Sequence[Tensor]) -> Tensor:
    """Unit rows of each member as one unit row: cosines of an ensemble are means of theirs."""
    scale: float = len(rows) ** 0.5
    return torch.cat(list(rows), dim=1) / scale
