"""Two commands at once in one workspace: the second is refused and changes nothing."""

import pytest

from seje_ray.errors import WorkspaceError
from seje_ray.pipeline.ablate import ablate
from seje_ray.pipeline.train import train
from seje_ray.pipeline.tune import tune
from tests.unit.pipeline.calibrated import calibrated_workspace, tiny_run
from tests.unit.pipeline.locally import EXECUTOR, calibrated_locally


def files(workspace):
    """All files with their bytes."""
    return {p: p.read_bytes() for p in sorted(workspace.folder.rglob("*")) if p.is_file()}


@pytest.mark.parametrize("part", ["calibrated", "run", "tune", "ablation"])
def test_a_second_command_is_refused_before_it_writes(tmp_path, part):
    """R02 to R04: whatever its settings, nothing of the first one's work is touched."""
    workspace, run = calibrated_workspace(tmp_path / "w"), tiny_run()
    folder = workspace.calibrated if part == "calibrated" else getattr(workspace, part)("demo")

    def second() -> None:
        match part:
            case "calibrated":
                calibrated_locally(run, None, workspace)
            case "run":
                train(run, workspace, EXECUTOR, name="demo")
            case "tune":
                tune(run, workspace, EXECUTOR, name="demo")
            case "ablation":
                ablate(run, workspace, EXECUTOR, name="demo", num_seeds=1)

    with workspace.writing(folder):
        before = files(workspace)
        with pytest.raises(WorkspaceError, match="is being written by"):
            second()
        assert files(workspace) == before


def test_a_finished_training_needs_no_lock(tmp_path):
    """It is read, also from a disk that cannot be written, while another one goes on with it."""
    workspace, run = calibrated_workspace(tmp_path / "w"), tiny_run(num_epochs=1)
    first = train(run, workspace, EXECUTOR, name="demo")

    with workspace.writing(first.folder):
        assert train(run, workspace, EXECUTOR, name="demo") == first
    assert not list(workspace.folder.glob(".locks"))
