"""Embedding of one photo or one recipe that the model has never seen."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from seje_ray.artifact import require_equal_hash
from seje_ray.calibration.corpus import RecipeText
from seje_ray.calibration.recipe_parts import RecipeParts, part_vectors
from seje_ray.calibration.sentence_encoder import Steps
from seje_ray.calibration.text_model import TextModel, text_model_hash
from seje_ray.config import load_run
from seje_ray.errors import SejeError
from seje_ray.features.checkpoint import load_model_weights, read_origin
from seje_ray.features.model import FeatureDims, build_model, pixels_of
from seje_ray.features.photos import PhotoExtractor
from seje_ray.features.texts import sentence_vectors_of, text_calibrator_of
from seje_ray.models.joint_embedding import JointEmbedding
from seje_ray.workspace import Workspace


class QueryError(SejeError):
    """A query cannot be used; says why."""


class QueryEmbedder:
    """Calibrates and embeds queries with a checkpoint and the calibrator of its workspace."""

    def __init__(self, checkpoint: Path, workspace: Workspace) -> None:
        """Read the model; a branch's calibration is read when first used.

        Raises:
            ArtifactError: If the workspace's calibrator is not the one of its calibrated recipes.
        """
        run, origin = read_origin(checkpoint)
        calibrator = workspace.open_calibrator()
        calibrated = workspace.open_calibrated()
        require_equal_hash(
            "calibrator",
            calibrated.folder,
            calibrated.manifest.plan.inputs["calibrator"],
            calibrator.content_hash,
            "seje-ray calibrate",
        )
        # How features were computed is the calibration's to say, not the training's run file.
        stored = load_run(workspace.calibrated_run)
        self._run = replace(run, calibrate=stored.calibrate)
        self._calibrator, self._calibrated = calibrator.folder, calibrated
        model = build_model(run, FeatureDims.of(origin.facts), load_weights=False)
        assert isinstance(model, JointEmbedding)
        load_model_weights(model, checkpoint)
        self._model = model

    @torch.inference_mode()
    def embed_photo(self, jpeg: bytes) -> np.ndarray:
        """Unit image embedding (D,) of a photo, as ``load_image`` gives it."""
        extractor = PhotoExtractor(self._run, self._calibrator, torch.device("cpu"))
        features = extractor.extract([jpeg])
        if self._model.backbone is None:
            assert features.pooled is not None
            pooled = torch.from_numpy(features.pooled)
        else:
            pixels = pixels_of(self._run.model.backbone)
            pooled = self._model.backbone(
                torch.from_numpy(pixels.stack([pixels.crop_of(jpeg, None)]))
            )
        category = _used(features.category_vectors, self._run.model.use_image_category)
        embedding: np.ndarray = self._model.image_head(pooled, category)[0].float().numpy()
        return embedding

    @torch.inference_mode()
    def embed_recipe(self, recipe: RecipeText) -> np.ndarray:
        """Unit recipe embedding (D,) of a recipe's texts.

        Raises:
            QueryError: If its instructions have no vectors, since calibration was given these.
            ArtifactError: If the text model is not the one of the calibrated recipes.
        """
        is_transformer = self._run.model.recipe_encoder == "transformer"
        inputs = self._texts(recipe) if is_transformer else self._features(recipe)
        embedding: np.ndarray = self._model.recipe_encoder(*inputs)[0].float().numpy()
        return embedding

    def _features(self, recipe: RecipeText) -> tuple[Tensor, ...]:
        """What the LSTM encoder takes."""
        config, model = self._run.calibrate, self._run.model
        sentences, num_sentences = self._sentences(recipe)
        [text] = text_calibrator_of(config, self._calibrator).features([recipe])
        return (
            _used(sentences[None], model.use_sentences),
            torch.tensor([num_sentences]),
            _used(text.key_term_vector[None], model.use_key_terms),
        )

    def _texts(self, recipe: RecipeText) -> tuple[Tensor, ...]:
        """What the transformer encoder takes."""
        config, name = self._run.calibrate, str(self._run.calibrate.text_model)
        expected = self._calibrated.manifest.plan.inputs["text_model"]
        require_equal_hash(
            "text model", self._calibrated.folder, text_model_hash(name), expected,
            "seje-ray calibrate",
        )  # fmt: skip
        model = TextModel(name)
        parts = RecipeParts.of(
            recipe.title,
            recipe.ingredients,
            recipe.instructions,
            max_steps=config.sentence_encoder.max_sentences,
        )
        inputs: list[Tensor] = []
        for vectors, counts in part_vectors(model, [parts]):
            rows = vectors if len(vectors) else np.zeros((1, model.dim), np.float32)
            inputs += [torch.from_numpy(rows[None]), torch.tensor(counts)]
        return tuple(inputs)

    def _sentences(self, recipe: RecipeText) -> tuple[np.ndarray, int]:
        """Sentence vectors, at least one row, and how many of them count."""
        config = self._run.calibrate
        steps = recipe.instructions[: config.sentence_encoder.max_sentences]
        source = sentence_vectors_of(config, self._calibrator)
        # Whatever its id is: texts of a user's own need not be those of a recipe of that id.
        vectors, is_missing = source.of([Steps(None, steps)])
        if self._run.model.use_sentences and is_missing.any():
            raise QueryError(
                f"recipe {recipe.id!r}: its instructions need a sentence encoder, and this "
                "calibration took sentence vectors from a file; search by the id of a recipe of "
                "the partition, or calibrate with another calibrate.sentence_encoder.backend"
            )
        return (vectors if steps else np.zeros((1, source.dim), np.float32)), len(steps)


def _used(values: np.ndarray, is_used: bool) -> Tensor:
    tensor = torch.from_numpy(values)
    return tensor if is_used else torch.zeros_like(tensor)
