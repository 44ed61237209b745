"""Tuning and comparison on Ray Tune: every trial once, whatever is killed."""

import json
import os
import shutil
import signal

import pytest

from seje_ray.config import load_run, with_settings
from seje_ray.errors import OutageError, ResourceError
from seje_ray.on_ray.executor import RayExecutor
from seje_ray.on_ray.trial_worker import train_in_trial
from seje_ray.pipeline.trials import run_plans
from seje_ray.report.tuning import as_text
from seje_ray.training.history import read_history
from seje_ray.tuning.ablation import Variation
from seje_ray.tuning.suggest import suggest
from seje_ray.tuning.trial_book import TrialBook
from seje_ray.tuning.trial_plan import TrialPlan
from seje_ray.workspace import Workspace
from tests.on_ray.killed_tuning import (
    SETTINGS,
    committed_at,
    outcome,
    random_kills,
    tuned_in_pieces,
)
from tests.on_ray.verbs import ablate, tune
from tests.tiny import tiny_run

pytestmark = [pytest.mark.ray, pytest.mark.usefixtures("shared_ray")]

RATES = {"train.learning_rate": {"choice": [0.002, 1e30, 0.01]}}


def test_a_trial_that_diverges_is_recorded_and_stops_no_other(workspace, calibrated):
    """Its process says why; the others and the trainings with other seeds come to their end."""
    run = with_settings(
        tiny_run("tune.num_seeds=2", "tune.searcher=grid", "tune.scheduler=none"),
        {"tune.space": RATES},
    )
    tuned = tune(run, workspace, name="rates", max_concurrent=1)

    trials = tuned.page.trials
    assert [trial.state for trial in trials] == ["done", "done", "failed", "done"]
    assert "training diverged" in trials[2].reason
    assert trials[0].scores == trials[1].scores  # the grid's first point is the run itself
    assert all("test/selection_score" in trial.measured for trial in tuned.page.again)
    assert load_run(tuned.folder / "best.yaml").model.freeze_backbone

    again = tune(run, workspace, name="rates", max_concurrent=1)
    assert outcome(again.page.trials) == outcome(trials)


def without_its_store(*_, **__):
    """Stands for a training whose store has gone."""
    raise OutageError("s3://bucket/w: the store does not answer")


def test_a_store_that_does_not_answer_is_no_failure_of_a_trial(workspace, calibrated, monkeypatch):
    """The command ends with it, begins no other trial, and goes on when it is repeated."""
    run = tiny_run("tune.num_trials=2", "tune.num_seeds=1", "tune.scheduler=none")
    with monkeypatch.context() as changed:
        changed.setattr("seje_ray.on_ray.tune.train_in_trial", without_its_store)
        with pytest.raises(OutageError, match="the store does not answer"):
            tune(run, workspace, name="outage", max_concurrent=1)
    trials = workspace.folder / "tunes" / "outage" / "trials"
    assert [path.name for path in trials.iterdir()] == ["0000"]
    assert committed_at(trials) == {}

    tuned = tune(run, workspace, name="outage", max_concurrent=1)
    assert [trial.state for trial in tuned.page.trials] == ["done"] * 2


def dies(folder, *told, **named):
    """Stands for a training whose node is lost: the first trial's once, the second's always."""
    has_died = folder / "has-died"
    if folder.name == "0001" or (folder.name == "0000" and not has_died.exists()):
        has_died.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    train_in_trial(folder, *told, **named)


def test_a_trial_whose_process_dies_goes_on(workspace, calibrated, monkeypatch, capsys):
    """After the others, as often as it takes within limits; each has one folder and ends once."""
    run = tiny_run("tune.num_trials=2", "tune.num_seeds=1", "tune.scheduler=none")
    with monkeypatch.context() as changed:
        changed.setattr("seje_ray.on_ray.tune.train_in_trial", dies)
        tuned = tune(run, workspace, name="dying", max_concurrent=1)
    trials = tuned.page.trials
    assert [trial.state for trial in trials] == ["done", "failed"]
    assert trials[1].reason.startswith("its process died: ")
    said = capsys.readouterr().err
    assert said.count("its process died; it goes on") == 3  # 0 once, 1 twice
    assert "Traceback" not in said


@pytest.mark.slow
@pytest.mark.usefixtures("own_ray")
def test_a_tuning_that_is_killed_again_and_again_ends_as_an_undisturbed_one(workspace, calibrated):
    """SIGKILL at random moments: no trial twice, the same decisions and numbers."""
    settings = [*SETTINGS, "tune.searcher=random", "tune.num_trials=6"]
    run = tiny_run(*settings)
    whole = tune(run, workspace, name="whole", max_concurrent=1)
    kills = random_kills(2, 6, seed=1)
    assert {kill.spares_ray for kill in kills} == {True, False}

    ended = tuned_in_pieces(workspace, "killed", settings, kills)
    continued = tune(run, workspace, name="killed", max_concurrent=1)

    assert outcome(continued.page.trials) == outcome(whole.page.trials)
    assert outcome(continued.page.again) == outcome(whole.page.again)
    now = committed_at(workspace.folder / "tunes" / "killed" / "trials")
    assert all(now[name] == time_ns for name, time_ns in ended.items())


def test_trials_of_several_workers_are_groups_of_ray_train(workspace, calibrated, tmp_path):
    """The driver of each waits for its workers, and the numbers are those of one process."""
    run = with_settings(tiny_run("train.num_epochs=1"), tiny_run().tune.settings)
    plan = TrialPlan.of("one", run, calibrated.calibrated, workspace, ("test",))
    trials = {}
    with RayExecutor(workspace).session(2) as session:
        for num_workers in (2, 1):
            folder = tmp_path / str(num_workers)
            book = TrialBook.open(workspace, folder, "val/selection_score", "max")
            allotted = session.allot(num_workers, 1)
            run_plans(session, book, [plan], allotted=allotted, title="one trial")
            trials[num_workers] = book.trials["one"]

    two, one = trials[2], trials[1]
    assert (two.state, len(two.scores)) == ("done", 1)
    assert two.scores[0] == pytest.approx(one.scores[0], abs=0.15)
    assert two.measured.keys() == one.measured.keys() >= {"test/recall_at_1/image_to_recipe"}


def test_population_based_training_changes_values_on_the_way(workspace, calibrated):
    """The weak trial continues from the strong one's checkpoint, as itself and within the range.

    Ray compares trials that are under way, so they are long beside what their starts lie apart.
    """
    num_epochs = 10  # no more than the patience of the early stop
    run = with_settings(
        tiny_run(
            "tune.scheduler=pbt", "tune.searcher=random", "tune.num_trials=3",
            "tune.perturbation_epochs=1", "tune.num_seeds=1", f"train.num_epochs={num_epochs}",
        ),
        {"tune.space": {"train.learning_rate": {"log_uniform": [1e-6, 1e-2]}}},
    )  # fmt: skip
    tuned = tune(run, workspace, name="pbt", max_concurrent=3)

    trials, rate = tuned.page.trials, "train.learning_rate"
    assert [(trial.name, trial.state) for trial in trials] == [
        (f"{number:04d}", "done") for number in range(3)
    ]
    begun = [suggest(run, run.tune.space, number, [])[rate] for number in range(3)]
    assert [trial.values[rate] for trial in trials] != begun
    for trial in trials:
        folder = tuned.folder / "trials" / trial.name
        epochs = [entry["epoch"] for entry in read_history(folder)]
        assert epochs == list(range(1, num_epochs + 1))
        assert trial.scores == tuple(e["val/selection_score"] for e in read_history(folder))
        assert 1e-6 <= trial.values[rate] <= 1e-2
        assert TrialPlan.read(folder, workspace).values == trial.values  # a killed one's too


def test_what_no_cluster_can_hold_is_refused_before_the_first_trial(workspace, calibrated):
    """No folder of trials, no hang."""
    with pytest.raises(ResourceError, match="--max-concurrent must be at least 1"):
        tune(tiny_run(), workspace, name="refused", max_concurrent=-1)
    assert not (workspace.folder / "tunes" / "refused" / "trials").exists()


def test_a_moved_workspace_keeps_what_was_compared_and_tuned_on_data_of_its_own(
    workspace, calibrated, tmp_path, monkeypatch
):
    """A row of another rater gets its data beside, sharing what it can; so does a tuning.

    Moved, the same commands train nothing, calibrate nothing and tell the same.
    """
    rows = [
        Variation("full model"),
        Variation("without key terms", {"model.use_key_terms": False}),
        Variation("rater textrank", {"calibrate.rater": "textrank"}),
    ]
    monkeypatch.setattr("seje_ray.pipeline.ablate.variations", lambda run, model: rows)
    run = tiny_run("train.num_epochs=1")
    raters = {"calibrate.rater": {"choice": ["tfidf", "textrank"]}}
    searched = with_settings(
        tiny_run("train.num_epochs=1", "tune.searcher=grid", "tune.num_seeds=1"),
        {"tune.space": raters, "tune.num_trials": 3, "tune.grace_epochs": 1},
    )
    here = Workspace(tmp_path / "here")
    for name in ("recipes", "calibrator", "calibrated"):
        shutil.copytree(workspace.folder / name, here.folder / name)

    compared = ablate(run, here, name="a", num_seeds=2, max_concurrent=2)
    tuned = tune(searched, here, name="raters", max_concurrent=2)

    roles = ("full-model", "without-key-terms", "rater-textrank")
    assert [(trial.name, trial.state) for trial in compared.page.trials] == [
        (f"{role}-s{seed}", "done") for role in roles for seed in (0, 1)
    ]
    assert all(trial.measured for trial in compared.page.trials)
    [folder] = here.variants.iterdir()
    variant = here.variant(folder.name)
    assert variant.recipes.is_symlink()
    assert all(part.is_symlink() for part in variant.calibrator.iterdir() if part.is_dir())
    assert load_run(variant.calibrated_run).calibrate.rater == "textrank"
    own = here.open_calibrated().content_hash
    assert own == calibrated.calibrated.content_hash
    assert locations(compared.folder).count(here.stored(variant.calibrated)) == 2
    found = {
        trial.values["calibrate.rater"]: location
        for trial, location in zip(tuned.page.trials, locations(tuned.folder), strict=True)
    }
    assert found == {"tfidf": "calibrated", "textrank": here.stored(variant.calibrated)}
    best = found[tuned.page.best.values["calibrate.rater"]]
    assert tuned.workspace.calibrated == here.resolved(best)

    made = written_at(here)
    moved = Workspace(here.folder.rename(tmp_path / "elsewhere"))
    compared_again = ablate(run, moved, name="a", num_seeds=2, max_concurrent=2)
    tuned_again = tune(searched, moved, name="raters", max_concurrent=2)

    assert written_at(moved) == made
    assert compared_again.page.trials == compared.page.trials
    assert as_text(tuned_again.page) == as_text(tuned.page)
    assert tuned_again.workspace.calibrated == moved.resolved(best)


def locations(folder):
    """Where the data of each trial lies, as stored."""
    paths = sorted(folder.glob("trials/*/job.json"))
    return [json.loads(path.read_text())["calibrated"] for path in paths]


def written_at(workspace):
    """When each trial ended and each artifact was finished; a calibrator only sums up its parts."""
    manifests = workspace.folder.rglob("manifest.json")
    made = [path for path in manifests if path.parent.name != "calibrator"]
    paths = [*workspace.folder.rglob("trial.json"), *made]
    return {str(p.relative_to(workspace.folder)): p.stat().st_mtime_ns for p in paths}
