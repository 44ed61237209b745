"""One side of an index, all recipes or all photos, open. Letters: N rows, D dimensions.

Its folder holds ``vectors.npy``, unit rows in the order of the Parquet shards; above a size
``graph.faiss``; where a run corrects for hubs ``hubs.npy``; and, once something was deleted,
``deleted.json``, the numbers of rows that are no longer found.
"""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch

from seje_ray.artifact import Artifact, open_artifact, require_equal_hash
from seje_ray.errors import ArtifactError
from seje_ray.retrieval.index.entries import Entries
from seje_ray.retrieval.index.graph import Graph
from seje_ray.retrieval.search import nearest
from seje_ray.store.mirror import fetch

What = Literal["recipes", "photos"]
WHATS: tuple[What, ...] = ("recipes", "photos")
VECTORS, GRAPH, HUBS, DELETED = "vectors.npy", "graph.faiss", "hubs.npy", "deleted.json"
EXACT_UP_TO = 50_000  # rows that are compared one by one; 200 MB of 1,024 dimensions


class BrokenIndexError(ArtifactError):
    """Files of an index do not belong together, or are not whole."""


@dataclass(frozen=True)
class IndexSide:
    """N rows that can be searched."""

    what: What
    artifact: Artifact
    entries: Entries
    vectors: np.ndarray  # (N, D) float32, mapped into memory
    is_there: np.ndarray  # (N,) bool, False where a row was deleted
    graph: Graph | None
    hubs: np.ndarray | None  # (N,) float32: how near a row is to everything

    @classmethod
    def open(cls, folder: Path, what: What, checkpoint: Path, weights_hash: str) -> "IndexSide":
        """Open the finished index in ``folder``.

        Args:
            folder: Of the artifact.
            what: Its rows.
            checkpoint: Of the training that queries are embedded with.
            weights_hash: Of this checkpoint's weights.

        Raises:
            ArtifactError: If there is none, or it is of another checkpoint.
            BrokenIndexError: If a file is missing or cut off.
        """
        artifact = open_artifact(folder, "index")
        inputs, facts = artifact.manifest.plan.inputs, artifact.manifest.facts
        require_equal_hash(
            f"checkpoint than {checkpoint}",
            folder,
            inputs["weights"],
            weights_hash,
            "seje-ray index",
        )
        for name, size in facts["sizes"].items():
            _require_size(folder / name, int(size))
        entries = Entries(artifact.shards(), facts.get("counts"))
        vectors = np.load(folder / VECTORS, mmap_mode="c")  # torch warns of what is read-only
        if len(entries) != len(vectors):
            raise BrokenIndexError(
                f"{folder}: expected as many vectors as texts, found {len(vectors):,} and "
                f"{len(entries):,}; run `seje-ray index --replace`"
            )
        is_there = np.ones(len(vectors), bool)
        is_there[deleted_rows(folder)] = False
        graph = Graph.open(folder / GRAPH, facts["effort"]) if facts["method"] == "hnsw" else None
        hubs = np.load(folder / HUBS) if HUBS in facts["sizes"] else None
        return cls(what, artifact, entries, vectors, is_there, graph, hubs)

    def __len__(self) -> int:
        return int(self.is_there.sum())

    def require_unchanged(self) -> None:
        """Refuse to go on where another command has added rows, or made the index anew, since.

        Raises:
            ArtifactError: If one has.
        """
        folder = self.artifact.folder
        if open_artifact(folder, "index").content_hash != self.artifact.content_hash:
            raise ArtifactError(f"{folder}: another command has just changed it; repeat this one")

    @cached_property
    def words(self) -> pa.Array:
        """Title and ingredient lines of each recipe as one text, (N,); a line each."""
        lines = self.entries.column("ingredients").combine_chunks()
        titles = self.entries.column("title").combine_chunks()
        return pc.binary_join_element_wise(
            titles, pc.binary_join(lines, "\n"), "\n", null_handling="skip"
        )

    def row(self, id_: str) -> int | None:
        """The row of an id; None if there is none, or it was deleted."""
        number = self.entries.find(id_)
        if number is None or self.is_there[number]:
            return number
        later = np.flatnonzero(self.is_there & (self.entries.column("id").to_numpy() == id_))
        return int(later[0]) if len(later) else None

    def nearest(
        self,
        query: np.ndarray,
        num_results: int,
        allowed: np.ndarray | None = None,
        hub_weight: float = 0.0,
    ) -> list[tuple[int, float]]:
        """(row, cosine) of the nearest rows, nearest first.

        Args:
            query: Unit vector, (D,).
            num_results: >= 1; cut to what may be found.
            allowed: (N,) bool, which rows may be found; None for all.
            hub_weight: By which rows that are near to everything come later.

        Raises:
            BrokenIndexError: If that is asked for and the index does not know these rows.
        """
        mask = self.is_there if allowed is None else self.is_there & allowed
        penalty = None
        if hub_weight:
            if self.hubs is None:
                raise BrokenIndexError(
                    f"{self.artifact.folder}: made without evaluate.hubness, which this search "
                    "corrects by; run `seje-ray index --replace` with the same --set, or search "
                    "with --set evaluate.hubness.weight=0"
                )
            penalty = hub_weight * self.hubs
        if self.graph is None:
            return _exact(query, self.vectors, num_results, mask, penalty)
        if mask.sum() <= EXACT_UP_TO:
            rows = np.flatnonzero(mask)
        else:
            rows = self.graph.candidates(query, num_results, None if mask.all() else mask)
        taken = None if penalty is None else penalty[rows]
        found = _exact(query, self.vectors[rows], num_results, None, taken)
        return [(int(rows[row]), similarity) for row, similarity in found]


def deleted_rows(folder: Path) -> list[int]:
    """Numbers of the rows of an index that are no longer found."""
    path = fetch(folder / DELETED)
    rows: list[int] = json.loads(path.read_text())["rows"] if path.is_file() else []
    return rows


def sizes_of(folder: Path) -> dict[str, int]:
    """Bytes of each file of an index, as its manifest keeps them."""
    paths = [folder / name for name in (VECTORS, GRAPH, HUBS)]
    found = [path for path in paths if path.is_file()] + sorted(folder.glob("*-*.parquet"))
    return {path.name: path.stat().st_size for path in found}


def _exact(
    query: np.ndarray,
    vectors: np.ndarray,
    num_results: int,
    allowed: np.ndarray | None,
    penalty: np.ndarray | None,
) -> list[tuple[int, float]]:
    return nearest(
        query,
        vectors,
        num_results,
        allowed=None if allowed is None or allowed.all() else torch.from_numpy(allowed),
        penalty=None if penalty is None else torch.from_numpy(penalty),
    )


def _require_size(path: Path, expected: int) -> None:
    """Refuse a file that is cut off: the libraries that read it would not notice, or crash."""
    found: Any = path.stat().st_size if path.is_file() else "none"
    if found != expected:
        raise BrokenIndexError(
            f"{path}: expected a file of {expected:,} bytes, found {found}; it is cut off or of "
            "another index, run `seje-ray index --replace`"
        )
