"""A ready-made text model as the encoder of instruction sentences."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from seje_ray.artifact import require_equal_hash, write_json
from seje_ray.calibration.text_model import TextModel, text_model_hash

FILE = "transformer.json"


class TransformerEncoder:
    """Vectors of a ``TextModel``; nothing is trained, and its weights stay where they are.

    Args:
        model: The text model.
    """

    def __init__(self, model: TextModel) -> None:
        self._model = model

    @property
    def dim(self) -> int:
        """Dimensions of a vector."""
        return self._model.dim

    def encode(self, sentences: Sequence[str]) -> np.ndarray:
        """Unit vectors (number of sentences, dim), float32."""
        return self._model.encode(sentences)

    def save(self, folder: Path) -> None:
        """Write the model's name and hash into an existing folder."""
        name = self._model.name
        write_json(folder / FILE, {"name": name, "hash": text_model_hash(name)})

    @classmethod
    def load(cls, folder: Path, device: torch.device | str = "cpu") -> "TransformerEncoder":
        """Load the model that ``save`` named.

        Raises:
            ArtifactError: If its files are not those that it was calibrated with.
            PublishedModelError: If it is no longer there.
        """
        stored = json.loads((folder / FILE).read_text(encoding="utf-8"))
        found = text_model_hash(stored["name"])
        require_equal_hash("text model", folder, found, stored["hash"], "seje-ray calibrate")
        return cls(TextModel(stored["name"], device))
