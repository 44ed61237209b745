"""Checkpoint folders: whole or not there, and the newest by name."""

import json
import shutil

import pytest

from seje_ray.training.checkpoints import (
    begin_checkpoint,
    checkpoint_name,
    commit_checkpoint,
    keep_with_its_best,
    newest_checkpoint,
    prune_checkpoints,
)


def committed(folder, name, text="x"):
    partial = begin_checkpoint(folder, name)
    (partial / "progress.json").write_text(text)
    return commit_checkpoint(partial, name)


def test_names_sort_by_time():
    """Inside the first epoch, after it, inside the second, after it; 12 epochs sort behind 2."""
    names = [
        checkpoint_name(*place)
        for place in ((0, 1), (0, 500), (0, 1000), (1, 0), (1, 9), (1, 10_000), (2, 0), (12, 0))
    ]

    assert names == sorted(names)
    assert names[3:5] == ["checkpoint-00001", "checkpoint-00001-00000009"]


def test_what_a_killed_writer_left_is_no_checkpoint_and_goes(tmp_path):
    """Until the rename nothing is there; the next writer begins with an empty folder."""
    left = begin_checkpoint(tmp_path, "checkpoint-00002")
    (left / "model.safetensors").write_text("half")
    assert newest_checkpoint(tmp_path) is None

    found = committed(tmp_path, "checkpoint-00001")

    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint-00001"]
    assert newest_checkpoint(tmp_path) == found


def test_a_checkpoint_of_the_same_name_is_replaced(tmp_path):
    """A step that is done again, because Ray had not noted its checkpoint before a kill."""
    committed(tmp_path, "checkpoint-00001", "first")

    again = committed(tmp_path, "checkpoint-00001", "again")

    assert (again / "progress.json").read_text() == "again"
    assert list(tmp_path.iterdir()) == [again]


def test_pruning_keeps_what_is_named(tmp_path):
    """And touches nothing else of the run."""
    for name in ("checkpoint-00001", "checkpoint-00002", "checkpoint-00002-00000004"):
        committed(tmp_path, name)
    (tmp_path / "history.jsonl").touch()

    prune_checkpoints(tmp_path, {"checkpoint-00002", "checkpoint-00007"})

    assert {path.name for path in tmp_path.iterdir()} == {"checkpoint-00002", "history.jsonl"}


@pytest.mark.parametrize(
    ("best", "kept"),
    [
        (0, ["checkpoint-00003"]),
        (1, ["checkpoint-00001", "checkpoint-00003"]),
        (3, ["checkpoint-00003"]),
    ],
)
def test_the_newest_and_its_best_are_kept(tmp_path, best, kept):
    """No best one yet, another one, or itself."""
    for name in ("checkpoint-00001", "checkpoint-00002", "checkpoint-00002-00000004"):
        committed(tmp_path, name)

    newest = committed(tmp_path, "checkpoint-00003", json.dumps({"best_epoch": best}))
    keep_with_its_best(newest)

    assert sorted(path.name for path in tmp_path.iterdir()) == kept


def test_a_checkpoint_that_is_being_removed_is_no_damaged_one(tmp_path, monkeypatch):
    """A kill in the middle leaves what the next writer, or remover, takes away."""
    for name in ("checkpoint-00001", "checkpoint-00002"):
        committed(tmp_path, name)

    def killed(path):
        (path / "files.json").unlink()
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", killed)
        with pytest.raises(KeyboardInterrupt):
            prune_checkpoints(tmp_path, {"checkpoint-00002"})
    assert [path.name for path in tmp_path.glob("checkpoint-*")] == ["checkpoint-00002"]

    prune_checkpoints(tmp_path, {"checkpoint-00002"})
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint-00002"]
