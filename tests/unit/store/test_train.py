"""A training in a store: the numbers of a disk, from whatever machine, resumed from anywhere."""

import shutil

import pytest

from seje_ray.durable import committing
from seje_ray.pipeline.runs import open_run
from seje_ray.pipeline.train import train
from seje_ray.store.mirror import drop, push, sizes_of
from seje_ray.training.checkpoints import (
    begin_checkpoint,
    checkpoint_fault,
    commit_checkpoint,
    newest_checkpoint,
    prune_checkpoints,
    set_aside_damaged,
)
from tests.tiny import tiny_run
from tests.trainings import assert_equal_weights, history_of
from tests.unit.store.elsewhere import ElsewhereExecutor, Machines


def _checkpoint(run, name, text="weights"):
    partial = begin_checkpoint(run, name)
    for file in ("model.safetensors", "discriminator.safetensors", "optimizers.pt"):
        (partial / file).write_text(f"{text} of {file}")
    for file, content in (("progress.json", '{"best_epoch": 1}'), ("run.json", "{}")):
        with committing(partial / file) as temporary:
            temporary.write_text(content)
    return commit_checkpoint(partial, name)


def test_a_checkpoint_is_there_for_another_machine(on_machine):
    """As soon as it is committed, and as a whole; nothing of its making is stored."""
    one, two = on_machine(1).run("a"), on_machine(2).run("a")
    assert newest_checkpoint(two) is None
    made = _checkpoint(one, "checkpoint-00001")
    assert {name.partition("/")[0] for name in sizes_of(one)} == {"checkpoint-00001"}
    found = newest_checkpoint(two)
    assert found.name == made.name
    assert {p.name: p.read_bytes() for p in found.iterdir()} == {
        p.name: p.read_bytes() for p in made.iterdir()
    }


def test_a_checkpoint_made_again_replaces_all_of_the_one_before(on_machine):
    """Also on a machine that has the other one."""
    one, two = on_machine(1).run("a"), on_machine(2).run("a")
    _checkpoint(one, "checkpoint-00001", "first")
    newest_checkpoint(two)
    _checkpoint(two, "checkpoint-00001", "second")
    found = newest_checkpoint(one)
    assert checkpoint_fault(found) is None
    assert (found / "model.safetensors").read_text() == "second of model.safetensors"


def test_a_checkpoint_that_was_cut_off_is_none(on_machine, proxy):
    """What says that it is finished comes last; the training goes on from the one before."""
    one, two = on_machine(1).run("a"), on_machine(2).run("a")
    _checkpoint(one, "checkpoint-00001")
    proxy.fault = lambda r: 403 if r.method == "PUT" and "files.json" in r.path else None
    with pytest.raises(Exception, match="no permission"):
        _checkpoint(one, "checkpoint-00002")
    proxy.fault = lambda request: None
    assert newest_checkpoint(two).name == "checkpoint-00001"


def test_checkpoints_go_on_every_machine(on_machine):
    """Those of another machine are dropped in the store, and are no folders here afterwards."""
    one, two = on_machine(1).run("a"), on_machine(2).run("a")
    for number in range(1, 4):
        _checkpoint(one, f"checkpoint-{number:05d}")
    prune_checkpoints(two, {"checkpoint-00003"})
    assert {name.partition("/")[0] for name in sizes_of(one)} == {"checkpoint-00003"}
    assert set_aside_damaged(one) == []
    assert [path.name for path in one.glob("checkpoint-*")] == ["checkpoint-00003"]


def test_a_damaged_checkpoint_is_set_aside_in_the_store(on_machine):
    """A file of the newest is gone: the training goes on from the one before, here and there."""
    one, two = on_machine(1).run("a"), on_machine(2).run("a")
    for number in (1, 2):
        last = _checkpoint(one, f"checkpoint-{number:05d}")
    drop(last / "optimizers.pt")
    lines = set_aside_damaged(two)
    assert "optimizers.pt is missing; kept as damaged-checkpoint-00002" in lines[0]
    assert newest_checkpoint(one).name == "checkpoint-00001"
    assert "damaged-checkpoint-00002/model.safetensors" in sizes_of(one)


@pytest.mark.slow
def test_trained_in_a_store_as_on_a_disk(on_machine, proxy, tmp_path, cookbook, trained):
    """An epoch by one machine, the next by another: history and weights bit by bit.

    Commands run on one machine and their workers on others, of which each begins with nothing.
    """
    workspace = on_machine(1)
    for part in ("calibrated", "calibrator", "recipes"):
        shutil.copytree(cookbook.folder / part, workspace.folder / part)
    push(workspace.folder)
    proxy.fault = lambda request: 503 if request.number % 10 == 0 else None
    machines = Machines(workspace.folder.parent, tmp_path / "others")
    train(tiny_run("train.num_epochs=1"), workspace, ElsewhereExecutor(machines), name="one")

    workspace = on_machine(2)
    machines = Machines(workspace.folder.parent, tmp_path / "still-others")
    made = train(tiny_run(), workspace, ElsewhereExecutor(machines), name="one")
    assert proxy.num_failed > 10
    assert history_of(made) == history_of(trained)
    assert_equal_weights(made, trained)
    assert made.metrics == trained.metrics

    found = open_run(on_machine(3), None)
    assert found.metrics == made.metrics
    weights = [one.best_checkpoint / "model.safetensors" for one in (found, trained)]
    assert weights[0].read_bytes() == weights[1].read_bytes()
    stored = {
        name.removeprefix("runs/one/") for name in sizes_of(workspace.folder) if "runs" in name
    }
    assert not [name for name in stored if name.startswith((".", "checkpoint-00000"))]
