"""A real command whose Ray dies under it says so in one line, and goes on when repeated."""

import shutil
import signal
from contextlib import suppress

import psutil
import pytest

from seje_ray.workspace import Workspace
from tests.on_ray.killing import PATIENCE_S, Command
from tests.on_ray.verbs import calibrate
from tests.tiny import TINY, tiny_run

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.usefixtures("own_ray")]

ACTOR = "ray::MapWorker"  # the name that Ray gives an actor of a step


@pytest.fixture
def own(workspace, calibrated, tmp_path) -> Workspace:
    """A calibrated workspace that one test may spoil."""
    for part in ("recipes", "calibrator", "calibrated"):
        shutil.copytree(workspace.folder / part, tmp_path / "w" / part)
    return Workspace(tmp_path / "w")


def test_a_transform_whose_raylet_dies_says_so_and_goes_on_when_repeated(own, calibrated, tmp_path):
    """P03a: an actor that is stopped keeps the stage from its end until Ray is killed."""
    shutil.rmtree(own.calibrated)
    settings = [word for one in TINY for word in ("--set", one)]
    errors = tmp_path / "errors"
    with Command(["calibrate", "--workspace", str(own), *settings], errors) as command:

        def stopped() -> list[psutil.Process]:
            actors = command.called(ACTOR)
            for actor in actors:
                with suppress(psutil.NoSuchProcess):
                    actor.send_signal(signal.SIGSTOP)
            return actors

        command.wait_until((own.folder / "calibrated.partial" / "plan.json").is_file)
        command.wait_until(stopped)
        started = command.started()
        command.called("raylet")[0].kill()
        assert command.ended() == 1
        _, left = psutil.wait_procs(started, timeout=PATIENCE_S)
        assert left == []
    said = errors.read_text()
    (line,) = [one for one in said.splitlines() if one.startswith("Error:")]
    assert "Ray ended in the middle of the work: its raylet (pid" in line
    assert "repeat the command to resume" in line
    assert str(own.folder) in line
    assert "Traceback" not in said
    assert not (own.folder / ".locks").exists()

    again = calibrate(tiny_run(), None, own)
    assert again.calibrated is not None
    assert again.calibrated.content_hash == calibrated.calibrated.content_hash
