"""A trial in the process: how its own image network sees photos, resumed and measured."""

import json

import pyarrow.parquet as pq
import pytest
import torch

from seje_ray.artifact import open_artifact
from seje_ray.distributed.process import LocalProcess
from seje_ray.errors import ArtifactError
from seje_ray.pipeline.embed import embed_partition
from seje_ray.pipeline.local import LocalExecutor
from seje_ray.pipeline.runs import TrainedRun
from seje_ray.pipeline.train import train
from seje_ray.pipeline.trial_training import TrialWorker, measure_trial, train_trial
from seje_ray.retrieval.embeddings import load_embeddings
from seje_ray.training.checkpoints import NOTED
from seje_ray.training.subset import bank_rows
from seje_ray.training.validation import ValEmbeddings, retrieval_metrics
from seje_ray.tuning.trial_plan import TrialPlan
from seje_ray.tuning.trials import read_measured
from tests.unit.pipeline.calibrated import calibrated_workspace, tiny_run


def plan_of(workspace, **settings):
    """A trial of one epoch that is measured."""
    run = tiny_run(1, **settings)
    return TrialPlan.of("0000", run, workspace.open_calibrated(), workspace, ("val",))


def trained_trial(workspace, plan):
    folder = workspace.tune("one") / plan.name
    plan.write(folder)
    worker = TrialWorker(folder, "val/selection_score")
    train_trial(plan, workspace.open_calibrated(), workspace, worker)
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


def test_a_trial_on_a_variants_data_starts_from_a_training_of_the_workspace(workspace, local):
    """By its name, which a variant does not know."""
    train(tiny_run(1), workspace, local, name="first")
    variant = calibrated_workspace(workspace.variants / "75e9")
    run = tiny_run(1, train__init_from="first")
    plan = TrialPlan.of("0000", run, variant.open_calibrated(), workspace, ("val",))
    folder = workspace.tune("one") / plan.name
    plan.write(folder)

    train_trial(
        plan, plan.open_calibrated(workspace), workspace, TrialWorker(folder, "val/selection_score")
    )

    assert (folder / "initial.safetensors").is_file()
    assert read_measured(folder)


def test_a_trial_and_an_evaluation_correct_for_hubs_by_the_same_pairs(workspace, monkeypatch):
    """Ten spread over the 15 that the training may use, however few of val it looks at."""
    monkeypatch.setattr("seje_ray.training.subset.MAX_BANK", 10)
    plan = plan_of(
        workspace,
        evaluate__hubness__weight=0.5,
        train__max_pairs=15,
        train__max_val_pairs=8,
    )
    folder = trained_trial(workspace, plan)
    [checkpoint] = folder.glob("checkpoint-*")

    trained = TrainedRun(folder, checkpoint, 1, {})
    artifact = embed_partition(trained, workspace, LocalExecutor(num_threads=1), "val")

    bank = open_artifact(workspace.embeddings(folder.name, "train-bank"), "embeddings")
    ids = [id_ for path in workspace.open_calibrated().shards("train") for id_ in ids_of(path)]
    expected = [ids[row] for row in bank_rows(21, 15, plan.run.seed)]
    assert [id_ for path in bank.shards() for id_ in ids_of(path)] == expected
    pairs = load_embeddings(artifact.shards())
    both = (torch.from_numpy(e) for e in (pairs.image_embeddings, pairs.recipe_embeddings))
    found = retrieval_metrics(ValEmbeddings(*both), plan.run.seed)
    measured = read_measured(folder)
    assert measured == pytest.approx({f"val/{key}": value for key, value in found.items()})


def ids_of(path):
    """Recipes of a shard."""
    return pq.read_table(path, columns=["id"])["id"].to_pylist()


def test_a_trial_is_not_resumed_with_photos_seen_in_another_way(workspace):
    """Half of its epochs would be of other pixels."""
    folder = trained_trial(workspace, plan_of(workspace))
    [checkpoint] = folder.glob("checkpoint-*")
    stored = json.loads((checkpoint / "run.json").read_text())
    photos = {"mean": [0.9, 0.5, 0.5], "std": [0.5, 0.5, 0.5], "interpolation": "bilinear"}
    stored["origin"]["photos"] = photos
    (checkpoint / "run.json").write_text(json.dumps(stored))
    (checkpoint / NOTED).unlink()  # as a version before left it
    now = plan_of(workspace, model__freeze_backbone=False)

    worker = TrialWorker(folder, "val/selection_score")
    with pytest.raises(ArtifactError, match=r"saw photos in another way .*mean .* --name"):
        train_trial(now, workspace.open_calibrated(), workspace, worker)
