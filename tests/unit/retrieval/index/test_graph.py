"""Graphs over unit rows: they find what an exact search finds, also from a file, also grown."""

import numpy as np
import pytest

from seje_ray.retrieval.index.graph import Graph, least_effort, nearest_rows, recall

pytest.importorskip("faiss", reason="needs the extra index")


def unit(num: int, dim: int = 24, seed: int = 0) -> np.ndarray:
    """Random unit rows."""
    rows = np.random.default_rng(seed).standard_normal((num, dim)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def graph_of(rows: np.ndarray) -> Graph:
    """A graph of rows."""
    graph = Graph.empty(rows.shape[1])
    graph.add(rows)
    return graph


def test_a_graph_finds_nearly_all_of_the_nearest_and_says_how_many():
    """The effort is raised until the recall is as wanted."""
    rows, queries = unit(2000), unit(20, seed=1)
    graph = graph_of(rows)

    effort, found = least_effort(graph, rows, queries, 0.95)

    assert found >= 0.95
    assert found == recall(graph, rows, queries, nearest_rows(rows, queries))
    assert effort == graph.effort


def test_a_graph_comes_back_from_its_file_and_grows(tmp_path):
    """Mapped into memory it finds the same; read whole it takes more rows."""
    rows, more = unit(500), unit(100, seed=2)
    graph = graph_of(rows)
    graph.save(tmp_path / "graph.faiss")

    mapped = Graph.open(tmp_path / "graph.faiss", graph.effort)
    np.testing.assert_array_equal(mapped.candidates(rows[3], 5), graph.candidates(rows[3], 5))
    grown = Graph.read(tmp_path / "graph.faiss")
    grown.add(more)

    assert (len(mapped), len(grown)) == (500, 600)
    assert 537 in grown.candidates(more[37], 1)


def test_rows_that_are_not_allowed_are_not_found():
    """Whichever they are, and others come in their place."""
    rows = unit(300)
    allowed = np.arange(300) % 3 != 0

    found = graph_of(rows).candidates(rows[0], 10, allowed)

    assert len(found) >= 10
    assert allowed[found].all()
