"""A comparison in the process: its rows, and that nothing is trained twice."""

import json

import pytest

from seje_ray.config import run_to_dict
from seje_ray.pipeline.ablate import ablate
from seje_ray.report.ablation import as_text
from seje_ray.tuning.ablation import Variation
from seje_ray.workspace import Workspace
from tests.unit.pipeline.calibrated import tiny_run
from tests.unit.pipeline.test_tune import Idle, outcome

ROWS = [
    Variation("full model"),
    Variation("without key terms", {"model.use_key_terms": False}),
    Variation("negatives both", {"loss.negatives": "both"}),
]


@pytest.fixture
def run(workspace, monkeypatch):
    """What the workspace was calibrated for, compared in three rows of which one is the run."""
    monkeypatch.setattr("seje_ray.pipeline.ablate.variations", lambda run, model: ROWS)
    found = tiny_run(1)
    workspace.calibrated_run.write_text(json.dumps(run_to_dict(found)))
    return found


def test_every_row_is_trained_with_every_seed_and_the_run_itself_once(run, workspace, local):
    """Both tables are there; the row that is the full model shows its numbers."""
    done = ablate(run, workspace, local, name="a", num_seeds=2)

    assert [(trial.name, trial.state) for trial in done.page.trials] == [
        (f"{role}-s{seed}", "done")
        for role in ("full-model", "without-key-terms")
        for seed in (0, 1)
    ]
    assert all("test/selection_score" in trial.measured for trial in done.page.trials)
    markdown = (done.folder / "ablation.md").read_text()
    assert "| negatives both (= full model) |" in markdown
    assert "+0.000 ± 0.000 | within noise" in markdown
    assert "Made-up data" in (done.folder / "ablation.html").read_text()


def test_a_moved_workspace_keeps_its_comparison(run, workspace, local, tmp_path):
    """The same command trains nothing and tells the same, also of an older version's trials."""
    before = ablate(run, workspace, local, name="a", num_seeds=1)
    for path in before.folder.rglob("*/job.json"):  # as older versions stored them
        stored = json.loads(path.read_text())
        path.write_text(json.dumps(stored | {"calibrated": str(workspace.calibrated)}))
    moved = Workspace(workspace.folder.rename(tmp_path / "elsewhere"))

    after = ablate(run, moved, Idle(), name="a", num_seeds=1)

    assert outcome(after.page.trials) == outcome(before.page.trials)
    assert as_text(after.page) == as_text(before.page)


def test_a_row_of_other_settings_is_trained_again_and_no_other(run, workspace, local):
    """Its former trial goes; trials of further seeds stay where they are for another time."""
    ablate(run, workspace, local, name="a", num_seeds=2)
    trials = workspace.ablation("a") / "trials"
    before = {path.parent.name: path.stat().st_mtime_ns for path in trials.glob("*/trial.json")}
    stored = json.loads((trials / "without-key-terms-s0" / "job.json").read_text())
    stored["run"]["loss"]["category_weight"] = 0.25
    (trials / "without-key-terms-s0" / "job.json").write_text(json.dumps(stored))

    done = ablate(run, workspace, local, name="a", num_seeds=1)

    assert [trial.name for trial in done.page.trials] == ["full-model-s0", "without-key-terms-s0"]
    after = {path.parent.name: path.stat().st_mtime_ns for path in trials.glob("*/trial.json")}
    assert after.keys() == before.keys()
    assert [name for name in after if after[name] != before[name]] == ["without-key-terms-s0"]
