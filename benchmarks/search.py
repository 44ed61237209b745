"""CPU seconds of a query over many vectors: exact, and by a graph, beside NumPy and FAISS.

Run: ``python -m benchmarks.search --rows 1000000``, which takes 4 GB of disk for the vectors, 2 GB
for the graph, and hours for it on few cores; ``--no-graph`` leaves it out. Rows are made up: a
point of a 48-dimensional space each, laid into ``--dim`` dimensions with noise, since rows of all
directions alike have no near neighbours that a graph could follow. ``--workspace`` times whole
queries over a real index beside the model alone. CPU seconds of all threads: with
OMP_NUM_THREADS=1 they are what a query takes on an idle core.
"""

import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import click
import numpy as np
import pyarrow.parquet as pq

from seje_ray.artifact import open_artifact
from seje_ray.pipeline.index.derive import measured
from seje_ray.pipeline.index.queries import photo_query, prepared_photo
from seje_ray.pipeline.index.searcher import Searcher
from seje_ray.retrieval.index.graph import Graph, faiss
from seje_ray.retrieval.search import nearest

LATENT = 48  # dimensions that made-up rows vary in
NOISE = 0.02
NUM_QUERIES = 50
AT_ONCE = 20_000  # rows made at a time
RESULTS = 10
BUDGET_MS, BUDGET_RATIO = 20, 1.3  # of a query beside the model's own time


@click.command()
@click.option("--rows", default=100_000, show_default=True)
@click.option("--dim", default=1024, show_default=True)
@click.option("--graph/--no-graph", default=True, show_default=True)
@click.option("--folder", type=click.Path(path_type=Path), help="For the files; else a new one.")
@click.option("--workspace", type=click.Path(path_type=Path), help="Time queries of its index.")
def main(rows: int, dim: int, graph: bool, folder: Path | None, workspace: Path | None) -> None:
    """Print a table."""
    if workspace is not None:
        _whole_queries(workspace)
        return
    with tempfile.TemporaryDirectory(dir=folder) as made:
        vectors, queries = _made_up(Path(made), rows, dim)
        print(f"{rows:,} x {dim} float32, {vectors.nbytes / 2**30:.2f} GiB, mapped into memory")
        _exact(vectors, queries)
        if graph:
            _by_graph(Path(made), vectors, queries)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"peak memory, mapped pages included: {peak:.2f} GiB")


def _made_up(folder: Path, num: int, dim: int) -> tuple[np.ndarray, np.ndarray]:
    """Unit rows in a file, and queries of the same kind."""
    draws = np.random.default_rng(0)
    basis = draws.standard_normal((LATENT, dim)).astype(np.float32) / np.sqrt(dim)

    def rows(count: int) -> np.ndarray:
        latent = draws.standard_normal((count, LATENT)).astype(np.float32)
        found = latent @ basis + NOISE * draws.standard_normal((count, dim)).astype(np.float32)
        unit: np.ndarray = found / np.linalg.norm(found, axis=1, keepdims=True)
        return unit

    path = folder / "vectors.npy"
    whole = np.lib.format.open_memmap(path, "w+", np.float32, (num, dim))
    for start in range(0, num, AT_ONCE):
        whole[start : start + AT_ONCE] = rows(min(AT_ONCE, num - start))
    whole.flush()
    np.save(folder / "queries.npy", rows(NUM_QUERIES))
    return np.load(path, mmap_mode="c"), np.load(folder / "queries.npy")


def _exact(vectors: np.ndarray, queries: np.ndarray) -> None:
    flat = faiss().IndexFlatIP(vectors.shape[1])
    flat.add(vectors)  # a copy in memory: what FAISS itself is told to do

    def plain(query: np.ndarray) -> set[int]:
        similarities = vectors @ query
        best = np.argpartition(-similarities, RESULTS)[:RESULTS]
        return set(best[np.argsort(-similarities[best])].tolist())

    def ours(query: np.ndarray) -> set[int]:
        return {row for row, _ in nearest(query, vectors, RESULTS)}

    def library(query: np.ndarray) -> set[int]:
        return set(flat.search(query[None], RESULTS)[1][0].tolist())

    found = {
        name: _timed(f"exact: {name}", search, queries)
        for name, search in (("ours", ours), ("NumPy", plain), ("FAISS IndexFlatIP", library))
    }
    agree = np.mean(
        [len(a & b) / RESULTS for a, b in zip(found["ours"], found["NumPy"], strict=True)]
    )
    print(f"  the same rows as NumPy: {agree:.3f}")


def _by_graph(folder: Path, vectors: np.ndarray, queries: np.ndarray) -> None:
    graph = Graph.empty(vectors.shape[1])
    began = time.process_time()
    graph.add(vectors)
    print(f"graph: built in {time.process_time() - began:.0f} s of CPUs")
    graph.save(folder / "graph.faiss")
    print(f"graph: file of {(folder / 'graph.faiss').stat().st_size / 2**30:.2f} GiB")
    facts = measured(graph, vectors, folder / "queries.npy")
    mapped = Graph.open(folder / "graph.faiss", facts["effort"])
    print(f"graph: effort {facts['effort']}, recall@{RESULTS} {facts['recall']:.3f}")

    def ours(query: np.ndarray) -> set[int]:
        rows = mapped.candidates(query, RESULTS)
        return {int(rows[row]) for row, _ in nearest(query, vectors[rows], RESULTS)}

    _timed("graph: ours, compared exactly", ours, queries)
    _timed("graph: FAISS alone", lambda query: set(mapped.candidates(query, RESULTS)), queries)


def _timed(
    name: str, search: Callable[[np.ndarray], set[int]], queries: np.ndarray
) -> list[set[int]]:
    """Median milliseconds of a query; what was found."""
    found, seconds = [], []
    search(queries[0])
    for query in queries:
        began = time.process_time()
        found.append(search(query))
        seconds.append(time.process_time() - began)
    print(f"{name}: {1000 * float(np.median(seconds)):.2f} ms of CPUs a query")
    return found


def _whole_queries(workspace: Path, num: int = 20) -> None:
    """A photo's query from its bytes to its results, and the model's part of it."""
    searcher = Searcher.open(workspace)
    recipes = open_artifact(workspace / "recipes", "recipes")
    table = pq.read_table(recipes.shards()[0], columns=["images"]).to_pylist()
    photos = [row["images"][0]["jpeg"] for row in table if row["images"]][:num]
    encoder = searcher.encoder
    searcher.photo(photos[0])
    model, whole = [], []
    for photo in photos:
        jpeg = prepared_photo(encoder, photo)
        began = time.process_time()
        encoder.see([jpeg])
        model.append(time.process_time() - began)
        began = time.process_time()
        searcher.find(photo_query(encoder, [photo]), "recipes", RESULTS)
        whole.append(time.process_time() - began)
    alone, all_of_it = 1000 * float(np.median(model)), 1000 * float(np.median(whole))
    allowed = BUDGET_RATIO * alone + BUDGET_MS
    print(
        f"a photo among {len(searcher.index.side('recipes')):,} recipes: {all_of_it:.1f} ms, the "
        f"model alone {alone:.1f} ms; at most {allowed:.1f} ms are allowed"
    )


if __name__ == "__main__":
    main()
