"""A training whose newest checkpoint did not survive a power cut goes on all the same."""

import json
import shutil

import pytest

from seje_ray.errors import ArtifactError
from seje_ray.features.checkpoint import load_model
from seje_ray.pipeline import runs
from seje_ray.pipeline.train import train
from seje_ray.training import worker
from seje_ray.training.checkpoints import (
    NEEDED,
    NOTED,
    checkpoint_fault,
    newest_checkpoint,
    set_aside_damaged,
)
from seje_ray.workspace import Workspace
from tests.unit.pipeline.calibrated import calibrated_workspace, tiny_run
from tests.unit.pipeline.locally import EXECUTOR

RUN = tiny_run(num_epochs=3)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A workspace with a finished training, none of whose checkpoints was removed."""
    workspace = calibrated_workspace(tmp_path_factory.mktemp("whole") / "w")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runs, "prune_checkpoints", lambda folder, kept: None)
        patch.setattr(worker, "keep_with_its_best", lambda checkpoint: None)
        train(RUN, workspace, EXECUTOR, name="demo")
    return workspace


@pytest.fixture
def cut(whole, tmp_path):
    """A copy that was interrupted after its last epoch."""
    shutil.copytree(whole.folder, tmp_path / "w")
    workspace = Workspace(tmp_path / "w")
    (workspace.run("demo") / "manifest.json").unlink()
    return workspace


def weights(workspace):
    """Bytes of what a training has learned by its end."""
    return (workspace.run("demo") / "checkpoint-00003" / "model.safetensors").read_bytes()


@pytest.mark.parametrize("name", [*NEEDED, NOTED])
@pytest.mark.parametrize("is_noted", [True, False])
def test_of_a_torn_checkpoint_the_one_before_is_taken_and_that_is_said(
    cut, whole, name, is_noted, capsys
):
    """P09c: any of its files may be empty, also of a version that noted no hashes."""
    newest = newest_checkpoint(cut.run("demo"))
    (newest / name).write_bytes(b"")
    if not is_noted:
        (newest / NOTED).unlink()
        if name == NOTED:
            assert checkpoint_fault(newest) is None
            return

    train(RUN, cut, EXECUTOR, name="demo")

    said = capsys.readouterr().err
    assert f"{newest / name}" in said
    assert "kept as damaged-checkpoint-00003" in said
    assert f"training goes on from {newest.with_name('checkpoint-00002')}" in said
    assert weights(cut) == weights(whole)


@pytest.mark.parametrize("share", [0.01, 0.5, 0.99])
def test_a_checkpoint_that_is_cut_short_is_told_by_its_own_format(cut, share):
    """Where a version before noted nothing: weights, optimisers and JSON know their length."""
    newest = newest_checkpoint(cut.run("demo"))
    (newest / NOTED).unlink()
    for name in NEEDED:
        content = (newest / name).read_bytes()
        (newest / name).write_bytes(content[: int(share * len(content))])
        assert checkpoint_fault(newest) is not None, name
        (newest / name).write_bytes(content)
    assert checkpoint_fault(newest) is None


def test_without_a_whole_checkpoint_training_begins_anew(cut, whole, capsys):
    """And comes to the same end."""
    for folder in cut.run("demo").glob("checkpoint-*"):
        (folder / "optimizers.pt").write_bytes(b"")

    train(RUN, cut, EXECUTOR, name="demo")

    assert "training begins anew, since no whole checkpoint is left" in capsys.readouterr().err
    assert weights(cut) == weights(whole)


def test_what_lacks_the_best_checkpoint_before_it_is_not_gone_on_from(cut):
    """The training may end with that best one, so it has to be made again."""
    folder = cut.run("demo")
    first, second, third = sorted(folder.glob("checkpoint-*"))
    best = {1: first, 2: second, 3: third}
    progress = third / "progress.json"
    number = json.loads(progress.read_text())["best_epoch"]
    (best[number] / "model.safetensors").write_bytes(b"")
    lines = set_aside_damaged(folder)

    left = newest_checkpoint(folder)
    assert left is None or left < best[number]
    assert str(best[number] / "model.safetensors") in lines[0]
    assert set_aside_damaged(folder) == []


def test_a_whole_training_is_left_alone(cut):
    """Nothing is said, nothing renamed; a second damaged one of a name replaces the first."""
    folder = cut.run("demo")
    before = sorted(folder.iterdir())
    assert set_aside_damaged(folder) == []
    assert sorted(folder.iterdir()) == before


def test_weights_that_cannot_be_read_are_an_error_that_names_them(cut):
    """E12 to E15: cut short, a header of 2^62 bytes, other shapes, a pickle."""
    folder = newest_checkpoint(cut.run("demo"))
    path = folder / "model.safetensors"
    content = path.read_bytes()
    for damaged in (
        content[:100],
        (2**62).to_bytes(8, "little") + content[8:],
        b"",
        b"\x80\x04cos\nsystem\n",
        (folder / "discriminator.safetensors").read_bytes(),
    ):
        path.write_bytes(damaged)
        with pytest.raises(ArtifactError, match=r"expected the weights of this checkpoint .*run `"):
            load_model(folder)
