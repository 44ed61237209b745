"""What a power cut leaves: whole files under their names, or what was there before."""

import errno
import io
import json
import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from seje_ray import durable
from seje_ray.artifact import shard_name, write_json, write_table
from seje_ray.building import begin, build_manifest, finish
from seje_ray.durable import committing, read_json, read_json_lines, sync_tree, written
from seje_ray.errors import ArtifactError
from seje_ray.manifest import Plan
from seje_ray.pipeline.index.steps import put_together
from seje_ray.pipeline.stage import missing_shards
from seje_ray.retrieval.index.graph import Graph
from seje_ray.training.checkpoints import begin_checkpoint, commit_checkpoint
from seje_ray.tuning.trial_plan import FILE, read_values
from seje_ray.tuning.trials import read_measured, read_trial

PLAN = Plan(kind="calibrated", section={}, inputs={}, seed=0)


@pytest.fixture
def calls(monkeypatch):
    """What the system was asked for, in order: ``("sync" | "rename", name, new name or None)``."""
    seen: list[tuple[str, str, str | None]] = []
    fsync, replace, rename = os.fsync, os.replace, Path.rename

    def noted_fsync(opened: int) -> None:
        seen.append(("sync", Path(os.readlink(f"/proc/self/fd/{opened}")).name, None))
        fsync(opened)

    def noted_replace(path: Path, target: Path) -> None:
        seen.append(("rename", Path(path).name, Path(target).name))
        replace(path, target)

    def noted_rename(path: Path, target: Path) -> Path:
        seen.append(("rename", path.name, Path(target).name))
        return rename(path, target)

    monkeypatch.setattr(os, "fsync", noted_fsync)
    monkeypatch.setattr(os, "replace", noted_replace)
    monkeypatch.setattr(Path, "rename", noted_rename)
    return seen


def assert_synced_around(calls, name: str, within: list[str]) -> None:
    """Before a rename to ``name`` all in it is on the disk; afterwards, the new name is."""
    at = next(n for n, (what, _, new) in enumerate(calls) if what == "rename" and new == name)
    for file in within:
        last = max(
            n for n, (what, old, _) in enumerate(calls[:at]) if (what, old) == ("sync", file)
        )
        assert all(new != file for _, _, new in calls[last:at]), f"{file} changed after its sync"
    assert any(what == "sync" for what, _, _ in calls[at + 1 :])


def test_a_file_is_on_the_disk_before_it_has_its_name(tmp_path, calls):
    """Its content, then its name, then the folder's list of names."""
    write_json(tmp_path / "a.json", {})

    temporary = f".a.json.{os.getpid()}.tmp"
    assert calls == [
        ("sync", temporary, None),
        ("rename", temporary, "a.json"),
        ("sync", tmp_path.name, None),
    ]


def test_an_artifact_is_on_the_disk_before_it_replaces_the_one_before(tmp_path, calls):
    """Files that a component wrote by itself, and those in folders, are synced, too."""
    folder = tmp_path / "calibrated"
    building = begin(folder, PLAN)
    write_table(building / shard_name("train", 0), pa.table({"n": [1]}))
    (building / "below").mkdir()
    (building / "below" / "weights").write_bytes(b"w")
    finish(folder, PLAN, build_manifest(PLAN, building))

    within = ["train-000000.parquet", "weights", "below", "manifest.json", "calibrated.partial"]
    assert_synced_around(calls, "calibrated", within)


def test_a_checkpoint_is_on_the_disk_before_the_one_before_is_removed(tmp_path, calls):
    """All of its files, with what is noted of them."""
    partial = begin_checkpoint(tmp_path, "checkpoint-00001")
    (partial / "model.safetensors").write_bytes(b"m")
    commit_checkpoint(partial, "checkpoint-00001")

    within = ["model.safetensors", "files.json", ".checkpoint-00001.partial"]
    assert_synced_around(calls, "checkpoint-00001", within)


def test_a_write_that_fails_leaves_what_was_there(tmp_path):
    """Also nothing beside it, as a full disk would."""
    path = tmp_path / "a"
    path.write_text("before")
    with pytest.raises(pa.ArrowException), committing(path) as temporary:
        pq.write_table(pa.table({"a": [1]}), temporary, compression="none of these")
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_a_disk_that_cannot_sync_folders_is_no_error_and_a_broken_one_is(tmp_path, monkeypatch):
    """Some network disks answer EINVAL; EIO is a disk that lost what was written."""

    def failing(number: int):
        def fsync(opened: int) -> None:
            raise OSError(number, os.strerror(number))

        return fsync

    monkeypatch.setattr(os, "fsync", failing(durable.NO_SYNC[0]))
    sync_tree(tmp_path)
    monkeypatch.setattr(os, "fsync", failing(5))
    with pytest.raises(OSError, match="Input/output error"):
        sync_tree(tmp_path)


@given(share=st.floats(0, 0.999))
def test_a_torn_plan_begins_anew_and_says_so(tmp_path_factory, share):
    """P09b: whatever is left of it, an interrupted stage neither fails nor mixes two plans."""
    folder = tmp_path_factory.mktemp("torn") / "calibrated"
    building = begin(folder, PLAN)
    write_table(building / shard_name("train", 0), pa.table({"n": [1]}))
    marker = building / "plan.json"
    whole = marker.read_bytes()
    marker.write_bytes(whole[: int(share * (len(whole) - 1))])

    assert begin(folder, PLAN) == building
    assert json.loads(marker.read_text()) == PLAN.to_dict()
    assert not list(building.glob("*.parquet"))


def test_a_torn_plan_is_said_on_stderr(tmp_path, capsys):
    """In one line, which names the file."""
    marker = begin(tmp_path / "calibrated", PLAN) / "plan.json"
    marker.write_bytes(b"")
    begin(tmp_path / "calibrated", PLAN)
    assert capsys.readouterr().err == (
        f"note: {marker} cannot be read: what was begun there is begun anew\n"
    )


def test_a_stage_killed_after_its_manifest_goes_on(tmp_path):
    """Between manifest and rename nothing of its shards is lost."""
    folder = tmp_path / "calibrated"
    building = begin(folder, PLAN)
    write_table(building / shard_name("train", 0), pa.table({"n": [1]}))
    write_json(building / "manifest.json", {})

    assert begin(folder, PLAN) == building
    assert [path.name for path in building.glob("*.parquet")] == ["train-000000.parquet"]
    made = finish(folder, PLAN, build_manifest(PLAN, building))
    assert made.num_rows() == 1
    assert not (folder / "plan.json").exists()


@given(share=st.floats(0, 1))
def test_a_shard_that_is_cut_short_is_made_again(tmp_path_factory, share):
    """Only where nothing is missing is it there."""
    folder = tmp_path_factory.mktemp("shards")
    write_table(folder / "a", pa.table({"n": list(range(100))}))
    whole = (folder / "a").read_bytes()
    kept = whole[: round(share * len(whole))]
    (folder / "a").write_bytes(kept)

    assert missing_shards(folder, ["a", "b"]) == (["b"] if kept == whole else ["a", "b"])


@pytest.mark.parametrize("torn", ["", "{", '{"a": 1', "\0\0"])
def test_torn_json_is_no_json(tmp_path, torn):
    """And of lines, those before it count."""
    path = tmp_path / "a.json"
    assert read_json(path) is None
    assert read_json_lines(path) == []
    path.write_text(torn)
    assert read_json(path) is None
    path.write_text('{"a": 1}\n' + torn)
    assert read_json_lines(path) == [{"a": 1}]


def test_a_trials_torn_files_are_no_traceback(tmp_path):
    """What can be told from elsewhere is; a torn plan is an error that says what to do."""
    folder = tmp_path / "tunes" / "demo" / "trials" / "t0"
    folder.mkdir(parents=True)
    for name in ("trial.json", "measured.json"):
        (folder / name).touch()
    assert read_trial(folder, "score").state == "waiting"
    assert read_measured(folder) is None
    (folder / FILE).touch()
    with pytest.raises(
        ArtifactError, match=rf"cannot be read.*--name, or delete {folder.parents[1]}"
    ):
        read_values(folder)


def test_what_is_written_is_what_the_libraries_write(tmp_path):
    """The bytes of numpy's own files, whole or put together of parts; torch reads its own."""
    rows = np.arange(12, dtype=np.float32).reshape(4, 3)
    expected = io.BytesIO()
    np.save(expected, rows)
    with written(tmp_path / "whole.npy") as file:
        np.save(file, rows)
    parts = [tmp_path / f"{number}.npy" for number in range(3)]
    for part, some in zip(parts, (rows[:1], rows[:0], rows[1:]), strict=True):
        np.save(part, some)
    assert put_together(tmp_path / "parts.npy", parts) == 3
    assert (tmp_path / "whole.npy").read_bytes() == expected.getvalue()
    assert (tmp_path / "parts.npy").read_bytes() == expected.getvalue()
    with written(tmp_path / "state.pt") as file:
        torch.save({"rows": torch.from_numpy(rows)}, file)
    assert torch.equal(torch.load(tmp_path / "state.pt")["rows"], torch.from_numpy(rows))


def _graph(path):
    graph = Graph.empty(4)
    graph.add(np.eye(4, dtype=np.float32))
    graph.save(path)


def _array(path):
    with written(path) as file:
        np.save(file, np.eye(4))


def _state(path):
    with written(path) as file:
        torch.save(torch.eye(4), file)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
@pytest.mark.parametrize("write", [_array, _state, _graph])
def test_a_full_disk_is_what_it_is_whatever_the_library_says(tmp_path, write):
    """numpy tells no number, torch another error, FAISS its own or none, and none a file."""
    full = tmp_path / "full"
    full.symlink_to("/dev/full")  # which must not be replaced by what is written
    with pytest.raises(OSError, match="No space left") as caught:
        write(full)
    assert (caught.value.errno, caught.value.filename) == (errno.ENOSPC, str(full))


def test_an_error_beside_the_writing_stays_what_it_is(tmp_path):
    """Of the library, or of the caller."""
    with pytest.raises(KeyError), written(tmp_path / "file"):
        raise KeyError
    with pytest.raises(TypeError), written(tmp_path / "file") as file:
        torch.save((row for row in ()), file)


def test_a_commit_that_fails_names_its_file(tmp_path):
    """Not the one beside it, which is gone; an error of another file keeps its name."""
    path = tmp_path / "rows"
    for name, expected in ((None, path), (str(tmp_path / "other"), tmp_path / "other")):
        with pytest.raises(OSError, match="No space left") as caught, committing(path):
            raise OSError(errno.ENOSPC, "No space left on device", name)
        assert caught.value.filename == str(expected)
    with pytest.raises(FileNotFoundError) as caught, committing(path):
        pass  # nothing was written
    assert caught.value.filename == str(path)
