"""HNSW graphs of FAISS over unit rows. Letters: N rows, D dimensions."""

from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any

import numpy as np

from seje_ray.durable import written
from seje_ray.errors import SejeError
from seje_ray.retrieval.search import nearest

NUM_LINKS = 32  # M: links of a row in each layer of the graph
BUILD_EFFORT = 80  # rows that are looked at for the links of a new one
EFFORTS = (32, 64, 128, 256, 512, 1024)  # rows that a search keeps in sight
ROWS_AT_ONCE = 4096  # added to the graph
BYTES_AT_ONCE = 1 << 20  # written of a graph
OVERSAMPLING = 4  # candidates per result, which are then compared exactly
LEAST_CANDIDATES = 100
INSTALL = "pip install 'seje-ray[index]'"


class NoFaissError(SejeError):
    """FAISS is not installed."""


def faiss() -> Any:  # a module that a bare install lacks
    """The library.

    Raises:
        NoFaissError: If it is not there; says how to get it.
    """
    try:
        import faiss as library
    except ImportError as error:
        raise NoFaissError(
            f"a graph over an index needs FAISS: run `{INSTALL}`, or search all vectors with "
            "`--method exact`"
        ) from error
    return library


class Graph:
    """A graph whose rows are stored in half precision; candidates are to be compared exactly.

    Source: Malkov and Yashunin 2018 (HNSW, arXiv:1603.09320); docs/method.md, rule 12.2.
    """

    def __init__(self, index: Any, effort: int = EFFORTS[0]) -> None:
        """Take an index of FAISS; ``effort`` is its efSearch: rows that a search keeps in sight."""
        self._index, self.effort = index, effort

    @classmethod
    def empty(cls, dim: int) -> "Graph":
        """A graph of no rows."""
        library = faiss()
        kind = library.ScalarQuantizer.QT_fp16
        index = library.IndexHNSWSQ(dim, kind, NUM_LINKS, library.METRIC_INNER_PRODUCT)
        index.hnsw.efConstruction = BUILD_EFFORT
        return cls(index)

    @classmethod
    def open(cls, path: Path, effort: int) -> "Graph":
        """Map a file of ``save`` into memory; it must be whole, which FAISS does not check."""
        library = faiss()
        return cls(library.read_index(str(path), library.IO_FLAG_MMAP_IFC), effort)

    @classmethod
    def read(cls, path: Path) -> "Graph":
        """Read a file of ``save`` into memory of its own, so that rows can be added."""
        return cls(faiss().read_index(str(path)))

    def save(self, path: Path) -> None:
        """Write the graph."""
        library = faiss()
        with written(path) as file:  # FAISS passes over an error at the file's end
            library.write_index(self._index, library.PyCallbackIOWriter(file.write, BYTES_AT_ONCE))

    def __len__(self) -> int:
        return int(self._index.ntotal)

    def add(self, rows: np.ndarray, report: Callable[[int], None] = lambda done: None) -> None:
        """Add unit rows (n, D); ``report`` hears how many are there."""
        for start in range(0, len(rows), ROWS_AT_ONCE):
            self._index.add(np.ascontiguousarray(rows[start : start + ROWS_AT_ONCE], np.float32))
            report(len(self))

    def candidates(
        self, query: np.ndarray, num_results: int, allowed: np.ndarray | None = None
    ) -> np.ndarray:
        """Row numbers, rising, among which the nearest are likely to be.

        Args:
            query: Unit vector, (D,).
            num_results: That are wanted in the end.
            allowed: (N,) bool, which rows may be found; None for all.
        """
        library = faiss()
        num = max(OVERSAMPLING * num_results, LEAST_CANDIDATES)
        settings: dict[str, Any] = {"efSearch": max(self.effort, num)}
        if allowed is not None:
            bits = np.packbits(allowed, bitorder="little")  # must outlive the search
            settings["sel"] = library.IDSelectorBitmap(bits)
        parameters = library.SearchParametersHNSW(**settings)
        _, found = self._index.search(np.asarray(query, np.float32)[None], num, params=parameters)
        rows: np.ndarray = np.sort(found[0][found[0] >= 0])
        return rows


def recall(
    graph: Graph, vectors: np.ndarray, queries: np.ndarray, exact: Sequence[AbstractSet[int]]
) -> float:
    """Share of the nearest rows, by exact search, that the graph finds.

    Args:
        graph: Of ``vectors``.
        vectors: Unit rows, (N, D).
        queries: Unit rows, (n, D).
        exact: Nearest rows of each query, by ``nearest_rows``.
    """
    hits = 0
    for query, rows_wanted in zip(queries, exact, strict=True):
        rows = graph.candidates(query, len(rows_wanted))
        found = {int(rows[row]) for row, _ in nearest(query, vectors[rows], len(rows_wanted))}
        hits += len(rows_wanted & found)
    return hits / sum(map(len, exact))


def nearest_rows(
    vectors: np.ndarray, queries: np.ndarray, num_results: int = 10
) -> list[frozenset[int]]:
    """The nearest of the rows (N, D) to each query (n, D), by exact search."""
    return [frozenset(row for row, _ in nearest(query, vectors, num_results)) for query in queries]


def least_effort(
    graph: Graph, vectors: np.ndarray, queries: np.ndarray, wanted: float
) -> tuple[int, float]:
    """The least effort by which the recall@10 is as wanted, and the recall; else the greatest."""
    exact, found = nearest_rows(vectors, queries), 0.0
    for effort in EFFORTS:
        graph.effort = effort
        found = recall(graph, vectors, queries, exact)
        if found >= wanted:
            break
    return graph.effort, found
