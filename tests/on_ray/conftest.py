"""One Ray for all tests that can share it, and one small workspace, calibrated and trained."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from seje_ray.on_ray.connect import connected
from seje_ray.on_ray.executor import RayExecutor
from seje_ray.pipeline.calibrate import Calibrated
from seje_ray.pipeline.index.ready import ready_searcher
from seje_ray.pipeline.index.searcher import Searcher
from seje_ray.pipeline.local import LocalExecutor
from seje_ray.pipeline.runs import TrainedRun
from seje_ray.pipeline.train import train as train_locally
from seje_ray.workspace import Workspace
from tests.on_ray.verbs import calibrate, train
from tests.tiny import tiny_run

MOST_WORKERS = 4


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Without Ray, on the shared Ray, on one of their own: so that each starts once."""
    items.sort(
        key=lambda item: (
            "own_ray" in item.fixturenames,
            item.get_closest_marker("ray") is not None,
        )
    )


@pytest.fixture(scope="session")
def shared_connection() -> Iterator[ExitStack]:
    """What holds the shared Ray once it has started: closed, it ends, and its watch with it."""
    with ExitStack() as stack:
        yield stack


@pytest.fixture(scope="session")
def shared_ray(shared_connection) -> None:
    """The embedded Ray, which every ``connected()`` of this process then uses."""
    environment = shared_connection.enter_context(pytest.MonkeyPatch.context())
    for name in ("WARNING_S", "WARNING_PERIOD_S"):  # until Serve says what waits
        environment.setenv(f"RAY_SERVE_SLOW_STARTUP_{name}", "3")
    shared_connection.enter_context(connected(MOST_WORKERS))


@pytest.fixture
def own_ray(shared_connection) -> Iterator[Callable[[int, int], None]]:
    """The shared Ray ends; ``own_ray(CPUS, GPUS)`` starts one that is told it has so many.

    Torch sees none of the GPUs. A test that starts its Ray by other means calls nothing.
    """
    import ray  # not before seje_ray.on_ray, which prepares the environment for it

    def start(num_cpus: int, num_gpus: int) -> None:
        ray.init(
            address="local",
            num_cpus=num_cpus,
            num_gpus=num_gpus,
            include_dashboard=False,
            log_to_driver=False,
            logging_level="ERROR",
        )

    shared_connection.close()
    yield start
    ray.shutdown()


@pytest.fixture(scope="session")
def workspace(tmp_path_factory) -> Workspace:
    """The shared artifacts; tests add runs of their own names to it."""
    return Workspace(tmp_path_factory.mktemp("workspace"))


@pytest.fixture(scope="session")
def calibrated(shared_ray, workspace) -> Calibrated:
    """The small cookbook, calibrated."""
    return calibrate(tiny_run(), None, workspace)


@pytest.fixture(scope="session")
def trained(shared_ray, workspace, calibrated) -> TrainedRun:
    """Two epochs on one worker."""
    return train(tiny_run(), workspace, name="one", num_workers=1)


@pytest.fixture(scope="session")
def other(workspace, trained) -> TrainedRun:
    """Another training of the workspace, with other weights; in this process, which is faster."""
    run = tiny_run("train.num_epochs=1", "seed=1")
    return train_locally(run, workspace, LocalExecutor(num_threads=1), name="other")


@pytest.fixture(scope="session")
def searchers(workspace, trained, other) -> dict[str, Searcher]:
    """The searches in Python, by the training's name; servers find their indexes."""
    made = ((trained, RayExecutor(workspace)), (other, LocalExecutor(num_threads=1)))
    return {
        run.folder.name: ready_searcher(run, workspace, lambda executor=executor: executor)
        for run, executor in made
    }
