"""A training in the process: what it leaves, and when it resumes, returns at once or refuses."""

import json
import shutil

import pytest

from seje_ray.errors import ArtifactError, ResourceError
from seje_ray.pipeline.runs import open_run
from seje_ray.pipeline.train import train
from seje_ray.report.training import as_text
from seje_ray.training.device_decoding import jpeg_decoder
from seje_ray.training.run_manifest import RunManifest
from seje_ray.workspace import Workspace
from tests.trainings import assert_equal_weights, history_of
from tests.unit.pipeline.calibrated import tiny_run


def test_a_training_leaves_history_checkpoints_and_a_manifest(workspace, local):
    """The best checkpoint with the whole state, what it reached, and the table of the command."""
    trained = train(tiny_run(3), workspace, local, name="one")

    history = history_of(trained)
    assert [entry["epoch"] for entry in history] == [1, 2, 3]
    assert {"model.safetensors", "optimizers.pt", "progress.json", "run.json"} <= {
        path.name for path in trained.best_checkpoint.iterdir()
    }
    best = max(history, key=lambda entry: entry["val/selection_score"])
    assert trained.metrics == best
    assert trained.best_epoch == best["epoch"]
    kept = {trained.best_checkpoint.name, "checkpoint-00003"}
    assert {path.name for path in trained.folder.glob("checkpoint-*")} == kept
    assert RunManifest.read(trained.folder).calibrated == workspace.open_calibrated().content_hash
    assert as_text(trained.folder).startswith(f"best epoch {trained.best_epoch} of 3")


@pytest.mark.parametrize("is_moved", [False, True])
def test_a_resumed_training_equals_one_in_one_go(workspace, local, tmp_path, is_moved):
    """Bitwise, and also where the workspace was moved in between."""
    whole = train(tiny_run(3), workspace, local, name="whole")
    train(tiny_run(1), workspace, local, name="parts")
    if is_moved:
        workspace = Workspace(workspace.folder.rename(tmp_path / "elsewhere"))
        whole = open_run(workspace, "whole")

    parts = train(tiny_run(3), workspace, local, name="parts")

    assert history_of(parts) == history_of(whole)
    assert_equal_weights(parts, whole)
    assert parts.metrics == whole.metrics


def test_photos_may_be_decoded_on_the_device(workspace, local):
    """A training goes on by it, and begins as it would by threads, but for rounding."""
    try:
        jpeg_decoder()
    except ResourceError as error:
        pytest.skip(str(error))
    by_threads = train(tiny_run(1), workspace, local, name="threads")
    by_device = train(tiny_run(1, train__decode="device"), workspace, local, name="device")

    losses = [history_of(run)[0]["train/loss"] for run in (by_threads, by_device)]
    assert losses[0] == pytest.approx(losses[1], rel=0.05)
    two = train(tiny_run(2, train__decode="device"), workspace, local, name="threads")
    assert [entry["epoch"] for entry in history_of(two)] == [1, 2]


def test_a_finished_training_returns_at_once(workspace, local, tmp_path):
    """Under its name, with as many epochs or fewer, and after a move; no file is touched."""
    trained = train(tiny_run(), workspace, local, name="one")
    moved = Workspace(workspace.folder.rename(tmp_path / "elsewhere"))
    folder = moved.run("one")
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}

    for num_epochs in (2, 1):
        again = train(tiny_run(num_epochs), moved, local, name="one")
        assert (again.folder, again.metrics) == (folder, trained.metrics)
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


def test_a_training_that_stopped_early_is_finished_whatever_epochs_are_asked_for(workspace, local):
    """It would stop at once again."""
    patience = {"train__stop_patience": 1, "train__lr_drop_patience": 1}
    trained = train(tiny_run(20, **patience), workspace, local, name="one")

    manifest = RunManifest.read(trained.folder)
    assert manifest.stopped_early
    assert manifest.num_epochs < 20
    assert train(tiny_run(30, **patience), workspace, local, name="one") == trained
    assert "(stopped early)" in as_text(trained.folder)


def test_other_settings_under_the_same_name_are_refused(workspace, local):
    """What changed is named; what decides no number may change."""
    trained = train(tiny_run(), workspace, local, name="one")
    margin = {"loss__soft_margin__margin": 0.5}

    with pytest.raises(ArtifactError, match=r"loss.soft_margin.margin: 0.0 -> 0.5.* --run"):
        train(tiny_run(**margin), workspace, local, name="one")
    assert train(tiny_run(train__hang_minutes=7.0), workspace, local, name="one") == trained


def test_the_length_of_a_cosine_schedule_decides(workspace, local):
    """Each of its learning rates depends on it."""
    cosine = {"train__schedule": "cosine"}
    train(tiny_run(1, **cosine), workspace, local, name="one")

    with pytest.raises(ArtifactError, match=r"train.num_epochs: 1 -> 2"):
        train(tiny_run(2, **cosine), workspace, local, name="one")


def test_data_that_was_calibrated_anew_is_refused(workspace, local):
    """The same settings on other data are another training."""
    train(tiny_run(), workspace, local, name="one")
    path = workspace.calibrated / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["plan"]["inputs"]["calibrator"] = "another"
    path.write_text(json.dumps(manifest))

    with pytest.raises(ArtifactError, match="made with another calibrated artifact"):
        train(tiny_run(), workspace, local, name="one")


def test_a_run_without_a_checkpoint_is_no_obstacle(workspace, local):
    """It failed before its first epoch: other settings may take its name."""
    trained = train(tiny_run(), workspace, local, name="one")
    workspace.run("begun").mkdir()
    shutil.copy(trained.folder / "run.json", workspace.run("begun"))

    begun = train(tiny_run(1, loss__soft_margin__margin=0.5), workspace, local, name="begun")

    stored = json.loads((begun.folder / "run.json").read_text())
    assert stored["run"]["loss"]["soft_margin"]["margin"] == 0.5


def test_runs_are_opened_by_name_or_the_newest(workspace, local):
    """One that is not finished is none; the message lists those there are."""
    with pytest.raises(ArtifactError, match="no finished training; run `seje-ray train` first"):
        open_run(workspace, None)
    first = train(tiny_run(1), workspace, local, name="first")
    second = train(tiny_run(1), workspace, local, name="second")
    workspace.run("begun").mkdir()

    assert open_run(workspace, None) == second
    assert open_run(workspace, "first") == first
    with pytest.raises(ArtifactError, match=r"named 'begun'; .*choose one of first, second"):
        open_run(workspace, "begun")


def test_a_training_with_a_slash_in_its_name_is_opened_by_it(workspace, local):
    """Its folder lies deeper than the others."""
    trained = train(tiny_run(1), workspace, local, name="exp/one")

    assert trained.folder == workspace.runs / "exp" / "one"
    assert open_run(workspace, "exp/one") == trained
    with pytest.raises(ArtifactError, match="no finished training named 'exp'"):
        open_run(workspace, "exp")


@pytest.mark.parametrize("broken", ["", '{"best_ch', "[1]", "{}"])
def test_a_broken_manifest_is_mended_by_the_command_that_it_advises(workspace, local, broken):
    """From the last checkpoint on: no epoch is trained again."""
    trained = train(tiny_run(), workspace, local, name="one")
    manifest = trained.folder / "manifest.json"
    whole = manifest.read_bytes()
    manifest.write_text(broken)
    with pytest.raises(ArtifactError, match="run `seje-ray train --run one` again"):
        open_run(workspace, "one")

    assert train(tiny_run(), workspace, local, name="one") == trained
    assert manifest.read_bytes() == whole


def test_a_training_of_a_newer_program_is_left_alone(workspace, local):
    """To train under its name would lose what this program does not know."""
    trained = train(tiny_run(), workspace, local, name="one")
    manifest = trained.folder / "manifest.json"
    newer = json.dumps(json.loads(manifest.read_text()) | {"schema_version": 99, "new": 1})
    manifest.write_text(newer)

    with pytest.raises(ArtifactError, match="found run of schema 99; choose another name"):
        train(tiny_run(), workspace, local, name="one")
    assert manifest.read_text() == newer


def test_what_one_process_cannot_hold_is_refused(workspace, local):
    """Before anything is written."""
    with pytest.raises(ResourceError, match="--workers: expected 1"):
        train(tiny_run(), workspace, local, name="two", num_workers=2)
    assert not workspace.run("two").exists()
