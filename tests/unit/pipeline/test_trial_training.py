"""A trial in the process: how its own image network sees photos, resumed and measured."""

import json

import pytest

from seje_ray.distributed.process import LocalProcess
from seje_ray.errors import ArtifactError
from seje_ray.pipeline.trial_training import TrialWorker, measure_trial, train_trial
from seje_ray.tuning.trial_plan import TrialPlan
from seje_ray.tuning.trials import read_measured
from tests.unit.pipeline.calibrated import tiny_run


def plan_of(workspace, **settings):
    """A trial of one epoch that is measured."""
    run = tiny_run(1, **settings)
    return TrialPlan.of("0000", run, workspace.open_calibrated(), workspace, ("val",))


def trained_trial(workspace, plan):
    folder = workspace.tune("one") / plan.name
    plan.write(folder)
    worker = TrialWorker(folder, "val/selection_score")
    train_trial(plan, workspace.open_calibrated(), worker)
    return folder


@pytest.mark.parametrize("weight", [0.0, 0.5])
def test_a_trial_measured_elsewhere_gives_what_it_gave_itself(workspace, weight):
    """From the checkpoint alone; also where embeddings are corrected for hubs."""
    plan = plan_of(workspace, evaluate__hubness__weight=weight)
    folder = trained_trial(workspace, plan)
    own = read_measured(folder)

    measure_trial(plan, workspace.open_calibrated(), folder, LocalProcess())

    assert own
    assert read_measured(folder) == pytest.approx(own)


def test_a_trial_is_not_resumed_with_photos_seen_in_another_way(workspace):
    """Half of its epochs would be of other pixels."""
    folder = trained_trial(workspace, plan_of(workspace))
    [checkpoint] = folder.glob("checkpoint-*")
    stored = json.loads((checkpoint / "run.json").read_text())
    photos = {"mean": [0.9, 0.5, 0.5], "std": [0.5, 0.5, 0.5], "interpolation": "bilinear"}
    stored["origin"]["photos"] = photos
    (checkpoint / "run.json").write_text(json.dumps(stored))
    now = plan_of(workspace, model__freeze_backbone=False)

    worker = TrialWorker(folder, "val/selection_score")
    with pytest.raises(ArtifactError, match=r"saw photos in another way .*mean .* --name"):
        train_trial(now, workspace.open_calibrated(), worker)
