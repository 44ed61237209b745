"""Damage in any file of a workspace: found, named, and mended by the command that is named."""

import shutil

import pytest

from seje_ray.errors import ArtifactError
from seje_ray.on_ray.doctor import judge_artifacts
from seje_ray.pipeline.checkup import check_workspace
from seje_ray.pipeline.embed import embed_partition
from seje_ray.pipeline.runs import open_run
from seje_ray.pipeline.train import train
from seje_ray.workspace import Workspace
from tests.tiny import tiny_run as tiny_calibration
from tests.unit.pipeline.calibrated import calibrated_workspace, tiny_run
from tests.unit.pipeline.locally import EXECUTOR, calibrated_locally


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A workspace with a training and its embeddings."""
    workspace = calibrated_workspace(tmp_path_factory.mktemp("whole") / "w")
    run = train(tiny_run(num_epochs=2), workspace, EXECUTOR, name="demo")
    embed_partition(run, workspace, EXECUTOR, "val")
    return workspace


@pytest.fixture
def workspace(trained, tmp_path):
    """A copy to damage."""
    shutil.copytree(trained.folder, tmp_path / "w")
    return Workspace(tmp_path / "w")


def flip(path):
    """Change one bit in the middle."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def damage(path, how):
    match how:
        case "flip":
            flip(path)
        case "cut":
            path.write_bytes(path.read_bytes()[:-1])
        case "empty":
            path.write_bytes(b"")
        case "gone":
            path.unlink()


def test_an_untouched_workspace_is_whole(workspace):
    """All its files are counted, and a folder that is not there yet holds none."""
    found = check_workspace(workspace)
    shards = [*workspace.folder.glob("*/*.parquet"), *workspace.folder.glob("*/*/*-*.parquet")]
    checkpoints = list(workspace.folder.glob("runs/demo/checkpoint-*/*"))
    assert found.faults == []
    assert found.unfinished == []
    assert found.num_artifacts == 4  # recipes, calibrated, embeddings, the training
    assert found.num_files == len(shards) + len(checkpoints)
    assert judge_artifacts(workspace).state == "ok"
    assert check_workspace(Workspace(workspace.folder / "new")).num_artifacts == 0
    assert judge_artifacts(Workspace(workspace.folder / "new")).text == "none yet"


@pytest.mark.parametrize("how", ["flip", "cut", "empty", "gone"])
def test_damage_anywhere_is_found_with_the_command_that_mends_it(workspace, how):
    """Shards of each artifact, and every file of every checkpoint."""
    hit = [
        next(workspace.calibrated.glob("test-*")),
        next(workspace.embeddings("demo", "val").glob("val-*")),
        *workspace.run("demo").glob("checkpoint-*/*"),
    ]
    for path in hit:
        damage(path, how)

    found = judge_artifacts(workspace)

    assert found.state == "failed"
    assert "run `seje-ray calibrate`" in found.advice
    assert "run `seje-ray evaluate`" in found.advice
    assert "run `seje-ray train --run demo` again" in found.advice
    checkpoints = list(workspace.run("demo").glob("checkpoint-*"))
    assert len(check_workspace(workspace).faults) == 2 + len(checkpoints)
    if how == "flip":
        faults = check_workspace(workspace, "size").faults
        assert all("files.json cannot be read" in fault for fault in faults)


def test_a_broken_manifest_of_a_training_is_a_fault(workspace):
    """E16: and a training without one is unfinished, as is a stage's building folder."""
    manifest = workspace.run("demo") / "manifest.json"
    manifest.write_text("{")
    assert "not the manifest of a run" in check_workspace(workspace).faults[0]
    manifest.unlink()
    (workspace.folder / "recipes.partial").mkdir()
    assert check_workspace(workspace).unfinished == [
        str(workspace.recipes),
        str(workspace.run("demo")),
    ]
    assert "unfinished" in judge_artifacts(workspace).text


def test_what_a_command_reads_is_compared_before_it_is_used(workspace):
    """E04: a flip in a train shard ends a training; --verify size would not see it."""
    flip(next(workspace.calibrated.glob("train-*")))
    run = tiny_run(num_epochs=1)
    with pytest.raises(ArtifactError, match=r"train-\d+.parquet has changed since it was made"):
        train(run, workspace, EXECUTOR, name="another")
    assert not workspace.run("another").exists()
    quick = Workspace(workspace.folder, verify="size")
    assert quick.open_calibrated("train").num_rows("train") > 0


@pytest.mark.parametrize("how", ["flip", "cut", "gone"])
def test_damaged_embeddings_are_made_anew_and_that_is_said(workspace, how, capsys):
    """E01 to E03: evaluate and search get the same embeddings as before."""
    run = open_run(workspace, "demo")
    path = next(workspace.embeddings("demo", "val").glob("val-*"))
    before = path.read_bytes()
    damage(path, how)

    embed_partition(run, workspace, EXECUTOR, "val")

    assert path.read_bytes() == before
    assert "stage embed runs again, since" in capsys.readouterr().err


def test_a_damaged_best_checkpoint_is_one_error_and_training_again_mends_it(workspace, capsys):
    """E12 to E14: whatever is wrong with the weights."""
    run = open_run(workspace, "demo")
    weights = run.best_checkpoint / "model.safetensors"
    before = weights.read_bytes()
    flip(weights)
    with pytest.raises(ArtifactError, match=r"has changed.*run `seje-ray train --run demo` again"):
        open_run(workspace, None)

    again = train(tiny_run(num_epochs=2), workspace, EXECUTOR, name="demo")

    assert (again.best_checkpoint / "model.safetensors").read_bytes() == before
    said = capsys.readouterr().err
    assert f"kept as damaged-{run.best_checkpoint.name}" in said


@pytest.mark.slow
@pytest.mark.parametrize("part", ["recipes", "calibrator/word_vectors", "calibrated"])
def test_calibrate_makes_again_what_is_damaged_and_nothing_else(tmp_path, part, capsys):
    """P09a, E05, E20: and what comes out is what was there."""
    workspace = Workspace(tmp_path / "w")
    first = calibrated_locally(tiny_calibration(), None, workspace)
    path = max(p for p in (workspace.folder / part).glob("*") if p.name not in IGNORED)
    before = {p: p.stat().st_mtime_ns for p in workspace.folder.rglob("*-*.parquet")}
    flip(path)

    again = calibrated_locally(tiny_calibration(), None, workspace)

    assert "runs again, since" in capsys.readouterr().err
    assert again.calibrated.content_hash == first.calibrated.content_hash
    assert check_workspace(workspace).faults == []
    kept = [p for p in before if part not in str(p)]
    assert kept
    assert all(p.stat().st_mtime_ns == before[p] for p in kept)


IGNORED = ("manifest.json", "run.yaml", "rejects.parquet")
