"""What a command takes from another workspace that lies in a store."""

import json
import shutil

import numpy as np
import pytest
from click.testing import CliRunner

from seje_ray.artifact import write_text
from seje_ray.cli.main import cli
from seje_ray.manifest import manifest_in
from seje_ray.pipeline.calibrate import calibrate
from seje_ray.pipeline.train import train
from seje_ray.store.location import mirrored_path
from seje_ray.store.mirror import fetch, push, put
from seje_ray.workspace import Workspace
from tests.tiny import tiny_run
from tests.trainings import assert_equal_weights, history_of
from tests.unit.pipeline import calibrated as small
from tests.unit.pipeline.locally import EXECUTOR
from tests.unit.store.elsewhere import ElsewhereExecutor, Machines


def test_a_training_starts_from_one_in_another_store(on_machine, uri, tmp_path):
    """By its folder or by its checkpoint, with the numbers of a start on a disk."""
    source = small.calibrated_workspace(tmp_path / "source")
    given = train(small.tiny_run(1), source, EXECUTOR, name="given")
    shutil.copytree(given.folder, mirrored_path(f"{uri}/other/runs/given"))
    push(mirrored_path(f"{uri}/other/runs/given"))

    place = f"{uri}/other/runs/given"
    small.calibrated_workspace(on_machine(1).folder)
    found = []
    for number, start in enumerate((str(given.folder), place, f"{place}/checkpoint-00001")):
        workspace = source if number == 0 else on_machine(number + 1)
        executor = EXECUTOR
        if workspace.is_stored:
            executor = ElsewhereExecutor(
                Machines(workspace.folder.parent, tmp_path / f"others-{number}")
            )
        run = small.tiny_run(1, train__init_from=start, train__learning_rate=0.01)
        found.append(train(run, workspace, executor, name=f"started-{number}"))
    for stored in found[1:]:
        assert_equal_weights(stored, found[0])
        assert history_of(stored) == history_of(found[0])


@pytest.mark.slow
def test_a_calibrator_is_taken_from_a_store(on_machine, uri, tmp_path, cookbook, calibrated):
    """Every file of it, by tasks on machines that have nothing."""
    other, own = Workspace.at(f"{uri}/other"), on_machine(1)
    for workspace, parts in (
        (other, ("calibrator", "calibrated")),
        (own, ("cookbook-120-0", "recipes")),
    ):
        for part in parts:
            shutil.copytree(cookbook.folder / part, workspace.folder / part)
        push(workspace.folder)
    workspace = on_machine(2)
    machines = Machines(workspace.folder.parent, tmp_path / "others")
    run = tiny_run(f"calibrate.calibrator_from={uri}/other")
    made = calibrate(run, None, workspace, ElsewhereExecutor(machines), last_stage="fit")
    assert made.recipes.content_hash == calibrated.recipes.content_hash
    for name in made.calibrator.manifest.plan.inputs:
        taken, given = (manifest_in(at.component(name)) for at in (workspace, cookbook))
        assert taken.shards == given.shards
        assert taken.plan.inputs == {"taken": given.content_hash}


def test_files_beside_a_workspace_are_read_and_written_there(on_machine, uri, tmp_path):
    """A run file, and vectors whose report goes there."""
    folder = on_machine(1).folder
    write_text(folder / "mine.yaml", "base: workspace/demo\nseed: 7\n")
    rows = np.eye(12, dtype=np.float32)
    np.savez(folder / "v.npz", image_embeddings=rows, recipe_embeddings=rows)
    put(folder / "v.npz")

    on_machine(2)
    said = CliRunner().invoke(cli, ["show-run", "--config", f"{uri}/mine.yaml"])
    assert "seed: 7" in said.stdout, said.stderr
    words = ["evaluate", "--embeddings", f"{uri}/v.npz", "--out", f"{uri}/report"]
    said = CliRunner().invoke(cli, words)
    assert f"report: {uri}/report/report.html" in said.stdout, said.stderr
    report = json.loads(fetch(on_machine(3).folder / "report" / "report.json").read_text())
    assert list(report["files"]) == [f"{uri}/v.npz"]
