"""Baselines on calibrated workspaces: reports, lines beside a model's, and what is missing."""

import json

import pytest

from seje_ray.artifact import ArtifactError
from seje_ray.errors import ConfigError
from seje_ray.pipeline.baseline import measure_baselines
from seje_ray.pipeline.evaluate import evaluate_run
from seje_ray.pipeline.gallery_choice import GalleryChoice
from tests.tiny import tiny_run as cookbook_run
from tests.unit.pipeline.calibrated import tiny_run
from tests.unit.pipeline.locally import EXECUTOR, copied


def test_every_baseline_is_measured_and_reported_like_a_training(workspace):
    """Stored features: all galleries hold the baseline and the controls; the page names the fit."""
    names = ["ridge", "cca", "tfidf-knn"]
    for measured in measure_baselines(names, tiny_run(), workspace, partition="test"):
        report = json.loads((measured.folder / "report.json").read_text())
        assert measured.folder == workspace.baseline(measured.name, "test")
        assert report["num_pairs"] == 8
        assert report["fit"]["train_pairs"] == 21
        assert report["fit"]["settings"] == measured.settings
        (gallery,) = report["galleries"]
        assert [line["name"] for line in gallery["lines"]] == [
            measured.name,
            "category oracle",
            "shuffled pairs",
            "chance",
        ]
        assert "chosen on val" in (measured.folder / "report.html").read_text()
        names.remove(measured.name)
    assert not names


def test_fewer_train_pairs_are_a_baseline_of_their_own(workspace):
    """Ten of 21 pairs, in another folder."""
    (few,) = measure_baselines(["ridge"], tiny_run(), workspace, partition="test", max_pairs=10)
    report = json.loads((few.folder / "report.json").read_text())
    assert few.folder.name == "ridge-10-test"
    assert (report["fit"]["train_pairs"], report["fit"]["max_pairs"]) == (10, 10)


def test_a_trainings_report_shows_its_workspaces_baselines(cookbook, calibrated, trained, tmp_path):
    """The line of the same gallery; other galleries get none."""
    parts = ("recipes", "calibrated", "calibrator", "runs")
    copy = copied(cookbook, tmp_path / "copy", *parts)
    (ridge,) = measure_baselines(
        ["ridge"], cookbook_run(), copy, partition="test", gallery_sizes=(10,)
    )
    evaluated = evaluate_run(
        trained, copy, EXECUTOR, partition="test", choice=GalleryChoice(sizes=(10, 1000))
    )
    small, whole = ([line.name for line in g.lines] for g in evaluated.galleries)
    assert small == ["model", "ridge", "category oracle", "shuffled pairs", "chance"]
    assert "ridge" not in whole
    assert evaluated.galleries[0].lines[1] == ridge.galleries[0].lines[0]


def test_features_that_are_not_stored_are_computed(cookbook, calibrated, tmp_path):
    """By the categorizer's network, whose features this workspace also stores: equal results."""
    copy = copied(cookbook, tmp_path / "copy", "recipes", "calibrated", "calibrator")
    path = copy.calibrated / "manifest.json"
    manifest = json.loads(path.read_text())
    assert manifest["facts"]["feature_dim"] is not None
    manifest["facts"]["feature_dim"] = None
    path.write_text(json.dumps(manifest))

    measured = [
        next(iter(measure_baselines(["ridge"], cookbook_run(), where, partition="val")))
        for where in (copied(cookbook, tmp_path / "stored", "recipes", "calibrated"), copy)
    ]
    stored, computed = (one.galleries[0].lines[0].means for one in measured)
    assert computed == pytest.approx(stored, abs=0.05)
    assert "of the image categorizer" in (measured[1].folder / "report.html").read_text()


def test_zero_shot_needs_a_dual_encoder(workspace):
    """Said in one line, before anything is read."""
    with pytest.raises(ConfigError, match="zero-shot: expected an image and a text tower"):
        list(measure_baselines(["ridge", "zero-shot"], tiny_run(), workspace, partition="test"))


@pytest.mark.parametrize("partition", ["train", "val", "test"])
def test_a_partition_without_pairs_is_named(workspace, partition):
    """No val chooses nothing, no test measures nothing."""
    path = workspace.calibrated / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["rows"].pop(partition)
    for noted in ("shards", "sizes"):
        left = {name: value for name, value in manifest[noted].items() if partition not in name}
        manifest[noted] = left
    path.write_text(json.dumps(manifest))
    for shard in workspace.calibrated.glob(f"{partition}-*.parquet"):
        shard.unlink()
    with pytest.raises(ArtifactError, match=f"recipes with photos in partition '{partition}'"):
        list(measure_baselines(["ridge"], tiny_run(), workspace, partition="test"))


def test_texts_without_a_shared_word_are_told(workspace, monkeypatch):
    """Nothing but numbers of one digit, which are no words."""
    monkeypatch.setattr("seje_ray.pipeline.baseline_pairs.weighted_text", lambda *_: "1")
    with pytest.raises(ArtifactError, match="the texts of the train recipes share no words"):
        list(measure_baselines(["ridge"], tiny_run(), workspace, partition="test"))
