"""One small workspace, calibrated and trained once for all tests on Ray."""

import pytest

from seje_ray.pipeline.calibrate import Calibrated
from seje_ray.pipeline.runs import TrainedRun
from seje_ray.workspace import Workspace
from tests.on_ray.tiny import tiny_run
from tests.on_ray.verbs import calibrate, train


@pytest.fixture(scope="session")
def workspace(tmp_path_factory) -> Workspace:
    """The shared artifacts; tests add runs of their own names to it."""
    return Workspace(tmp_path_factory.mktemp("workspace"))


@pytest.fixture(scope="session")
def calibrated(workspace) -> Calibrated:
    """The small cookbook, calibrated."""
    return calibrate(tiny_run(), None, workspace)


@pytest.fixture(scope="session")
def trained(workspace, calibrated) -> TrainedRun:
    """Two epochs on one worker."""
    return train(tiny_run(), workspace, name="one", num_workers=1)
