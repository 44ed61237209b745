"""Calibrated workspaces, and one process to compute in."""

import pytest

from seje_ray.pipeline.local import LocalExecutor
from seje_ray.workspace import Workspace
from tests.unit.pipeline.calibrated import calibrated_workspace


@pytest.fixture
def workspace(tmp_path) -> Workspace:
    """Of the test's own, with made-up features: it may be moved."""
    return calibrated_workspace(tmp_path / "here")


@pytest.fixture
def local() -> LocalExecutor:
    """The test's process."""
    return LocalExecutor(num_threads=1)
