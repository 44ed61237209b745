"""The encoder: photos and recipes that the model has never seen, as rows of the joint space.

Letters: n photos or recipes, D joint dimensions, K classes of the image categorizer.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
import torch
from torch import Tensor

from seje_ray.artifact import Artifact, require_equal_hash
from seje_ray.calibration.calibrator import TextFeatures
from seje_ray.calibration.categories import Categories
from seje_ray.calibration.corpus import RecipeText
from seje_ray.config import RunConfig, load_run
from seje_ray.distributed.process import default_device
from seje_ray.features.backbones import calibrated_photos
from seje_ray.features.checkpoint import TrainedModel, load_model
from seje_ray.features.inputs import Reads, image_category_input, moved, recipe_inputs
from seje_ray.features.model import autocast
from seje_ray.features.photos import PhotoExtractor
from seje_ray.features.recipes import QueryError, RecipeExtractor
from seje_ray.models.joint_ensemble import JointEnsemble, MixedEnsemble
from seje_ray.recipe1m.images import to_jpeg
from seje_ray.store.mirror import pull
from seje_ray.workspace import Workspace, component_folder

__all__ = ["Encoder", "PhotosSeen", "QueryError", "RecipesRead"]

BATCH_SIZE = 64  # photos or recipes embedded at once

T = TypeVar("T")


class PhotosSeen(NamedTuple):
    """What the encoder makes of photos."""

    embeddings: np.ndarray  # (n, D) float32, unit rows
    class_scores: np.ndarray  # (n, K) float32, probabilities of ``Encoder.photo_classes``


class RecipesRead(NamedTuple):
    """What the encoder makes of recipes."""

    embeddings: np.ndarray  # (n, D) float32, unit rows
    features: list[TextFeatures]  # key terms and category of each
    are_known: list[bool]  # whether the model knows anything of each: all others have one embedding


class EncoderParts(NamedTuple):
    """What an encoder is made of."""

    trained: TrainedModel  # on its device
    calibration: RunConfig  # the run of the calibration
    calibrator: Path  # folder of the fitted parts
    calibrated: Artifact  # what they made, on which the model was trained

    @property
    def run(self) -> RunConfig:
        """The calibration's run with the model that was trained.

        How features were computed is the calibration's to say, not the training's run file.
        """
        return replace(self.calibration, model=self.trained.run.model)


def members_of(parts: EncoderParts) -> list[EncoderParts]:
    """The parts of each training of an ensemble of one kind; a single training is itself."""
    trained = parts.trained
    if not isinstance(trained.model, JointEnsemble):
        return [parts]
    origin = replace(trained.origin, members={})
    return [
        parts._replace(trained=replace(trained, model=model, origin=origin))
        for model in trained.model.trainings()
    ]


def find_parts(
    checkpoint: Path, workspace: Workspace, device: torch.device | str | None = None
) -> EncoderParts:
    """Read a checkpoint, and find the calibration of its workspace; see ``Encoder.load``."""
    calibrated = workspace.open_calibrated()
    calibrator = workspace.open_calibrator_of(calibrated)
    trained = load_model(pull(checkpoint), device or default_device())
    require_equal_hash(
        "calibrated artifact",
        checkpoint,
        trained.origin.calibrated_hash,
        calibrated.content_hash,
        "seje-ray train --run ANOTHER_NAME",
    )
    stored = load_run(workspace.calibrated_run)
    return EncoderParts(trained, stored, calibrator.folder, calibrated)


class Encoder:
    """Embeds photos and recipes with one training, as its evaluation embeds a partition.

    The model is read at once; what calibration needs for a photo or a recipe when one comes.
    """

    def __init__(
        self,
        trained: TrainedModel,
        calibration: RunConfig,
        calibrator: Path,
        calibrated: Artifact,
        *,
        are_own: bool = False,
    ) -> None:
        """Use ``load``, which finds all of this.

        Args:
            trained: The model, on its device.
            calibration: The run of the calibration.
            calibrator: Folder of the fitted parts.
            calibrated: What they made, on which the model was trained.
            are_own: See ``load``.
        """
        self._are_own = are_own
        self._trained, self._calibrated, self._calibrator = trained, calibrated, calibrator
        told = calibration, calibrator, calibrated
        self._run = EncoderParts(trained, *told).run
        self._kinds = [Encoder(kind, *told, are_own=are_own) for kind in trained.kinds]

    @classmethod
    def load(
        cls,
        checkpoint: Path,
        workspace: Workspace,
        device: torch.device | str | None = None,
        *,
        are_own: bool = False,
    ) -> "Encoder":
        """Read a checkpoint, and find the calibration of its workspace.

        Args:
            checkpoint: Folder of a checkpoint, such as ``open_run(...).best_checkpoint``.
            workspace: Where it was calibrated.
            device: Where to compute; None for CUDA if there is one, otherwise the CPU.
            are_own: Whether recipes are those of the workspace, so that what was given for their
                ids is theirs.

        Raises:
            ArtifactError: If the folder is no checkpoint, or one that was trained on other
                calibrated recipes, or the workspace's calibrator is not the one of these.
        """
        return cls(*find_parts(checkpoint, workspace, device), are_own=are_own)

    @property
    def embedding_dim(self) -> int:
        """D."""
        return self._trained.embedding_dim

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
        return self.see(jpegs).embeddings

    def see(self, jpegs: Sequence[bytes]) -> PhotosSeen:
        """Embeddings and category scores of photos as ``load_image`` gives them."""
        with torch.inference_mode():
            parts = [self._seen(batch) for batch in _batches(jpegs)]
        none = np.empty((0, len(self.photo_classes)), np.float32)
        return PhotosSeen(
            self._together([part for part, _ in parts]),
            np.concatenate([none, *(scores for _, scores in parts)]),
        )

    def embed_recipes(self, recipes: Sequence[RecipeText]) -> np.ndarray:
        """Unit recipe embeddings (n, D) float32.

        Raises:
            QueryError: If instructions have no vectors, since calibration was given these.
            ArtifactError: If the text model is not the one of the calibrated recipes.
        """
        with torch.inference_mode():
            parts = [self._embed_recipes(batch, None)[0] for batch in _batches(recipes)]
        return self._together(parts)

    def read(self, recipes: Sequence[RecipeText]) -> RecipesRead:
        """Embeddings, key terms and categories of recipes; raises as ``embed_recipes`` does.

        A recipe may have parts alone: a title, or ingredient lines.
        """
        parts, features, are_known = [], [], []
        with torch.inference_mode():
            for batch in _batches(recipes):
                found = self._recipes.text_features(batch)
                embedded, known = self._embed_recipes(batch, found)
                parts.append(embedded)
                are_known += known.tolist()
                features += found
        return RecipesRead(self._together(parts), features, are_known)

    @property
    def photo_classes(self) -> tuple[str, ...]:
        """Names of the K classes that ``see`` scores."""
        return tuple(self._photos.class_names)

    @property
    def category_names(self) -> tuple[str, ...]:
        """Names of recipes' categories by their number; the first is background."""
        return tuple(self._calibrated.manifest.facts["category_names"])

    @cached_property
    def categories(self) -> Categories:
        """Finds the category of a title."""
        return Categories.load(component_folder(self._calibrator, "text"))

    def _prepared(self, number: int, file: bytes) -> bytes:
        jpeg = to_jpeg(file, shorter_side=self.shorter_side)
        if isinstance(jpeg, bytes):
            return jpeg
        reason, detail = jpeg
        raise QueryError(f"photo {number}: {reason} ({detail}); give a photo, e.g. a JPEG file")

    def _together(self, parts: Sequence[Tensor]) -> np.ndarray:
        none = torch.empty(0, self.embedding_dim)
        together: np.ndarray = torch.cat([none, *(part.float().cpu() for part in parts)]).numpy()
        return together

    def _seen(self, jpegs: Sequence[bytes]) -> tuple[Tensor, np.ndarray]:
        """Embeddings and category scores of a batch."""
        trained, device = self._trained, self._trained.device
        if isinstance(trained.model, MixedEnsemble):
            found = [kind._seen(jpegs) for kind in self._kinds]
            return trained.model.joined([rows for rows, _ in found]), found[0][1]
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
            embedded = trained.of_one_kind.embed_images(
                torch.from_numpy(images).to(device), category
            )
        return embedded, features.probabilities

    def _embed_recipes(
        self, recipes: Sequence[RecipeText], known: Sequence[TextFeatures] | None
    ) -> tuple[Tensor, Tensor]:
        """Embeddings of a batch, and of which rows the model knows anything, (n,) bool."""
        trained = self._trained
        if isinstance(trained.model, MixedEnsemble):
            made = [kind._embed_recipes(recipes, known) for kind in self._kinds]
            are_known = torch.stack([of_kind for _, of_kind in made]).any(0)
            return trained.model.joined([rows for rows, _ in made]), are_known
        inputs = recipe_inputs(self._run.model, self._recipes.features(recipes, known))
        with autocast(trained.run, trained.device):
            embedded = trained.of_one_kind.embed_recipes(moved(inputs, trained.device))
        if Reads.of(self._run.model).tokens:  # pieces of words, of which it knows all
            return embedded, torch.ones(len(recipes), dtype=torch.bool)
        return embedded, inputs.have_content()

    @cached_property
    def _photos(self) -> PhotoExtractor:
        if self._kinds:
            return self._kinds[0]._photos
        return PhotoExtractor(
            self._run,
            self._calibrator,
            self._trained.device,
            seen=calibrated_photos(self._run, self._calibrator, self._calibrated),
        )

    @cached_property
    def _recipes(self) -> RecipeExtractor:
        if self._kinds:
            return self._kinds[0]._recipes
        return RecipeExtractor(
            self._run,
            self._calibrator,
            self._calibrated,
            self._trained.device,
            are_own=self._are_own,
        )


def _batches(items: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), BATCH_SIZE):
        yield items[start : start + BATCH_SIZE]
