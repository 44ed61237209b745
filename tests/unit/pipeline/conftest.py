"""Calibrated workspaces, and one process to compute in."""

import pytest

from seje_ray.pipeline.calibrate import Calibrated
from seje_ray.pipeline.local import LocalExecutor
from seje_ray.pipeline.runs import TrainedRun
from seje_ray.pipeline.train import train
from seje_ray.workspace import Workspace
from tests.tiny import tiny_run
from tests.unit.pipeline.calibrated import calibrated_workspace
from tests.unit.pipeline.locally import EXECUTOR, calibrated_locally


@pytest.fixture
def workspace(tmp_path) -> Workspace:
    """Of the test's own, with made-up features: it may be moved."""
    return calibrated_workspace(tmp_path / "here")


@pytest.fixture
def local() -> LocalExecutor:
    """The test's process."""
    return LocalExecutor()


@pytest.fixture(scope="session")
def cookbook(tmp_path_factory) -> Workspace:
    """A workspace for the embedded cookbook; tests change nothing of what is there."""
    return Workspace(tmp_path_factory.mktemp("cookbook"))


@pytest.fixture(scope="session")
def calibrated(cookbook) -> Calibrated:
    """The small cookbook, calibrated."""
    return calibrated_locally(tiny_run(), None, cookbook)


@pytest.fixture(scope="session")
def trained(cookbook, calibrated) -> TrainedRun:
    """Two epochs on it."""
    return train(tiny_run(), cookbook, EXECUTOR, name="one")
