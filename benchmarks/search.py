"""CPU seconds of a query over many vectors: exact, and by a graph, beside NumPy and FAISS.

Run: ``python -m benchmarks.search --rows 1000000 --no-graph``, which takes 4 GB of disk for the
vectors; a graph of 100,000 takes minutes to build, one of a million as many times longer. Rows are
made up: a point of a 48-dimensional space each, laid into ``--dim`` dimensions with noise, since
rows of all directions alike have no near neighbours that a graph could follow. Each part runs in a
process of its own, which says its peak memory: with and without the pages of mapped files, which
the system takes back when it needs them. ``--workspace`` times whole queries over a real index
beside the model alone. CPU seconds of all threads: with OMP_NUM_THREADS=1 they are what a query
takes on an idle core.
"""

import multiprocessing
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
NUM_QUERIES = 20
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
    parts = [_exact_ours, _exact_numpy, _exact_faiss, *([_build_graph, _graph] if graph else [])]
    with tempfile.TemporaryDirectory(dir=folder) as made:
        _alone(_make_up, Path(made), rows, dim)
        for part in parts:
            _alone(part, Path(made))
        exact = [np.load(path) for path in sorted(Path(made).glob("exact*.found.npy"))]
        agree = min(_agreement(exact[0], other) for other in exact[1:])
        print(f"the exact ones find the same rows: {agree:.3f}")


def _alone(part: Callable[..., None], *arguments: object) -> None:
    """Run a part in a process of its own."""
    process = multiprocessing.get_context("spawn").Process(target=part, args=arguments)
    process.start()
    process.join()
    if process.exitcode:
        raise SystemExit(f"{part.__name__} ended with {process.exitcode}")


def _agreement(found: np.ndarray, other: np.ndarray) -> float:
    """Share of the rows (n, k) of each query that the other found, too."""
    return float(np.mean([len({*a} & {*b}) / len(a) for a, b in zip(found, other, strict=True)]))


def _make_up(folder: Path, num: int, dim: int) -> None:
    """Unit rows in a file, and queries of the same kind."""
    draws = np.random.default_rng(0)
    basis = draws.standard_normal((LATENT, dim), np.float32) / np.float32(np.sqrt(dim))

    def rows(count: int) -> np.ndarray:
        found = draws.standard_normal((count, LATENT), np.float32) @ basis
        found += NOISE * draws.standard_normal((count, dim), np.float32)
        unit: np.ndarray = found / np.linalg.norm(found, axis=1, keepdims=True)
        return unit

    whole = np.lib.format.open_memmap(folder / "vectors.npy", "w+", np.float32, (num, dim))
    for start in range(0, num, AT_ONCE):
        whole[start : start + AT_ONCE] = rows(min(AT_ONCE, num - start))
    whole.flush()
    np.save(folder / "queries.npy", rows(NUM_QUERIES))
    print(
        f"{num:,} x {dim} float32, {whole.nbytes / 2**30:.2f} GiB, mapped into memory", flush=True
    )


def _opened(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    return np.load(folder / "vectors.npy", mmap_mode="c"), np.load(folder / "queries.npy")


def _exact_ours(folder: Path) -> None:
    vectors, queries = _opened(folder)
    _timed(
        folder,
        "exact, ours",
        lambda query: [row for row, _ in nearest(query, vectors, RESULTS)],
        queries,
    )


def _exact_numpy(folder: Path) -> None:
    vectors, queries = _opened(folder)

    def plain(query: np.ndarray) -> list[int]:
        similarities = vectors @ query
        best = np.argpartition(-similarities, RESULTS)[:RESULTS]
        found: list[int] = best[np.argsort(-similarities[best])].tolist()
        return found

    _timed(folder, "exact, NumPy", plain, queries)


def _exact_faiss(folder: Path) -> None:
    vectors, queries = _opened(folder)
    library = faiss()

    def search(query: np.ndarray) -> list[int]:
        metric = library.METRIC_INNER_PRODUCT
        found: list[int] = library.knn(query[None], vectors, RESULTS, metric=metric)[1][0].tolist()
        return found

    _timed(folder, "exact, FAISS knn", search, queries)


def _build_graph(folder: Path) -> None:
    vectors, _ = _opened(folder)
    graph = Graph.empty(vectors.shape[1])
    began = time.process_time()
    graph.add(vectors)
    seconds = time.process_time() - began
    graph.save(folder / "graph.faiss")
    size = (folder / "graph.faiss").stat().st_size / 2**30
    print(f"graph: built in {seconds:.0f} s of CPUs, {size:.2f} GiB; {_peak()}")
    began = time.process_time()
    facts = measured(graph, vectors, ("rows", folder / "queries.npy"))
    seconds = time.process_time() - began
    (folder / "effort").write_text(str(facts["effort"]))
    print(
        f"graph: effort {facts['effort']}, recall@{RESULTS} {facts['recall']:.3f}, measured in "
        f"{seconds:.0f} s of CPUs",
        flush=True,
    )


def _graph(folder: Path) -> None:
    vectors, queries = _opened(folder)
    mapped = Graph.open(folder / "graph.faiss", int((folder / "effort").read_text()))

    def ours(query: np.ndarray) -> list[int]:
        rows = mapped.candidates(query, RESULTS)
        return [int(rows[row]) for row, _ in nearest(query, vectors[rows], RESULTS)]

    _timed(folder, "graph, candidates compared exactly", ours, queries)
    _timed(
        folder, "graph, FAISS alone", lambda query: [*mapped.candidates(query, RESULTS)], queries
    )


def _timed(
    folder: Path, name: str, search: Callable[[np.ndarray], list[int]], queries: np.ndarray
) -> None:
    """Say the median milliseconds of a query and the memory; keep what was found."""
    found, seconds = [], []
    search(queries[0])
    for query in queries:
        began = time.process_time()
        found.append(search(query))
        seconds.append(time.process_time() - began)
    np.save(folder / f"{name}.found.npy", np.array(found))
    print(
        f"{name}: {1000 * float(np.median(seconds)):.2f} ms of CPUs a query; {_peak()}", flush=True
    )


def _peak() -> str:
    """Peak memory of this process, and how much of it now is its own, not pages of files."""
    lines = Path("/proc/self/status").read_text().splitlines()
    kib = {name: int(value.split()[0]) for name, _, value in (line.partition(":") for line in lines)
           if name in ("VmHWM", "RssAnon")}  # fmt: skip
    return f"peak {kib['VmHWM'] / 2**20:.2f} GiB, {kib['RssAnon'] / 2**20:.2f} GiB its own"


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
