"""What unit tests share: several gloo processes, and a small workspace with trainings."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest
import torch

from seje_ray.config import RunConfig
from seje_ray.workspace import Workspace
from tests.tiny import tiny_run
from tests.unit.gloo.pool import GlooPool

if TYPE_CHECKING:  # tests that do without them do not wait for torch
    from seje_ray.pipeline.calibrate import Calibrated
    from seje_ray.pipeline.runs import TrainedRun

OnWorkers = Callable[..., list[dict[str, object]]]


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    """Threads that wait for each other cost tiny networks most of their time on a busy machine."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def on_workers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OnWorkers]:
    """``on_workers(function, W, ...)``: call it on W workers; give what each of them returned."""
    pool = GlooPool(tmp_path_factory.mktemp("workers"), max_workers=4)
    yield pool.call
    pool.close()


@pytest.fixture(scope="session")
def cookbook(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A workspace for the embedded cookbook; tests change nothing of what is there."""
    return Workspace(tmp_path_factory.mktemp("cookbook"))


@pytest.fixture(scope="session")
def calibrated(cookbook: Workspace) -> "Calibrated":
    """The small cookbook, calibrated."""
    from tests.unit.pipeline.locally import calibrated_locally

    return calibrated_locally(tiny_run(), None, cookbook)


@pytest.fixture(scope="session")
def trained(cookbook: Workspace, calibrated: "Calibrated") -> "TrainedRun":
    """Two epochs on it."""
    return _trained(tiny_run(), cookbook, "one")


@pytest.fixture(scope="session")
def trained_heads(cookbook: Workspace, calibrated: "Calibrated") -> "TrainedRun":
    """An epoch on the features of the categorizer, which is frozen."""
    frozen = ("model.freeze_backbone=true", "model.backbone.weights=categorizer")
    run = tiny_run("train.num_epochs=1", *frozen)
    return _trained(run, cookbook, "heads")


def _trained(run: RunConfig, workspace: Workspace, name: str) -> "TrainedRun":
    from seje_ray.pipeline.train import train
    from tests.unit.pipeline.locally import EXECUTOR

    return train(run, workspace, EXECUTOR, name=name)
