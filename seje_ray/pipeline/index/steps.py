"""From recipes with their photos to rows of an index; a step holds the model.

Letters: n rows, D dimensions.
"""

import hashlib
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from seje_ray.artifact import read_shard, write_table
from seje_ray.calibration.corpus import recipe_text
from seje_ray.durable import committing, written
from seje_ray.errors import ArtifactError
from seje_ray.features.encoder import Encoder
from seje_ray.lock import Lease
from seje_ray.pipeline.columns import matrix, vectors_array, with_columns
from seje_ray.pipeline.stage import Item, lease_of
from seje_ray.pipeline.stored_data import load_photo
from seje_ray.recipe1m.records import ImageFile
from seje_ray.retrieval.index.entries import GROUP
from seje_ray.schema import INDEX_PHOTOS, INDEX_RECIPES, RECIPES
from seje_ray.store.mirror import fetch
from seje_ray.workspace import Workspace

THUMBNAIL = 192  # pixels of the longer side
QUALITY = 80  # of its JPEG
ADDED = "added"  # partition of recipes that came later
ROWS_AT_ONCE = 4096  # of vectors that are put together
PARTS = "parts"  # folder of the shards' vectors until they are put together
TEXTS = ("id", "partition", "title", "ingredients", "instructions", "entities", "images")


def read_recipes(item: Item) -> pa.Table:
    """A shard of ``recipes/`` with its photos."""
    return read_shard(Path(item["source"]), TEXTS)


def read_texts_of(item: Item) -> pa.Table:
    """A shard of new recipes, their photos not yet read."""
    return pq.read_table(fetch(Path(item["source"])))


class LoadPhotos:
    """Reads the photos of new recipes; those that cannot be used are left out."""

    def __init__(self, shorter_side: int) -> None:
        """Photos are made smaller to ``shorter_side`` pixels, as the workspace's were."""
        self._side = shorter_side

    def __call__(self, item: Item, recipes: pa.Table) -> pa.Table:
        """Rows of ``RECIPES``, of a partition that no training knows."""
        rows = recipes.to_pylist()
        for row in rows:
            row["partition"] = ADDED
            row["images"] = list(self._loaded(row["images"] or []))
        return pa.Table.from_pylist(rows, schema=RECIPES)

    def _loaded(self, images: list[dict[str, str]]) -> Iterator[dict[str, Any]]:
        for image in images:
            file = ImageFile(image["id"], image["location"])
            photo, _ = load_photo(file, shorter_side=self._side)
            if isinstance(photo, bytes):
                yield {"id": image["id"], "jpeg": photo}


class IndexRecipes:
    """Makes a row of each recipe, with or without photos."""

    def __init__(self, checkpoint: Path, workspace: Workspace, *, are_own: bool = True) -> None:
        """Load the model; ``are_own`` where the recipes are those of the workspace."""
        self._encoder = Encoder.load(checkpoint, workspace, are_own=are_own)

    def __call__(self, item: Item, recipes: pa.Table) -> pa.Table:
        """Rows of ``INDEX_RECIPES``, and ``vector``."""
        rows = recipes.to_pylist()
        read = self._encoder.read([recipe_text(row) for row in rows])
        names = self._encoder.category_names
        made = []
        for row, features in zip(rows, read.features, strict=True):
            photos = row["images"] or []
            made.append(
                {
                    **{name: row[name] for name in TEXTS[:5]},
                    "category": names[features.category_id] if features.category_id else None,
                    "content_hash": text_hash(row),
                    "thumbnail": thumbnail(photos[0]["jpeg"]) if photos else None,
                    "key_terms": features.key_terms,
                    "key_term_scores": features.key_term_scores,
                    "photos": [photo["id"] for photo in photos],
                }
            )
        table = pa.Table.from_pylist(made, schema=INDEX_RECIPES)
        return with_columns(table, {"vector": vectors_array(read.embeddings)})


class IndexPhotos:
    """Makes a row of each photo of recipes."""

    def __init__(self, checkpoint: Path, workspace: Workspace) -> None:
        """Load the model."""
        self._encoder = Encoder.load(checkpoint, workspace)

    def __call__(self, item: Item, recipes: pa.Table) -> pa.Table:
        """Rows of ``INDEX_PHOTOS``, and ``vector``."""
        rows = [row for row in recipes.to_pylist() if row["images"]]
        photos = [(row, photo) for row in rows for photo in row["images"]]
        seen = self._encoder.see([photo["jpeg"] for _, photo in photos])
        category_of = self._categories(rows)
        made = []
        for (row, photo), scores in zip(photos, seen.class_scores, strict=True):
            name, score = self._likeliest(scores)
            made.append(
                {
                    "id": photo["id"],
                    "partition": row["partition"],
                    "title": row["title"],
                    "category": category_of[row["id"]],
                    "content_hash": hashlib.sha256(photo["jpeg"]).hexdigest()[:32],
                    "thumbnail": thumbnail(photo["jpeg"]),
                    "recipe": row["id"],
                    "seen_category": name,
                    "seen_score": score,
                }
            )
        table = pa.Table.from_pylist(made, schema=INDEX_PHOTOS)
        return with_columns(table, {"vector": vectors_array(seen.embeddings)})

    def _categories(self, rows: list[dict[str, Any]]) -> dict[str, str | None]:
        """Category of each recipe by its title."""
        names, categories = self._encoder.category_names, self._encoder.categories
        numbers = {row["id"]: categories.of(row["title"], row["id"])[0] for row in rows}
        return {id_: names[number] if number else None for id_, number in numbers.items()}

    def _likeliest(self, scores: np.ndarray) -> tuple[str | None, float | None]:
        """Class with the highest score, but for background; None where nothing was learned."""
        if scores.sum() == 0 or len(scores) < 2:
            return None, None
        number = 1 + int(scores[1:].argmax())
        return self._encoder.photo_classes[number], float(scores[number])


def commit_rows(item: Item, table: pa.Table) -> dict[str, Any]:
    """Write the rows of a shard, and before them their vectors.

    Raises:
        ArtifactError: If a vector is not finite.
    """
    target = Path(item["target"])
    vectors = matrix(table["vector"]) if table.num_rows else np.empty((0, 0), np.float32)
    broken = np.flatnonzero(~np.isfinite(vectors).all(axis=1))
    if len(broken):
        raise ArtifactError(
            f"{item['source']}: {len(broken)} of {len(vectors)} rows have a vector that is not "
            f"finite, the first is {table['id'][int(broken[0])].as_py()}; the training diverged or "
            "its checkpoint is damaged, train again with a lower train.learning_rate"
        )
    lease = lease_of(item)
    save_vectors(part_of(target), vectors, lease)
    write_table(target, table.drop_columns(["vector"]), lease, row_group_size=GROUP)
    return {"shard": target.name, "rows": table.num_rows}


def part_of(shard: Path) -> Path:
    """Where the vectors of a shard lie until they are put together."""
    return shard.parent / PARTS / f"{shard.stem}.npy"


def put_together(path: Path, parts: Sequence[Path], lease: Lease | None = None) -> int:
    """Write the rows of several ``.npy`` files into one; give their dimensions D."""
    arrays = [array for part in parts if len(array := np.load(part, mmap_mode="r"))]
    num, dim = sum(map(len, arrays)), int(arrays[0].shape[1])
    facts = {"descr": "<f4", "fortran_order": False, "shape": (num, dim)}
    # Not into a map of the file: on a full disk that ends the process without a word.
    with committing(path, lease) as temporary, written(temporary) as file:
        np.lib.format.write_array_header_1_0(file, facts)
        for array in arrays:
            for start in range(0, len(array), ROWS_AT_ONCE):
                file.write(array[start : start + ROWS_AT_ONCE].astype("<f4").tobytes())
    return dim


def save_vectors(path: Path, rows: np.ndarray, lease: Lease | None = None) -> None:
    """Write an ``.npy`` file beside and rename it."""
    with committing(path, lease) as temporary, written(temporary) as file:
        np.save(file, rows)


def text_hash(row: dict[str, Any]) -> str:
    """What equal texts have in common."""
    lines = [row["title"], *row["ingredients"], "", *row["instructions"]]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:32]


def thumbnail(jpeg: bytes) -> bytes:
    """A small JPEG of a photo."""
    stream = io.BytesIO()
    with Image.open(io.BytesIO(jpeg)) as photo:
        photo.draft("RGB", (THUMBNAIL, THUMBNAIL))
        photo.thumbnail((THUMBNAIL, THUMBNAIL))
        photo.convert("RGB").save(stream, "JPEG", quality=QUALITY)
    return stream.getvalue()
