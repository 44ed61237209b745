"""What is made of an index's vectors, and made again when they change: a graph, and hubs."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, assert_never

import numpy as np
import torch

from seje_ray.artifact import Artifact
from seje_ray.building import with_facts
from seje_ray.config.evaluate import HubnessConfig
from seje_ray.console.progress import Bars
from seje_ray.durable import committing
from seje_ray.lock import Lease
from seje_ray.pipeline.index.steps import save_vectors
from seje_ray.random_streams import Stream, generator
from seje_ray.retrieval.embeddings import Embeddings
from seje_ray.retrieval.hubness import hubness
from seje_ray.retrieval.index.graph import Graph, faiss, least_effort
from seje_ray.retrieval.index.side import EXACT_UP_TO, GRAPH, HUBS, VECTORS, What, sizes_of

Method = Literal["auto", "exact", "hnsw"]
WANTED_RECALL = 0.95  # of the 10 nearest
NUM_QUERIES = 200  # by which it is measured


def derive(
    artifact: Artifact,
    what: What,
    method: Method,
    queries: tuple[str, Path],
    bank: Embeddings | None,
    config: HubnessConfig,
    lease: Lease | None = None,
) -> Artifact:
    """Make the graph that ``method`` asks for, and the hubs, unless they are there.

    The recall of a graph that has grown since it was measured is measured again.

    Args:
        artifact: One side of an index.
        what: Its rows.
        method: ``auto`` for what was asked for before, else a graph above ``EXACT_UP_TO`` rows.
        queries: Kind and file of the vectors by which the recall is measured.
        bank: Train pairs that tell hubs; None for no hubs.
        config: How many neighbours a hubness is the mean of.
        lease: Of the command.
    """
    facts: dict[str, Any] = {}
    known = artifact.manifest.facts
    vectors = np.load(artifact.folder / VECTORS, mmap_mode="c")
    asked = known.get("asked", "auto") if method == "auto" else method
    wanted = _resolved(asked, len(vectors))
    if asked != known.get("asked", "auto"):
        facts["asked"] = asked
    if wanted != known["method"]:
        if wanted == "hnsw":
            facts |= _with_graph(artifact.folder, vectors, queries, lease)
        facts["method"] = wanted
    elif wanted == "hnsw" and rows_of_recall(known, len(vectors)) != len(vectors):
        graph = Graph.open(artifact.folder / GRAPH, known["effort"])
        facts |= measured(graph, vectors, queries)
    num_neighbours = None if bank is None else config.num_neighbours
    if bank is not None and known.get("hub_neighbours") != num_neighbours:
        others = bank.image_embeddings if what == "recipes" else bank.recipe_embeddings
        hubs = hubness(torch.from_numpy(vectors), torch.from_numpy(others), config.num_neighbours)
        save_vectors(artifact.folder / HUBS, hubs.clamp(-1, 1).numpy(), lease)
        facts["hub_neighbours"] = num_neighbours
    if not facts:
        return artifact
    return with_facts(artifact, {**facts, "sizes": sizes_of(artifact.folder)}, lease)


def _resolved(method: Method, num_rows: int) -> Literal["exact", "hnsw"]:
    match method:
        case "auto":
            return "hnsw" if num_rows > EXACT_UP_TO else "exact"
        case "exact" | "hnsw":
            return method
    assert_never(method)


def _with_graph(
    folder: Path, vectors: np.ndarray, queries: tuple[str, Path], lease: Lease | None
) -> dict[str, Any]:
    """Build the graph and measure its recall."""
    faiss()  # before hours of work
    graph = Graph.empty(vectors.shape[1])
    with Bars() as bars:
        graph.add(vectors, bars.bar("linking", "vectors", len(vectors)))
    with committing(folder / GRAPH, lease) as temporary:
        graph.save(temporary)
    return measured(graph, vectors, queries)


def rows_of_recall(facts: Mapping[str, Any], num_rows: int) -> int:
    """Rows that a graph had when its recall was measured.

    Args:
        facts: Of an index with a graph; of an older version those that it was built with.
        num_rows: That it has now.
    """
    return int(facts.get("recall_rows", num_rows - facts.get("added", 0)))


def measured(graph: Graph, vectors: np.ndarray, queries: tuple[str, Path]) -> dict[str, Any]:
    """Facts of a graph: the effort that its searches need, and their recall.

    Args:
        graph: Of ``vectors``.
        vectors: Unit rows, (N, D).
        queries: Kind and file of the vectors by which it is measured.
    """
    kind, path = queries
    rows = np.load(path, mmap_mode="r")
    draws = generator(Stream.RECALL_QUERIES, 0)
    chosen = np.sort(draws.choice(len(rows), min(NUM_QUERIES, len(rows)), replace=False))
    effort, recall = least_effort(graph, vectors, rows[chosen], WANTED_RECALL)
    return {
        "method": "hnsw",
        "effort": effort,
        "recall": recall,
        "recall_queries": kind,
        "recall_rows": len(vectors),
    }
