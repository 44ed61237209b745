"""A tuning in the process: what it leaves, what it refuses, and that nothing is trained twice."""

import json
from contextlib import contextmanager

import pyarrow.parquet as pq
import pytest

from seje_ray.config import load_run
from seje_ray.errors import ArtifactError, ConfigError, OutageError, ResourceError, SejeError
from seje_ray.pipeline.local import LocalExecutor, LocalSession
from seje_ray.pipeline.train import train
from seje_ray.pipeline.tune import tune
from seje_ray.report.tuning import as_text
from seje_ray.tuning.trials import Trial
from seje_ray.workspace import Workspace
from tests.unit.pipeline.calibrated import tiny_run

RATES = {"train.learning_rate": {"choice": [0.002, 1e30, 0.02]}}


def grid_run(**settings):
    """A grid over three learning rates, of which one diverges."""
    tuned = {"tune__space": RATES, "tune__searcher": "grid", "tune__scheduler": "none"}
    return tiny_run(**tuned | {"tune__num_seeds": 1, "train__learning_rate": 0.002} | settings)


class Idle(LocalExecutor):
    """An executor that fails where anything is left to train."""

    @contextmanager
    def session(self, num_workers):
        """Give a session that trains nothing."""
        yield IdleSession()


class IdleSession(LocalSession):
    def run_trials(self, *_, **__):
        raise AssertionError("a trial was to be trained")


def outcome(trials: list[Trial]) -> list[tuple]:
    """What a tuning decides and finds, without its times."""
    return [(t.name, t.values, t.state, t.scores, t.measured) for t in trials]


def test_a_tuning_ends_in_a_run_file_that_train_takes(workspace, local):
    """A trial that diverges is recorded with its reason and stops no other."""
    tuned = tune(grid_run(tune__num_seeds=2), workspace, local, name="rates")

    trials = tuned.page.trials
    assert [trial.state for trial in trials] == ["done", "done", "failed", "done"]
    assert "training diverged" in trials[2].reason
    assert trials[0].scores == trials[1].scores  # the grid's first point is the run itself
    assert tuned.page.best.best("max") >= trials[0].best("max")
    assert all("test/selection_score" in trial.measured for trial in tuned.page.again)
    assert "1 failed" in as_text(tuned.page)
    assert pq.read_table(tuned.folder / "trials.parquet").num_rows == 4
    drawn = {path.parent.name for path in (tuned.folder / "tensorboard").rglob("events*")}
    assert drawn == {"0000", "0001", "0003"}
    page = tuned.report.read_text()
    assert page.count("<svg") == 3
    assert "Made-up data" in page

    trained = train(load_run(tuned.folder / "best.yaml"), workspace, local, name="from-best")
    assert trained.metrics["val/selection_score"] == tuned.page.best.best("max")
    assert tuned.workspace == workspace


def test_a_moved_workspace_keeps_its_tuning(workspace, local, tmp_path):
    """The same command trains nothing and tells the same, this version's trials and older ones."""
    run = grid_run()
    before = tune(run, workspace, local, name="rates")
    for path in before.folder.rglob("*/job.json"):  # as older versions stored them
        stored = json.loads(path.read_text())
        path.write_text(json.dumps(stored | {"calibrated": str(workspace.calibrated)}))
    stored = json.loads((before.folder / "tuning.json").read_text())
    del stored["tune"]["num_trials"], stored["tune"]["num_seeds"]
    (before.folder / "search.json").write_text(json.dumps(stored))
    (before.folder / "tuning.json").unlink()
    moved = Workspace(workspace.folder.rename(tmp_path / "elsewhere"))

    after = tune(run, moved, Idle(), name="rates")

    assert outcome(after.page.trials) == outcome(before.page.trials)
    assert outcome(after.page.again) == outcome(before.page.again)
    assert as_text(after.page) == as_text(before.page)
    assert after.folder == moved.tune("rates")


def test_an_unfinished_trial_resumes_after_a_move(workspace, local, tmp_path):
    """From its checkpoint, on the data where it now lies, with the scores of one in one go."""
    run = grid_run(tune__space={"train.learning_rate": {"choice": [0.02]}})
    whole = tune(run, workspace, local, name="whole")
    killed = tune(run, workspace, local, name="killed")
    trial = killed.folder / "trials" / "0001"
    for name in ("trial.json", "measured.json"):
        (trial / name).unlink()
    lines = (trial / "history.jsonl").read_text().splitlines(keepends=True)
    (trial / "history.jsonl").write_text(lines[0])
    stored = json.loads((trial / "job.json").read_text())
    (trial / "job.json").write_text(json.dumps(stored | {"calibrated": str(workspace.calibrated)}))
    moved = Workspace(workspace.folder.rename(tmp_path / "elsewhere"))

    continued = tune(run, moved, local, name="killed")

    assert outcome(continued.page.trials) == outcome(whole.page.trials)
    assert outcome(continued.page.again) == outcome(whole.page.again)


def test_more_trials_and_seeds_of_the_same_tuning_are_added(workspace, local):
    """Those that ended stay as they are: no file of theirs is written again."""
    first = tune(grid_run(tune__num_trials=2), workspace, local, name="rates")
    written = {p: p.stat().st_mtime_ns for p in first.folder.rglob("trial.json")}
    more = tune(grid_run(tune__num_trials=3, tune__num_seeds=2), workspace, local, name="rates")

    assert outcome(more.page.trials[:2]) == outcome(first.page.trials)
    assert len(more.page.trials) == 3
    assert [trial.name for trial in more.page.again[:2]] == ["default-s1", "default-s2"]
    assert written == {p: p.stat().st_mtime_ns for p in written}


def test_a_tuning_resumed_with_fewer_trials_ends_those_it_has_begun(workspace, local):
    """Also where as many have ended as are asked for now."""
    first = tune(grid_run(), workspace, local, name="rates")
    for name in ("trial.json", "measured.json"):
        (first.folder / "trials" / "0001" / name).unlink()

    fewer = tune(grid_run(tune__num_trials=1), workspace, local, name="rates")

    assert outcome(fewer.page.trials) == outcome(first.page.trials)


def test_other_settings_or_data_under_the_same_name_are_refused(workspace, local):
    """What changed is named."""
    run = grid_run(tune__num_trials=1)
    tune(run, workspace, local, name="rates")

    other = grid_run(tune__num_trials=1, loss__soft_margin__scale=3.0)
    with pytest.raises(ArtifactError, match=r"\(loss.soft_margin.scale: .* -> 3.0\).* --name"):
        tune(other, workspace, Idle(), name="rates")
    path = workspace.calibrated / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["plan"]["seed"] = 7
    path.write_text(json.dumps(manifest))
    with pytest.raises(ArtifactError, match="made with another calibrated artifact"):
        tune(run, workspace, Idle(), name="rates")


@pytest.mark.parametrize(
    ("settings", "num_workers", "message"),
    [
        ({"tune__space": {}}, 1, "at least one setting to tune"),
        (
            {"tune__scheduler": "pbt", "tune__searcher": "random"},
            2,
            "trials exchange checkpoints in their own process",
        ),
        (
            {
                "tune__scheduler": "pbt",
                "tune__searcher": "random",
                "tune__space": {"model.dropout": {"uniform": [0.0, 0.5]}},
            },
            1,
            "model.dropout cannot change in the middle",
        ),
    ],
)
def test_what_no_trial_could_do_is_refused_before_the_first(
    workspace, settings, num_workers, message
):
    """No folder of trials."""
    with pytest.raises(ConfigError, match=message):
        tune(grid_run(**settings), workspace, Idle(), name="refused", num_workers=num_workers)
    assert not workspace.tune("refused").exists()


def test_data_that_the_trials_cannot_train_on_is_refused_before_the_first(workspace):
    """Stored features of another network."""
    run = grid_run(model__backbone__name="torchvision/resnet18")
    with pytest.raises(ArtifactError, match="expected pooled image features"):
        tune(run, workspace, Idle(), name="refused")
    assert not workspace.tune("refused").exists()


def test_a_population_is_refused_where_trials_run_one_after_another(workspace, local):
    """Nobody is there to hand a checkpoint over."""
    run = grid_run(tune__scheduler="pbt", tune__searcher="random")
    with pytest.raises(SejeError, match=r"expected asha or none .* got pbt"):
        tune(run, workspace, local, name="population")


def test_what_the_machines_cannot_hold_is_refused_before_the_first_trial(workspace, local):
    """The same."""
    with pytest.raises(ResourceError, match="expected 1"):
        tune(grid_run(), workspace, local, name="refused", num_workers=2)
    assert not workspace.tune("refused").exists()


def test_a_tuning_of_which_every_trial_fails_says_why(workspace, local):
    """And an unknown metric names those there are."""
    run = grid_run(tune__num_trials=1, tune__metric="val/loss")
    with pytest.raises(SejeError, match=r"tune.metric: expected one of .*val/selection_score"):
        tune(run, workspace, local, name="metric")


def test_settings_that_do_not_go_together_are_a_failed_trial(workspace, local):
    """Each value alone would do; the trial before it is trained."""
    space = {
        "loss.info_nce.logit_scale": {"choice": [50.0]},
        "loss.info_nce.max_logit_scale": {"choice": [40.0]},  # a bound of the one above
    }
    run = grid_run(train__num_epochs=1, loss__kind="info_nce", tune__space=space)
    trials = tune(run, workspace, local, name="pairs").page.trials

    assert [trial.state for trial in trials] == ["done", "failed"]
    assert "max_logit_scale must be >= logit_scale (50.0), got 40.0" in trials[1].reason


class WithoutItsStore(LocalExecutor):
    """Its trainings meet a store that has gone."""

    @contextmanager
    def session(self, num_workers):
        """Give a session in which none comes far."""
        yield LostSession()


class LostSession(LocalSession):
    def train_trial(self, book, name):
        raise OutageError("s3://bucket/w: the store does not answer")


def test_a_store_that_does_not_answer_is_no_failure_of_a_trial(workspace, local):
    """The command ends with it, and goes on when it is repeated."""
    with pytest.raises(OutageError):
        tune(grid_run(), workspace, WithoutItsStore(), name="outage")
    trials = tune(grid_run(), workspace, local, name="outage").page.trials
    assert [trial.state for trial in trials] == ["done", "done", "failed", "done"]
