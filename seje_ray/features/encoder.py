"""The encoder: photos and recipes that the model has never seen, as rows of the joint space.

Letters: n photos or recipes, D joint dimensions.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from seje_ray.artifact import Artifact, require_equal_hash
from seje_ray.calibration.corpus import RecipeText
from seje_ray.config import RunConfig, load_run
from seje_ray.distributed.process import default_device
from seje_ray.features.backbones import calibrated_photos
from seje_ray.features.checkpoint import TrainedModel, load_model
from seje_ray.features.inputs import image_category_input, moved, recipe_inputs
from seje_ray.features.model import autocast
from seje_ray.features.photos import PhotoExtractor
from seje_ray.features.recipes import QueryError, RecipeExtractor
from seje_ray.recipe1m.images import to_jpeg
from seje_ray.workspace import Workspace

__all__ = ["Encoder", "QueryError"]

BATCH_SIZE = 64  # photos or recipes embedded at once

T = TypeVar("T")


class Encoder:
    """Embeds photos and recipes with one training, as its evaluation embeds a partition.

    The model is read at once; what calibration needs for a photo or for a recipe when the first
    one comes, and then kept.
    """

    def __init__(
        self, trained: TrainedModel, calibration: RunConfig, calibrator: Path, calibrated: Artifact
    ) -> None:
        """Use ``load``, which finds all of this.

        Args:
            trained: The model, on its device.
            calibration: The run of the calibration.
            calibrator: Folder of the fitted parts.
            calibrated: What they made, on which the model was trained.
        """
        self._trained, self._calibrated, self._calibrator = trained, calibrated, calibrator
        # How features were computed is the calibration's to say, not the training's run file.
        self._run = replace(calibration, model=trained.run.model)

    @classmethod
    def load(
        cls,
        checkpoint: Path,
        workspace: Workspace,
        device: torch.device | str | None = None,
    ) -> "Encoder":
        """Read a checkpoint, and find the calibration of its workspace.

        Args:
            checkpoint: Folder of a checkpoint, such as ``open_run(...).best_checkpoint``.
            workspace: Where it was calibrated.
            device: Where to compute; None for CUDA if there is one, otherwise the CPU.

        Raises:
            ArtifactError: If the folder is no checkpoint, or one that was trained on other
                calibrated recipes, or the workspace's calibrator is not the one of these.
        """
        calibrated = workspace.open_calibrated()
        calibrator = workspace.open_calibrator_of(calibrated)
        trained = load_model(checkpoint, device or default_device())
        require_equal_hash(
            "calibrated artifact",
            checkpoint,
            trained.origin.calibrated_hash,
            calibrated.content_hash,
            "seje-ray train --run ANOTHER_NAME",
        )
        stored = load_run(workspace.calibrated_run)
        return cls(trained, stored, calibrator.folder, calibrated)

    @property
    def embedding_dim(self) -> int:
        """D."""
        return self._run.model.embedding_dim

    @property
    def shorter_side(self) -> int:
        """Pixels to which photos are made smaller before anything else, as the workspace's were."""
        return self._run.data.shorter_side

    def embed_photos(self, files: Sequence[bytes]) -> np.ndarray:
        """Unit image embeddings (n, D) float32 of photos.

        Args:
            files: Bytes of image files of any format that Pillow reads.

        Raises:
            QueryError: If one is no usable photo.
        """
        return self.embed_jpegs([self._prepared(number, f) for number, f in enumerate(files)])

    def embed_jpegs(self, jpegs: Sequence[bytes]) -> np.ndarray:
        """Unit image embeddings (n, D) float32 of photos as ``load_image`` gives them."""
        return self._batched(jpegs, self._embed_jpegs)

    def embed_recipes(self, recipes: Sequence[RecipeText]) -> np.ndarray:
        """Unit recipe embeddings (n, D) float32.

        Raises:
            QueryError: If instructions have no vectors, since calibration was given these.
            ArtifactError: If the text model is not the one of the calibrated recipes.
        """
        return self._batched(recipes, self._embed_recipes)

    def _prepared(self, number: int, file: bytes) -> bytes:
        jpeg = to_jpeg(file, shorter_side=self.shorter_side)
        if isinstance(jpeg, bytes):
            return jpeg
        reason, detail = jpeg
        raise QueryError(f"photo {number}: {reason} ({detail}); give a photo, e.g. a JPEG file")

    def _batched(self, items: Sequence[T], embed: Callable[[Sequence[T]], Tensor]) -> np.ndarray:
        """Embed a batch at a time."""
        with torch.inference_mode():
            parts = [
                embed(items[start : start + BATCH_SIZE]).float().cpu()
                for start in range(0, len(items), BATCH_SIZE)
            ]
        none = torch.empty(0, self.embedding_dim)
        together: np.ndarray = torch.cat([none, *parts]).numpy()
        return together

    def _embed_jpegs(self, jpegs: Sequence[bytes]) -> Tensor:
        trained, device = self._trained, self._trained.device
        features = self._photos.extract(jpegs)
        if trained.pixels is None:
            assert features.pooled is not None
            images = features.pooled
        else:
            images = trained.pixels.stack([trained.pixels.crop_of(jpeg, None) for jpeg in jpegs])
        category = image_category_input(
            self._run.model, torch.from_numpy(features.category_vectors).to(device)
        )
        with autocast(trained.run, device):
            return trained.model.embed_images(torch.from_numpy(images).to(device), category)

    def _embed_recipes(self, recipes: Sequence[RecipeText]) -> Tensor:
        trained = self._trained
        inputs = recipe_inputs(self._run.model, self._recipes.features(recipes))
        with autocast(trained.run, trained.device):
            embedded: Tensor = trained.model.recipe_encoder(moved(inputs, trained.device))
        return embedded

    @cached_property
    def _photos(self) -> PhotoExtractor:
        return PhotoExtractor(
            self._run,
            self._calibrator,
            self._trained.device,
            seen=calibrated_photos(self._run, self._calibrator, self._calibrated),
        )

    @cached_property
    def _recipes(self) -> RecipeExtractor:
        return RecipeExtractor(self._run, self._calibrator, self._calibrated, self._trained.device)
