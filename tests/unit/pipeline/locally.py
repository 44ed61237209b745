"""The verbs in this process, with one thread: the bytes that Ray's processes give, too."""

import json
import shutil
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from seje_ray.artifact import Artifact
from seje_ray.config import RunConfig
from seje_ray.pipeline.calibrate import Calibrated, calibrate
from seje_ray.pipeline.index.build import build_index
from seje_ray.pipeline.index.searcher import Searcher
from seje_ray.pipeline.local import LocalExecutor
from seje_ray.pipeline.runs import TrainedRun
from seje_ray.workspace import Workspace

EXECUTOR = LocalExecutor(num_threads=1)


def calibrated_locally(
    run: RunConfig, data: Path | None, workspace: Workspace, **options: Any
) -> Calibrated:
    """``pipeline.calibrate.calibrate`` in this process."""
    return calibrate(run, data, workspace, EXECUTOR, **options)


def copied(workspace: Workspace, folder: Path, *parts: str) -> Workspace:
    """Some parts of a workspace in another one."""
    for part in parts:
        shutil.copytree(workspace.folder / part, folder / part)
    return Workspace(folder)


def rows_of(artifact: Artifact) -> list[dict[str, Any]]:
    """All rows, shard by shard."""
    return [row for path in artifact.shards() for row in pq.read_table(path).to_pylist()]


def searcher(trained: TrainedRun, workspace: Workspace) -> Searcher:
    """A search in all recipes and photos of a workspace."""
    build_index(trained, workspace, EXECUTOR)
    return Searcher.open(workspace, trained.folder.name)


def assert_file_finds_the_same(search: Searcher, folder: Path) -> None:
    """A recipe of the cookbook in ``folder`` finds by a file what it finds as a stored one."""
    own_id = search.index.side("recipes").entries.row(0)["id"]
    layer1 = json.loads((folder / "cookbook-120-0" / "layer1.json").read_text())
    record = next(r for r in layer1 if r["id"] == own_id)
    (folder / "query.jsonl").write_text(json.dumps(record))
    stored = search.recipe(own_id, 3)
    by_file = search.recipe(folder / "query.jsonl", 3)
    assert [hit.id for hit in by_file] == [hit.id for hit in stored]
    for found, known in zip(by_file, stored, strict=True):
        assert found.similarity == pytest.approx(known.similarity, abs=1e-4)
