"""Arrow schema of every artifact: the only place that names a column and its type.

Letters: E word-vector dimensions, F pooled image features, H text-vector
dimensions, D joint dimensions.
"""

from collections.abc import Callable, Mapping
from typing import Any

import pyarrow as pa

Facts = Mapping[str, Any]  # what a manifest says beside its plan and counts

COMPONENT = "calibrator_"  # before the name of a component of the calibrator

VERSIONS = {  # of each kind of artifact; raised when a column, file or fact of it changes meaning
    "recipes": 2,
    "calibrator": 2,
    f"{COMPONENT}line_tagger": 2,
    f"{COMPONENT}text": 2,
    f"{COMPONENT}word_vectors": 2,
    f"{COMPONENT}sentence_encoder": 2,
    f"{COMPONENT}image_categorizer": 2,
    f"{COMPONENT}category_backoff": 2,
    f"{COMPONENT}lexical": 1,
    "calibrated": 2,
    "run": 3,
    "embeddings": 2,
    "index": 1,
}

UPGRADES: dict[tuple[str, int], Callable[[Facts], Facts]] = {}
"""What is still read: kind and older version -> its facts as the next version has them.

A version that is not here is made again. Shards stay as they are, so a reader of a kind listed
here does without the columns that are newer.
"""

ENTITY = pa.struct([("text", pa.string()), ("valid", pa.bool_())])
IMAGE_FILE = pa.struct([("id", pa.string()), ("location", pa.string())])
IMAGE = pa.struct([("id", pa.string()), ("jpeg", pa.binary())])

_TEXT = [
    ("id", pa.string()),
    ("partition", pa.string()),
    ("title", pa.string()),
    ("ingredients", pa.list_(pa.string())),
    ("instructions", pa.list_(pa.string())),
    ("entities", pa.list_(ENTITY)),  # null if the source has none for this recipe
]

REJECTS = pa.schema([("id", pa.string()), ("reason", pa.string()), ("detail", pa.string())])

RECIPE_TEXTS = pa.schema([*_TEXT, ("images", pa.list_(IMAGE_FILE))])
"""What ``ingest`` spools before it reads photos."""

RECIPES = pa.schema([*_TEXT, ("images", pa.list_(IMAGE))])
"""``recipes/``: one row per recipe; photos as JPEG bytes, the shorter side limited."""


def upgraded(kind: str, version: int, facts: Facts) -> Facts | None:
    """Facts of an artifact as this version has them; None if it can no longer be read."""
    while version < VERSIONS[kind]:
        upgrade = UPGRADES.get((kind, version))
        if upgrade is None:
            return None
        facts, version = upgrade(facts), version + 1
    return facts if version == VERSIONS[kind] else None


def vector(dim: int) -> pa.DataType:
    """Type of one float32 vector of ``dim`` numbers."""
    return pa.list_(pa.float32(), dim)


def calibrated(
    word_dim: int,
    sentence_dim: int,
    feature_dim: int | None,
    text_dim: int | None = None,
    *,
    has_tokens: bool = False,
    has_terms: bool = False,
    has_partial: bool = False,
) -> pa.Schema:
    """``calibrated/``: ``recipes/`` with at least one photo, and the features of phase I.

    Args:
        word_dim: E, dimensions of ``key_term_vector`` and of each image's category vector.
        sentence_dim: Dimensions of each sentence vector.
        feature_dim: F, or None if the image backbone is trained and stores no features.
        text_dim: H, or None if no text vectors are stored.
        has_tokens: Whether the tokens of a text model are stored.
        has_terms: Whether lexical bags are stored.
        has_partial: Whether features of title, ingredients and steps alone are stored.
    """
    columns = [
        *RECIPES,
        pa.field("key_terms", pa.list_(pa.string())),
        pa.field("key_term_scores", pa.list_(pa.float32())),
        pa.field("num_missing_terms", pa.int32()),  # key terms without a word vector
        pa.field("num_rescued_lines", pa.int32()),  # lines that re-examination understood
        pa.field("num_unknown_lines", pa.int32()),  # lines that stay without an entity
        pa.field("key_term_vector", vector(word_dim)),
        pa.field("category_id", pa.int32()),  # 0 is background
        pa.field("category_source", pa.string()),
        pa.field("sentence_vectors", pa.list_(vector(sentence_dim))),
        pa.field("num_missing_sentences", pa.int32()),  # of them, zeros if none was given
        pa.field("image_category_ids", pa.list_(pa.int32())),  # one per photo
        pa.field("image_category_vectors", pa.list_(vector(word_dim))),  # one per photo
    ]
    if feature_dim is not None:
        columns.append(pa.field("image_features", pa.list_(vector(feature_dim))))  # per photo
    if text_dim is not None:
        lines = pa.list_(vector(text_dim))  # one vector per line; blank lines have none
        columns += [
            pa.field(name, lines)
            for name in ("title_vectors", "ingredient_vectors", "step_vectors")
        ]
    if has_tokens:
        tokens = pa.list_(pa.list_(pa.int32()))  # per line, without special tokens
        columns += [
            pa.field(name, tokens) for name in ("title_tokens", "ingredient_tokens", "step_tokens")
        ]
    if has_terms:
        columns += [
            pa.field("lexical_terms", pa.list_(pa.int32())),
            pa.field("lexical_weights", pa.list_(pa.float32())),  # one per term
        ]
    if has_partial:  # three of each, in the order of title, ingredients, steps
        columns += [
            pa.field("partial_is_there", pa.list_(pa.bool_())),
            pa.field("partial_key_term_vectors", pa.list_(vector(word_dim))),
        ]
    if has_partial and has_terms:
        columns += [
            pa.field("partial_lexical_terms", pa.list_(pa.list_(pa.int32()))),
            pa.field("partial_lexical_weights", pa.list_(pa.list_(pa.float32()))),
        ]
    return pa.schema(columns)


def embeddings(embedding_dim: int) -> pa.Schema:
    """``embeddings/NAME/``: both unit embeddings of each pair of one partition."""
    return pa.schema(
        [
            ("id", pa.string()),
            ("image_id", pa.string()),
            ("title", pa.string()),
            ("category_id", pa.int32()),
            ("image_embedding", vector(embedding_dim)),
            ("recipe_embedding", vector(embedding_dim)),
        ]
    )


VECTOR_FACTS = b"seje_ray"  # key of the metadata of a file of vectors: JSON


def vectors(embedding_dim: int) -> pa.Schema:
    """What ``embed`` writes: unit vectors of new recipes and photos."""
    return pa.schema(
        [
            ("id", pa.string()),
            ("kind", pa.string()),  # recipe or photo
            ("recipe", pa.string()),  # whose photo it is; null for a photo of a folder
            ("vector", vector(embedding_dim)),
        ]
    )


INDEX_SHARED = [
    ("id", pa.string()),
    ("partition", pa.string()),
    ("title", pa.string()),  # of the recipe
    ("category", pa.string()),  # of the recipe by its title
    ("content_hash", pa.string()),  # of texts, or of the photo: equal ones are the same
    ("thumbnail", pa.binary()),  # JPEG
]

INDEX_RECIPES = pa.schema(
    [
        *INDEX_SHARED,
        ("ingredients", pa.list_(pa.string())),
        ("instructions", pa.list_(pa.string())),
        ("key_terms", pa.list_(pa.string())),
        ("key_term_scores", pa.list_(pa.float32())),
        ("photos", pa.list_(pa.string())),  # ids
    ]
)
"""``index/NAME/recipes/``: one row per recipe, with or without photos; vectors lie beside it."""

INDEX_PHOTOS = pa.schema(
    [
        *INDEX_SHARED,
        ("recipe", pa.string()),  # whose photo it is
        ("seen_category", pa.string()),  # that the image categorizer sees
        ("seen_score", pa.float32()),  # its probability
    ]
)
"""``index/NAME/photos/``: one row per photo of a recipe."""
