"""The steps of ``transform``: what each adds to a shard's recipes."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch

from seje_ray.artifact import read_shard, write_table
from seje_ray.calibration.categories import Categories
from seje_ray.calibration.category_backoff import (
    CategoryBackoff,
    categories_of_classes,
    image_votes,
)
from seje_ray.calibration.corpus import PARTS, parts_alone, recipe_text
from seje_ray.calibration.recipe_parts import COLUMNS as TEXT_COLUMNS
from seje_ray.calibration.recipe_parts import RecipeParts, part_vectors
from seje_ray.calibration.sentence_encoder import Steps
from seje_ray.calibration.text_model import TextModel
from seje_ray.calibration.text_tokens import COLUMNS as TOKEN_COLUMNS
from seje_ray.calibration.text_tokens import LineTokenizer, part_tokens
from seje_ray.config import RunConfig
from seje_ray.distributed.process import default_device
from seje_ray.features.photos import PhotoExtractor
from seje_ray.features.texts import (
    lexicon_of,
    sentence_vectors_of,
    stored_language,
    text_calibrator_of,
    token_limits,
)
from seje_ray.pipeline.columns import (
    matrix,
    offsets_of,
    ragged_array,
    vector_dim,
    vectors_array,
    with_columns,
)
from seje_ray.pipeline.stage import Item, lease_of
from seje_ray.schema import RECIPES
from seje_ray.schema import calibrated as calibrated_schema
from seje_ray.workspace import Workspace

PHOTOS = "images"  # column that is read where photos are needed, and not carried along
TEXTS = [name for name in RECIPES.names if name != PHOTOS]
TERMS = "lexical_terms"
PARTIAL = "partial_is_there"
VOTES = "image_votes"  # column that only ``FillCategories`` reads


def read_texts(item: Item) -> pa.Table | None:
    """The recipes of a shard that have a photo, without it; None if there is none."""
    table = _with_photo(item, TEXTS)
    return table if table.num_rows else None


def _with_photo(item: Item, columns: Sequence[str]) -> pa.Table:
    """Columns of those rows of the item's recipes that have a photo."""
    path = Path(item["source"])
    num_photos = pc.list_value_length(read_shard(path, [f"{PHOTOS}.list.element.id"])[PHOTOS])
    return read_shard(path, columns).filter(pc.greater(num_photos, 0))


class AddTextFeatures:
    """Text columns -> key terms with scores, f_term, and the category."""

    def __init__(self, run: RunConfig, workspace: Workspace) -> None:
        self._calibrator = text_calibrator_of(run.calibrate, workspace.calibrator, default_device())

    def __call__(self, item: Item, table: pa.Table) -> pa.Table:
        """Append the columns to one shard."""
        features = self._calibrator.features([recipe_text(row) for row in table.to_pylist()])
        vectors = np.array([f.key_term_vector for f in features], dtype=np.float32)
        dim = self._calibrator.word_vectors.dim
        columns = {
            "key_terms": pa.array([f.key_terms for f in features], pa.list_(pa.string())),
            "key_term_scores": pa.array(
                [f.key_term_scores for f in features], pa.list_(pa.float32())
            ),
            "num_missing_terms": pa.array([f.num_missing_terms for f in features], pa.int32()),
            "num_rescued_lines": pa.array([f.num_rescued_lines for f in features], pa.int32()),
            "num_unknown_lines": pa.array([f.num_unknown_lines for f in features], pa.int32()),
            "key_term_vector": vectors_array(vectors.reshape(-1, dim)),
            "category_id": pa.array([f.category_id for f in features], pa.int32()),
            "category_source": pa.array([f.category_source for f in features], pa.string()),
        }
        return with_columns(table, columns)


class AddSentenceVectors:
    """Instructions -> f_sent; title, ingredients and steps -> text vectors."""

    def __init__(self, run: RunConfig, workspace: Workspace) -> None:
        config = run.calibrate
        self._max_sentences = config.sentence_encoder.max_sentences
        self._sentence_vectors = sentence_vectors_of(config, workspace.calibrator, default_device())
        self._text_model = None
        if config.text_vectors:
            self._text_model = TextModel(str(config.text_model), default_device())

    def __call__(self, item: Item, table: pa.Table) -> pa.Table:
        """Append the columns to one shard."""
        ids, instructions = table["id"].to_pylist(), table["instructions"].to_pylist()
        recipes = [
            Steps(id_, steps[: self._max_sentences])
            for id_, steps in zip(ids, instructions, strict=True)
        ]
        vectors, is_missing = self._sentence_vectors.of(recipes)
        counts = [len(recipe.sentences) for recipe in recipes]
        num_missing = [int(part.sum()) for part in np.split(is_missing, np.cumsum(counts)[:-1])]
        columns = {
            "sentence_vectors": ragged_array(vectors, counts),
            "num_missing_sentences": pa.array(num_missing, pa.int32()),
        }
        if self._text_model is not None:
            columns |= self._text_vectors(self._text_model, table)
        return with_columns(table, columns)

    def _text_vectors(self, model: TextModel, table: pa.Table) -> dict[str, pa.Array]:
        rows = table.select(["title", "ingredients", "instructions"]).to_pylist()
        recipes = [RecipeParts.of(**row, max_steps=self._max_sentences) for row in rows]
        found = part_vectors(model, recipes)
        return {
            name: ragged_array(part.vectors, part.counts)
            for name, part in zip(TEXT_COLUMNS, found, strict=True)
        }


class AddTextTokens:
    """Title, ingredients and steps -> tokens of a text model."""

    def __init__(self, run: RunConfig) -> None:
        config = run.calibrate
        self._max_steps = config.sentence_encoder.max_sentences
        self._tokenizer = LineTokenizer(str(config.text_model))
        self._limits = token_limits(config)

    def __call__(self, item: Item, table: pa.Table) -> pa.Table:
        """Append the columns to one shard."""
        rows = table.select(["title", "ingredients", "instructions"]).to_pylist()
        recipes = [RecipeParts.of(**row, max_steps=self._max_steps) for row in rows]
        found = part_tokens(self._tokenizer, recipes, self._limits)
        columns = {
            name: pa.ListArray.from_arrays(
                offsets_of(part.counts),
                pa.ListArray.from_arrays(
                    offsets_of(part.line_lengths), pa.array(part.tokens, pa.int32())
                ),
            )
            for name, part in zip(TOKEN_COLUMNS, found, strict=True)
        }
        return with_columns(table, columns)


class AddTerms:
    """Texts -> lexical bags."""

    def __init__(self, workspace: Workspace) -> None:
        self._lexicon = lexicon_of(workspace.calibrator)
        self._language = stored_language(workspace.calibrator)

    def __call__(self, item: Item, table: pa.Table) -> pa.Table:
        """Append the columns to one shard."""
        recipes = [recipe_text(row) for row in table.select(TEXTS).to_pylist()]
        rows = self._lexicon.rows([self._language.prepared(recipe) for recipe in recipes])
        offsets = pa.array(np.concatenate([[0], rows.ends]), pa.int32())
        columns = {
            TERMS: pa.ListArray.from_arrays(offsets, pa.array(rows.terms)),
            "lexical_weights": pa.ListArray.from_arrays(offsets, pa.array(rows.weights)),
        }
        return with_columns(table, columns)


class AddPartialTexts:
    """Texts -> f_term and lexical bag of the title, the ingredients and the steps alone.

    Source: docs/method.md, rule 4.8.
    """

    def __init__(self, run: RunConfig, workspace: Workspace) -> None:
        self._calibrator = text_calibrator_of(run.calibrate, workspace.calibrator, default_device())
        self._lexicon = lexicon_of(workspace.calibrator) if run.calibrate.lexical.enabled else None
        self._language = stored_language(workspace.calibrator)

    def __call__(self, item: Item, table: pa.Table) -> pa.Table:
        """Append the columns to one shard; a part that is not there has the features of nothing."""
        alone = [parts_alone(recipe_text(row)) for row in table.select(TEXTS).to_pylist()]
        recipes = [part for parts in alone for part in parts]
        counts = [len(PARTS)] * len(alone)
        dim = self._calibrator.word_vectors.dim
        found = [f.key_term_vector for f in self._calibrator.features(recipes)]
        vectors = np.array(found, np.float32).reshape(-1, dim)
        is_there = [
            [any(map(str.strip, (r.title, *r.ingredients, *r.instructions))) for r in parts]
            for parts in alone
        ]
        columns: dict[str, pa.Array] = {
            PARTIAL: pa.array(is_there, pa.list_(pa.bool_())),
            "partial_key_term_vectors": ragged_array(vectors, counts),
        }
        if self._lexicon is not None:
            rows = self._lexicon.rows([self._language.prepared(recipe) for recipe in recipes])
            ends = pa.array(np.concatenate([[0], rows.ends]), pa.int32())
            for name, values in (("terms", rows.terms), ("weights", rows.weights)):
                bags = pa.ListArray.from_arrays(ends, pa.array(values))
                nested = pa.ListArray.from_arrays(offsets_of(counts), bags)
                columns[f"partial_lexical_{name}"] = nested
        return with_columns(table, columns)


class AddImageFeatures:
    """Photos -> their category, f_cat, and frozen backbone features."""

    def __init__(self, run: RunConfig, workspace: Workspace) -> None:
        self._extractor = PhotoExtractor(
            run, workspace.calibrator, default_device(), num_threads=max(2, torch.get_num_threads())
        )
        self._category_names = None
        if run.calibrate.categories.backoff == "nearest_and_photos":
            self._category_names = Categories.load(workspace.component("text")).names

    def __call__(self, item: Item, table: pa.Table) -> pa.Table:
        """Append the columns to one shard."""
        rows = _with_photo(item, [PHOTOS])[PHOTOS].to_pylist()
        counts = [len(images) for images in rows]
        features = self._extractor.extract([image["jpeg"] for images in rows for image in images])
        offsets = offsets_of(counts)
        columns = {
            "image_category_ids": pa.ListArray.from_arrays(
                offsets, pa.array(features.category_ids, pa.int32())
            ),
            "image_category_vectors": ragged_array(features.category_vectors, counts),
        }
        if self._category_names is not None:
            votes = image_votes(
                features.probabilities,
                np.array(counts),
                categories_of_classes(self._extractor.class_names, self._category_names),
                len(self._category_names),
            )
            columns[VOTES] = vectors_array(votes)
        if features.pooled is not None:
            columns["image_features"] = ragged_array(features.pooled, counts)
        return with_columns(table, columns)


class FillCategories:
    """Categories of recipes that have none, from f_term and photos."""

    def __init__(self, run: RunConfig, workspace: Workspace) -> None:
        self._backoff = CategoryBackoff.load(workspace.component("category_backoff"))

    def __call__(self, item: Item, table: pa.Table) -> pa.Table:
        """Replace the category columns of one shard."""
        votes = matrix(table[VOTES]) if VOTES in table.column_names else None
        ids, sources = self._backoff.fill(
            table["category_id"].to_numpy(),
            table["category_source"].to_pylist(),
            matrix(table["key_term_vector"]),
            votes,
        )
        columns = {
            "category_id": pa.array(ids, pa.int32()),
            "category_source": pa.array(sources, pa.string()),
        }
        return with_columns(table.drop_columns(list(columns)), columns)


def commit_calibrated(item: Item, table: pa.Table) -> dict[str, object]:
    """Write a calibrated shard, photos included."""
    table = with_columns(table, {PHOTOS: _with_photo(item, [PHOTOS])[PHOTOS]})
    schema = calibrated_schema(
        table.schema.field("key_term_vector").type.list_size,
        table.schema.field("sentence_vectors").type.value_type.list_size,
        vector_dim(table.schema, "image_features"),
        vector_dim(table.schema, TEXT_COLUMNS[0]),
        has_tokens=TOKEN_COLUMNS[0] in table.column_names,
        has_terms=TERMS in table.column_names,
        has_partial=PARTIAL in table.column_names,
    )
    target = Path(item["target"])
    write_table(target, table.select(schema.names).cast(schema), lease_of(item))
    return {"shard": target.name, "rows": table.num_rows}
