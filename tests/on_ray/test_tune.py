"""Search and comparison on Ray Tune: every trial once, whatever is killed."""

import json
import shutil

import pyarrow.parquet as pq
import pytest
import yaml

from seje_ray.artifact import open_artifact
from seje_ray.config import load_run, with_settings
from seje_ray.errors import ArtifactError, ConfigError, ResourceError, SejeError
from seje_ray.on_ray.executor import RayExecutor
from seje_ray.pipeline.trials import run_plans
from seje_ray.report.tuning import as_text
from seje_ray.training.history import read_history
from seje_ray.tuning.ablation import Variation
from seje_ray.tuning.suggest import suggest
from seje_ray.tuning.trial_book import TrialBook
from seje_ray.tuning.trial_plan import TrialPlan
from seje_ray.tuning.trials import read_trial
from seje_ray.workspace import Workspace
from tests.on_ray.killed_search import (
    SETTINGS,
    committed_at,
    outcome,
    random_kills,
    searched_in_pieces,
)
from tests.on_ray.verbs import ablate, train, tune
from tests.tiny import tiny_run

pytestmark = [pytest.mark.ray, pytest.mark.usefixtures("shared_ray")]

RATES = {"train.learning_rate": {"choice": [0.002, 1e30, 0.01]}}


def test_a_search_ends_in_a_run_file_that_train_takes(workspace, calibrated):
    """A trial that diverges is recorded with its reason and stops no other."""
    run = with_settings(
        tiny_run("tune.num_seeds=2", "tune.searcher=grid", "tune.scheduler=none"),
        {"tune.space": RATES},
    )
    tuned = tune(run, workspace, name="rates", max_concurrent=1)

    trials = tuned.page.trials
    assert [trial.state for trial in trials] == ["done", "done", "failed", "done"]
    assert "training diverged" in trials[2].reason
    assert trials[0].scores == trials[1].scores  # the grid's first point is the run itself
    assert tuned.page.best.best("max") >= trials[0].best("max")
    assert all("test/selection_score" in trial.measured for trial in tuned.page.again)
    assert "1 failed" in as_text(tuned.page)
    assert pq.read_table(tuned.folder / "trials.parquet").num_rows == 4
    assert len(list((tuned.folder / "tensorboard").rglob("events*"))) >= 3
    page = tuned.report.read_text()
    assert page.count("<svg") == 3
    assert "Made-up data" in page

    best = load_run(tuned.folder / "best.yaml")
    assert best.model.freeze_backbone
    trained = train(best, workspace, name="from-best", num_workers=1)
    known = tuned.page.best
    assert trained.metrics["val/selection_score"] == pytest.approx(known.best("max"), abs=0.15)

    again = tune(run, workspace, name="rates", max_concurrent=1)
    assert outcome(again.page.trials) == outcome(trials)
    with pytest.raises(
        ArtifactError, match=r"started with other settings \(loss.soft_margin.scale: 8.0 -> 3.0\)"
    ):
        tune(with_settings(run, {"loss.soft_margin.scale": 3.0}), workspace, name="rates")


@pytest.mark.slow
@pytest.mark.usefixtures("own_ray")
def test_a_search_that_is_killed_again_and_again_ends_as_an_undisturbed_one(workspace, calibrated):
    """SIGKILL at random moments: no trial twice, the same decisions and numbers."""
    settings = [*SETTINGS, "tune.searcher=random", "tune.num_trials=6"]
    run = tiny_run(*settings)
    whole = tune(run, workspace, name="whole", max_concurrent=1)
    kills = random_kills(2, 6, seed=1)
    assert {kill.spares_ray for kill in kills} == {True, False}

    ended = searched_in_pieces(workspace, "killed", settings, kills)
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
    """The weak trial continues from the strong one's checkpoint, as itself and within the range."""
    run = with_settings(
        tiny_run(
            "tune.scheduler=pbt", "tune.searcher=random", "tune.num_trials=3",
            "tune.perturbation_epochs=1", "tune.num_seeds=1", "train.num_epochs=4",
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
        assert [entry["epoch"] for entry in read_history(folder)] == [1, 2, 3, 4]
        assert trial.scores == tuple(e["val/selection_score"] for e in read_history(folder))
        assert 1e-6 <= trial.values[rate] <= 1e-2
        assert TrialPlan.read(folder, workspace).values == trial.values  # a killed one's too


def test_what_no_cluster_can_hold_is_refused_before_the_first_trial(workspace, calibrated):
    """No folder of trials, no hang."""
    with pytest.raises(ResourceError, match="--max-concurrent must be at least 1"):
        tune(tiny_run(), workspace, name="refused", max_concurrent=-1)
    with pytest.raises(ConfigError, match="trials exchange checkpoints in their own process"):
        tune(tiny_run("tune.scheduler=pbt"), workspace, name="refused", num_workers=2)
    with pytest.raises(ArtifactError, match="expected pooled image features"):
        tune(tiny_run("tune.settings={}", "model.freeze_backbone=true"), workspace, name="refused")
    assert not (workspace.folder / "tunes" / "refused" / "trials").exists()


def test_a_search_of_which_every_trial_fails_says_why(workspace, calibrated):
    """And an unknown metric names those there are."""
    run = tiny_run("tune.num_trials=1", "tune.metric=val/loss", "train.num_epochs=1")
    with pytest.raises(SejeError, match=r"tune.metric: expected one of .*val/selection_score"):
        tune(run, workspace, name="metric", max_concurrent=1)


def test_an_ablation_trains_every_row_on_its_own_data(workspace, calibrated, tmp_path, monkeypatch):
    """A row of another rater gets its data beside, sharing what it can; both tables are there."""
    rows = [
        Variation("full model"),
        Variation("without key terms", {"model.use_key_terms": False}),
        Variation("negatives both", {"loss.negatives": "both"}),
        Variation("rater textrank", {"calibrate.rater": "textrank"}),
    ]
    monkeypatch.setattr("seje_ray.pipeline.ablate.variations", lambda run, model: rows)
    for name in ("recipes", "calibrator", "calibrated"):
        shutil.copytree(workspace.folder / name, tmp_path / name)
    before = open_artifact(tmp_path / "calibrated", "calibrated").content_hash

    run = tiny_run("train.num_epochs=1")
    done = ablate(run, Workspace(tmp_path), name="a", num_seeds=2, max_concurrent=2)

    names = [trial.name for trial in done.page.trials]
    assert names == [
        f"{role}-s{seed}"
        for role in ("full-model", "without-key-terms", "rater-textrank")
        for seed in (0, 1)
    ]
    assert all(trial.state == "done" for trial in done.page.trials)
    [variant] = (tmp_path / "variants").iterdir()
    assert (variant / "recipes").is_symlink()
    assert all(part.is_symlink() for part in (variant / "calibrator").iterdir() if part.is_dir())
    assert (
        yaml.safe_load((variant / "calibrated" / "run.yaml").read_text())["calibrate"]["rater"]
        == "textrank"
    )
    assert open_artifact(tmp_path / "calibrated", "calibrated").content_hash == before
    plans = [json.loads(path.read_text()) for path in done.folder.glob("trials/*/job.json")]
    locations = [plan["calibrated"] for plan in plans]
    assert locations.count(f"variants/{variant.name}/calibrated") == 2
    markdown = (done.folder / "ablation.md").read_text()
    assert "| negatives both (= full model) |" in markdown
    assert "+0.000 ± 0.000 | within noise" in markdown
    assert "Made-up data" in (done.folder / "ablation.html").read_text()
    assert read_trial(done.folder / "trials" / names[0], run.tune.metric).measured

    raters = {"calibrate.rater": {"choice": ["tfidf", "textrank"]}}
    search = with_settings(
        tiny_run("train.num_epochs=1", "tune.searcher=grid", "tune.num_seeds=1"),
        {"tune.space": raters, "tune.num_trials": 3, "tune.grace_epochs": 1},
    )
    tuned = tune(search, Workspace(tmp_path), name="raters", max_concurrent=2)
    found = {
        trial.values["calibrate.rater"]: TrialPlan.read(
            tuned.folder / "trials" / trial.name, Workspace(tmp_path)
        ).location
        for trial in tuned.page.trials
    }
    assert found == {"tfidf": "calibrated", "textrank": f"variants/{variant.name}/calibrated"}
    best = found[tuned.page.best.values["calibrate.rater"]]
    assert tuned.workspace.calibrated == tmp_path / best
