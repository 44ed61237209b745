"""Many trainings in a store: the trials of a disk, each written by its own machine."""

import shutil

import pytest

from seje_ray.artifact import write_text
from seje_ray.config import load_run, run_to_dict
from seje_ray.durable import read_json
from seje_ray.manifest import to_json
from seje_ray.pipeline.ablate import ablate
from seje_ray.pipeline.trial_training import TrialWorker
from seje_ray.pipeline.tune import tune
from seje_ray.pipeline.variants import calibrated_variant
from seje_ray.store.mirror import fetch, push, sizes_of
from seje_ray.tuning.ablation import Variation
from seje_ray.workspace import Workspace
from tests.tiny import tiny_run as tiny_cookbook_run
from tests.unit.pipeline.calibrated import calibrated_workspace, tiny_run
from tests.unit.pipeline.locally import EXECUTOR, copied
from tests.unit.pipeline.test_tune import Idle, outcome
from tests.unit.store.elsewhere import ElsewhereExecutor, Machines

RATES = {"train.learning_rate": {"choice": [0.02]}}


@pytest.fixture
def executor_at(tmp_path):
    """``executor_at(workspace)``: tasks work on machines other than the command's."""
    return lambda workspace: ElsewhereExecutor(
        Machines(workspace.folder.parent, tmp_path / f"others-{len(list(tmp_path.iterdir()))}")
    )


@pytest.mark.slow
def test_a_tuning_that_is_killed_goes_on_from_another_machine(
    on_machine, executor_at, tmp_path, monkeypatch
):
    """What the whole one on a disk finds; trials that ended are left alone."""
    run = tiny_run(
        tune__space=RATES, tune__searcher="grid", tune__scheduler="none", tune__num_seeds=1
    )
    plain = tune(run, calibrated_workspace(tmp_path / "plain"), EXECUTOR, name="rates")

    workspace = calibrated_workspace(on_machine(1).folder)
    report, told = TrialWorker.report, []

    def killed(worker, metrics, *rest):
        report(worker, metrics, *rest)
        told.append(worker.folder.name)
        if told.count("0001") == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(TrialWorker, "report", killed)
    with pytest.raises(KeyboardInterrupt):
        tune(run, workspace, executor_at(workspace), name="rates")
    monkeypatch.setattr(TrialWorker, "report", report)
    folder = workspace.tune("rates")
    ended = sizes_of(folder)
    assert "trials/0001/checkpoint-00001/model.safetensors" in ended
    assert not [name for name in ended if name.startswith("trials/0000/checkpoint")]

    workspace = on_machine(2)
    tuned = tune(run, workspace, executor_at(workspace), name="rates")
    assert outcome(tuned.page.trials) == outcome(plain.page.trials)
    assert outcome(tuned.page.again) == outcome(plain.page.again)
    assert (tuned.folder / "best.yaml").read_bytes() == (plain.folder / "best.yaml").read_bytes()
    stored = sizes_of(tuned.folder)
    assert {"best.yaml", "report.html", "trials.parquet", "tuning.json"} <= set(stored)
    assert [name for name in stored if name.startswith("tensorboard/0000/events")]
    assert not [name for name in stored if "checkpoint" in name]

    again = tune(run, on_machine(3), Idle(), name="rates")
    assert outcome(again.page.trials) == outcome(tuned.page.trials)
    with pytest.raises(Exception, match="choose another name with --name"):
        tune(tiny_run(tune__space=RATES), on_machine(4), Idle(), name="rates")


@pytest.mark.slow
def test_a_comparison_is_that_of_a_disk_and_trains_only_what_changes(
    on_machine, executor_at, tmp_path, monkeypatch
):
    """On another machine with another setting one row is trained anew, from nothing."""
    rows = [Variation("full model"), Variation("without key terms", {"model.use_key_terms": False})]
    monkeypatch.setattr("seje_ray.pipeline.ablate.variations", lambda run, model: rows)
    found = []
    for workspace in (Workspace(tmp_path / "plain"), on_machine(1)):
        calibrated_workspace(workspace.folder)
        write_text(workspace.calibrated_run, to_json(run_to_dict(tiny_run(1))))
        executor = executor_at(workspace) if workspace.is_stored else EXECUTOR
        found.append(ablate(tiny_run(1), workspace, executor, name="a", num_seeds=1))
    assert outcome(found[1].page.trials) == outcome(found[0].page.trials)
    pages = [(one.folder / "ablation.md").read_bytes() for one in found]
    assert pages[1] == pages[0]

    kept = ablate(tiny_run(1), on_machine(2), Idle(), name="a", num_seeds=1)
    assert outcome(kept.page.trials) == outcome(found[0].page.trials)
    rows[1] = Variation(
        "without key terms", {"model.use_key_terms": False, "train.weight_decay": 0.5}
    )
    workspace = on_machine(3)
    ablate(tiny_run(1), workspace, executor_at(workspace), name="a", num_seeds=1)
    plan = on_machine(1).ablation("a") / "trials" / "without-key-terms-s0" / "job.json"
    assert read_json(fetch(plan))["run"]["train"]["weight_decay"] == 0.5


@pytest.mark.slow
def test_a_variant_in_a_store_is_that_of_a_disk(
    on_machine, executor_at, tmp_path, cookbook, calibrated, uri
):
    """It shares what its settings do not change, as a workspace by its own URI, too."""
    run = tiny_cookbook_run("calibrate.key_term_vector=sum")
    parts = ("recipes", "calibrator", "calibrated")
    plain = copied(cookbook, tmp_path / "plain", *parts)
    workspace = on_machine(1)
    for part in parts:
        shutil.copytree(cookbook.folder / part, workspace.folder / part)
    push(workspace.folder)
    made = []
    for at, executor in ((plain, EXECUTOR), (workspace, executor_at(workspace))):
        with executor.session(1) as session:
            made.append(calibrated_variant(run, at, session))
    assert made[1].content_hash == made[0].content_hash != calibrated.calibrated.content_hash

    there = on_machine(2)
    with Idle().session(1) as session:
        assert calibrated_variant(run, there, session).content_hash == made[0].content_hash
    own = Workspace.at(f"{uri}/variants/{made[1].folder.parent.name}")
    assert own.open_recipes().content_hash == calibrated.recipes.content_hash
    assert load_run(own.calibrated_run).calibrate.key_term_vector == "sum"
    assert not [name for name in sizes_of(there.variants) if "/recipes/" in name]
