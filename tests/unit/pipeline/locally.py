"""The verbs in this process, with one thread: the bytes that Ray's processes give, too."""

import shutil
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from seje_ray.artifact import Artifact
from seje_ray.config import RunConfig
from seje_ray.pipeline.calibrate import Calibrated, calibrate
from seje_ray.pipeline.local import LocalExecutor
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
