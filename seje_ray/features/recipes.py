"""Features of recipes as calibration computes them, for the recipe encoder of a training."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from seje_ray.artifact import Artifact, require_equal_hash
from seje_ray.calibration.calibrator import TextCalibrator, TextFeatures
from seje_ray.calibration.corpus import RecipeText
from seje_ray.calibration.lexical import Lexicon
from seje_ray.calibration.recipe_parts import RecipeParts, part_vectors
from seje_ray.calibration.sentence_encoder import SentenceVectors, Steps
from seje_ray.calibration.text_model import TextModel, text_model_hash
from seje_ray.calibration.text_tokens import LineTokenizer, part_tokens, tokenizer_hash
from seje_ray.config import RunConfig
from seje_ray.errors import SejeError
from seje_ray.features.inputs import (
    Reads,
    RecipeFeatures,
    Sentences,
    TextBatch,
    padded,
    padded_bags,
    stacked,
    text_shape_of,
)
from seje_ray.features.texts import (
    lexicon_of,
    sentence_vectors_of,
    stored_language,
    text_calibrator_of,
    token_limits,
)
from seje_ray.features.tokens import TokenBatch, recipes_of, token_batch
from seje_ray.models.recipe_encoder import Bags


class QueryError(SejeError):
    """A query cannot be used; says why."""


class RecipeExtractor:
    """Computes what a recipe encoder reads; each part of the calibration is read when needed.

    Args:
        run: The run of the calibration, with the model that was trained.
        calibrator: Folder of the fitted parts.
        calibrated: Of this calibration.
        device: Where networks compute.
        are_own: Whether the recipes are those of the calibration, so that their ids are known.
    """

    def __init__(
        self,
        run: RunConfig,
        calibrator: Path,
        calibrated: Artifact,
        device: torch.device,
        *,
        are_own: bool = False,
    ) -> None:
        self._run, self._calibrator, self._calibrated = run, calibrator, calibrated
        self._device, self._are_own = device, are_own
        self._max_steps = run.calibrate.sentence_encoder.max_sentences

    def text_features(self, recipes: Sequence[RecipeText]) -> list[TextFeatures]:
        """Key terms and category of each recipe."""
        return self._texts.features(recipes)

    def features(
        self, recipes: Sequence[RecipeText], known: Sequence[TextFeatures] | None = None
    ) -> RecipeFeatures:
        """What the trained model reads of at least one recipe, on the CPU.

        Args:
            recipes: Their texts.
            known: What ``text_features`` gave for them, if it was asked.

        Raises:
            QueryError: If instructions have no vectors, since calibration was given these.
            ArtifactError: If the text model is not the one of the calibrated recipes.
        """
        reads = Reads.of(self._run.model)
        return RecipeFeatures(
            sentences=self._sentences(recipes) if reads.sentences else None,
            texts=self._text_vectors(recipes) if reads.texts else None,
            key_term_vectors=self._key_term_vectors(recipes, known) if reads.key_terms else None,
            bags=self._bags(recipes) if reads.lexical else None,
            tokens=self._tokens(recipes) if reads.tokens else None,
        )

    def _bags(self, recipes: Sequence[RecipeText]) -> Bags:
        """Lexical bags."""
        language = stored_language(self._calibrator)
        rows = self._lexicon.rows([language.prepared(recipe) for recipe in recipes])
        terms, weights = (np.split(part, rows.ends[:-1]) for part in (rows.terms, rows.weights))
        return padded_bags(terms, weights)

    def _key_term_vectors(
        self, recipes: Sequence[RecipeText], known: Sequence[TextFeatures] | None
    ) -> Tensor:
        """f_term."""
        features = self.text_features(recipes) if known is None else known
        return stacked([found.key_term_vector for found in features])

    def _sentences(self, recipes: Sequence[RecipeText]) -> Sentences:
        """f_sent."""
        # Another's text need not be that of the recipe with its id.
        steps = [
            Steps(recipe.id if self._are_own else None, recipe.instructions[: self._max_steps])
            for recipe in recipes
        ]
        vectors, is_missing = self._sentence_vectors.of(steps)
        ends = np.cumsum([len(recipe.sentences) for recipe in steps])[:-1]
        by_recipe = np.split(vectors.reshape(-1, self._sentence_vectors.dim), ends)
        for recipe, missing in zip(recipes, np.split(is_missing, ends), strict=True):
            if self._run.model.use_sentences and missing.any() and not self._are_own:
                raise QueryError(
                    f"recipe {recipe.id!r}: its instructions need a sentence encoder, and this "
                    "calibration took sentence vectors from a file; search by the id of a recipe "
                    "of the partition, or calibrate with another "
                    "calibrate.sentence_encoder.backend"
                )
        return Sentences(*padded(by_recipe))

    def _text_vectors(self, recipes: Sequence[RecipeText]) -> TextBatch:
        """Vectors of title, ingredients and steps."""
        tensors: list[Tensor] = []
        for vectors, counts in part_vectors(self._text_model, self._parts(recipes)):
            tensors += padded(np.split(vectors, np.cumsum(counts)[:-1]))
        return TextBatch(*tensors)

    def _tokens(self, recipes: Sequence[RecipeText]) -> TokenBatch:
        """Title, ingredients and steps as texts of the text tower."""
        shape = text_shape_of(self._run.model, self._calibrated.manifest.facts)
        assert shape is not None
        limits = token_limits(self._run.calibrate)
        parts = part_tokens(self._tokenizer, self._parts(recipes), limits)
        return token_batch(recipes_of(parts), shape)

    def _parts(self, recipes: Sequence[RecipeText]) -> list[RecipeParts]:
        return [
            RecipeParts.of(r.title, r.ingredients, r.instructions, max_steps=self._max_steps)
            for r in recipes
        ]

    @cached_property
    def _sentence_vectors(self) -> SentenceVectors:
        return sentence_vectors_of(self._run.calibrate, self._calibrator, self._device)

    @cached_property
    def _lexicon(self) -> Lexicon:
        return lexicon_of(self._calibrator)

    @cached_property
    def _texts(self) -> TextCalibrator:
        return text_calibrator_of(self._run.calibrate, self._calibrator, self._device)

    @cached_property
    def _text_model(self) -> TextModel:
        name = str(self._run.calibrate.text_model)
        self._require_same("text model", "text_model", text_model_hash(name))
        return TextModel(name, self._device)

    @cached_property
    def _tokenizer(self) -> LineTokenizer:
        name = str(self._run.calibrate.text_model)
        self._require_same("tokenizer", "tokenizer", tokenizer_hash(name))
        return LineTokenizer(name)

    def _require_same(self, what: str, key: str, found: str) -> None:
        """Refuse what is not as the calibrated recipes were made with."""
        folder, expected = self._calibrated.folder, self._calibrated.manifest.plan.inputs[key]
        require_equal_hash(what, folder, found, expected, "seje-ray calibrate")
