"""Pairs of a calibrated workspace as the baselines take them.

Letters: N pairs, F image features.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from seje_ray.artifact import Artifact, read_columns
from seje_ray.baselines.text_space import weighted_text
from seje_ray.config import RunConfig
from seje_ray.console.progress import Bars
from seje_ray.distributed.process import default_device
from seje_ray.features.photos import BATCH_SIZE, CPU_BATCH_SIZE
from seje_ray.features.pooled_photos import PooledPhotos
from seje_ray.store.mirror import pull
from seje_ray.training.subset import rows_by_shard
from seje_ray.workspace import Workspace


@dataclass(frozen=True, slots=True)
class RawPairs:
    """Rows of a partition, in the order of its shards."""

    ids: tuple[str, ...]
    image_ids: tuple[str, ...]  # of the first photos
    titles: tuple[str, ...]
    category_ids: np.ndarray  # (N,) int32
    texts: tuple[str, ...]

    def at(self, rows: np.ndarray) -> "RawPairs":
        """Some of the rows."""
        ids, image_ids, titles, texts = (
            tuple(column[row] for row in rows)
            for column in (self.ids, self.image_ids, self.titles, self.texts)
        )
        return RawPairs(ids, image_ids, titles, self.category_ids[rows], texts)


def read_pairs(calibrated: Artifact, partition: str, rows: np.ndarray) -> RawPairs:
    """Names and texts of some pairs of a partition.

    Args:
        calibrated: The artifact.
        partition: train, val or test.
        rows: Their row numbers, rising.
    """
    columns = ["id", "title", "category_id", "ingredients", "instructions"]
    columns.append("images.list.element.id")
    tables = _tables(calibrated, partition, rows, columns)
    found = [row for table in tables for row in table.to_pylist()]
    return RawPairs(
        tuple(row["id"] for row in found),
        tuple(row["images"][0]["id"] for row in found),
        tuple(row["title"] for row in found),
        np.array([row["category_id"] for row in found], dtype=np.int32),
        tuple(
            weighted_text(row["title"], row["ingredients"], row["instructions"]) for row in found
        ),
    )


class FirstPhotos:
    """Features of each pair's first photo: the stored ones, or computed where none are."""

    def __init__(self, run: RunConfig, workspace: Workspace, calibrated: Artifact) -> None:
        """Load the network, if one is needed.

        Raises:
            ArtifactError: If its weights are missing.
        """
        self._calibrated, self._photos = calibrated, None
        if calibrated.manifest.facts["feature_dim"] is None:
            device = default_device()
            self._photos = PooledPhotos.of(run, pull(workspace.calibrator, keeps_own=True), device)
            self._batch_size = CPU_BATCH_SIZE if device.type == "cpu" else BATCH_SIZE

    @property
    def source(self) -> str:
        """Where they come from, in words."""
        if self._photos is not None:
            return f"computed by {self._photos.name}"
        stored = self._calibrated.manifest.facts["image_features_of"]
        return f"stored ones of {stored['name']}"

    def read(self, partition: str, rows: np.ndarray) -> np.ndarray:
        """Features (N, F) float32 of ``rows`` (rising, at least one) of a partition."""
        if self._photos is not None:
            return self._computed(self._photos, partition, rows)
        tables = _tables(self._calibrated, partition, rows, ["image_features"])
        return np.concatenate([_first_vectors(table.column(0)) for table in tables])

    def _computed(self, photos: PooledPhotos, partition: str, rows: np.ndarray) -> np.ndarray:
        found: list[np.ndarray] = []
        with Bars() as bars:
            report, done = bars.bar(f"{partition} photos", "photos", len(rows)), 0
            for table in _tables(self._calibrated, partition, rows, ["images"]):
                jpegs = [images[0]["jpeg"] for images in table.column(0).to_pylist()]
                for start in range(0, len(jpegs), self._batch_size):
                    found.append(photos.features(jpegs[start : start + self._batch_size]))
                    done += len(found[-1])
                    report(done)
        return np.concatenate(found)


def _tables(
    calibrated: Artifact, partition: str, rows: np.ndarray, columns: list[str]
) -> Iterator[pa.Table]:
    """The rows of each shard that has some, shard after shard."""
    within = rows_by_shard(rows, calibrated.counts(partition))
    for path, own in zip(calibrated.shards(partition), within, strict=True):
        if len(own):
            yield read_columns(path, columns).take(pa.array(own))


def _first_vectors(column: pa.ChunkedArray) -> np.ndarray:
    """First vector of each row's list, all views of a photo one after another, (N, F)."""
    return np.array([np.ravel(row[0]) for row in column.to_pylist()], dtype=np.float32)
