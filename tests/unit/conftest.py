"""What unit tests share: several gloo processes, and a small workspace with trainings."""

from collections.abc import Callable, Iterator

import pytest

from seje_ray.pipeline.runs import TrainedRun
from seje_ray.workspace import Workspace
from tests.unit.gloo.pool import GlooPool
from tests.unit.trained import calibrated_workspace, own_and_frozen

OnWorkers = Callable[..., list[dict[str, object]]]


@pytest.fixture(scope="session")
def on_workers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OnWorkers]:
    """``on_workers(function, W, ...)``: call it on W workers; give what each of them returned."""
    pool = GlooPool(tmp_path_factory.mktemp("workers"), max_workers=4)
    yield pool.call
    pool.close()


@pytest.fixture(scope="session")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A small calibrated workspace; tests add to it, and change nothing that is there."""
    return calibrated_workspace(tmp_path_factory.mktemp("calibrated") / "workspace")


@pytest.fixture(scope="session")
def trainings(workspace: Workspace) -> dict[str, TrainedRun]:
    """By name: ``own``, whose image network is trained, and ``frozen``, on stored features."""
    return own_and_frozen(workspace)
