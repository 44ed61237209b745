"""Phase II on Ray: the same numbers for any worker count, and a run that cannot be lost."""

import json
import os
import shutil

import pytest

from seje_ray.errors import ArtifactError, ResourceError
from seje_ray.features.encoder import QueryError
from seje_ray.on_ray.group import CHECKPOINT_LIST
from seje_ray.pipeline.runs import open_run
from seje_ray.report.evaluation import as_text
from seje_ray.report.training import as_text as training_as_text
from seje_ray.training.timing import read_timings
from seje_ray.workspace import Workspace
from tests.on_ray.killing import run_until
from tests.on_ray.verbs import embed_partition, evaluate_run, searcher, train
from tests.tiny import TINY, tiny_run
from tests.trainings import assert_equal_weights, history_of

pytestmark = [pytest.mark.ray, pytest.mark.usefixtures("shared_ray")]


def test_a_training_leaves_history_checkpoints_and_curves(trained):
    """Two epochs, finite losses, a best checkpoint with the whole state, TensorBoard."""
    history = history_of(trained)

    assert [entry["epoch"] for entry in history] == [1, 2]
    assert all(entry["train/loss"] > 0 for entry in history)
    assert {"model.safetensors", "optimizers.pt", "progress.json", "run.json"} <= {
        path.name for path in trained.best_checkpoint.iterdir()
    }
    written = {path.name for path in (trained.folder / "tensorboard").rglob("*")}
    assert {"projector_config.pbtxt", "metadata.tsv"} <= written
    assert [entry["steps"] for entry in read_timings(trained.folder)] == [4, 4]
    assert "pairs/s while training" in training_as_text(trained.folder)


def test_three_workers_train_as_one(workspace, trained, capfd):
    """The global batch is shared, so every metric agrees (float32 sums apart)."""
    three = train(tiny_run(), workspace, name="three", num_workers=3)

    cores = os.cpu_count()
    assert (f"3 workers share {cores} CPUs" in capfd.readouterr().err) == (cores < 3)
    for alone, shared in zip(history_of(trained), history_of(three), strict=True):
        for key in ("train/loss", "train/retrieval", "train/discriminator_loss"):
            assert shared[key] == pytest.approx(alone[key], rel=2e-2), key


def test_a_training_that_is_moved_and_resumed_equals_one_in_one_go(workspace, trained, tmp_path):
    """One epoch, then to two in a renamed workspace, Ray's list of checkpoints with it: bitwise."""
    here = Workspace(tmp_path / "here")
    shutil.copytree(workspace.calibrated, here.calibrated)
    train(tiny_run("train.num_epochs=1"), here, name="stopped", num_workers=1)
    moved = Workspace(here.folder.rename(tmp_path / "elsewhere"))
    continued = train(tiny_run(), moved, name="stopped", num_workers=1)

    assert history_of(continued) == history_of(trained)
    assert_equal_weights(continued, trained)
    assert continued.folder == moved.run("stopped")


@pytest.mark.slow
@pytest.mark.usefixtures("own_ray")
def test_a_killed_training_goes_on_inside_the_epoch(workspace, trained):
    """SIGKILL after two of four steps of the second epoch; best and last checkpoint are kept."""
    every_step = "train.checkpoint_steps=1"
    options = [word for override in [*TINY, every_step] for word in ("--set", override)]
    folder = workspace.folder / "runs" / "killed"
    run_until(
        ["train", "--workspace", str(workspace), "--run", "killed", "--workers", "1", *options],
        lambda: (folder / "checkpoint-00001-00000002").is_dir(),
    )
    (folder / CHECKPOINT_LIST).write_text("{")  # as a kill in the midst of writing leaves it

    continued = train(tiny_run(every_step), workspace, name="killed", num_workers=1)

    assert history_of(continued) == history_of(trained)
    assert_equal_weights(continued, trained)
    best, last = continued.best_checkpoint.name, "checkpoint-00002"
    assert {path.name for path in folder.glob("*checkpoint-*")} == {best, last}


def test_more_workers_than_pairs_or_cpus_is_an_error_and_no_hang(workspace, calibrated):
    """The message says what to lower."""
    with pytest.raises(ResourceError, match="--workers must be at least 1"):
        train(tiny_run(), workspace, name="none", num_workers=-1)
    run = tiny_run("train.global_batch_size=2")
    with pytest.raises(Exception, match="cannot be shared by 3 workers"):
        train(run, workspace, name="crowded", num_workers=3)


def test_evaluation_counts_every_test_pair_and_writes_both_reports(workspace, trained, calibrated):
    """report.json holds the model and its three controls; the page holds its pictures."""
    evaluated = evaluate_run(trained, workspace, partition="test", gallery_sizes=(10, 1000))

    report = json.loads((evaluated.folder / "report.json").read_text())
    num_pairs = calibrated.calibrated.num_rows("test")
    assert report["num_pairs"] == num_pairs
    assert report["is_made_up"]
    assert [gallery["gallery_size"] for gallery in report["galleries"]] == [10, num_pairs]
    names = [line["name"] for line in report["galleries"][0]["lines"]]
    assert names == ["model", "category oracle", "shuffled pairs", "chance"]
    for line in report["galleries"][0]["lines"]:
        assert 0 <= line["means"]["recall_at_1/image_to_recipe"] <= 1
    page = (evaluated.folder / "report.html").read_text()
    assert "Made-up data" in page
    assert page.count("data:image/jpeg;base64") > 20
    assert "10 galleries of 10 pairs" in as_text(evaluated.galleries)
    with pytest.raises(ArtifactError, match="no finished training named 'other'"):
        open_run(workspace, "other")


def test_search_finds_the_same_for_a_file_as_for_a_stored_pair(workspace, trained, tmp_path):
    """A photo or recipe of the data set, given as a file, is embedded as calibration did it."""
    search = searcher(trained, workspace, "test")
    by_row = search.for_row(0, 3, is_photo=True)
    layer2 = json.loads((workspace.folder / "cookbook-120-0" / "layer2.json").read_text())
    stored = search.for_row(0, 3, is_photo=False)
    own_id = search._embeddings.ids[0]
    image = next(r for r in layer2 if r["id"] == own_id)["images"][0]["id"]
    path = next((workspace.folder / "cookbook-120-0" / "images").rglob(image))
    layer1 = json.loads((workspace.folder / "cookbook-120-0" / "layer1.json").read_text())
    record = next(r for r in layer1 if r["id"] == own_id)
    det_ingrs = json.loads((workspace.folder / "cookbook-120-0" / "det_ingrs.json").read_text())
    found = next(r for r in det_ingrs if r["id"] == own_id)
    record["entities"] = [
        {"text": entity["text"], "valid": is_valid}
        for entity, is_valid in zip(found["ingredients"], found["valid"], strict=True)
    ]
    (tmp_path / "query.jsonl").write_text(json.dumps(record))

    by_file = search.for_photo(path, 3)
    by_recipe = search.for_recipe(str(tmp_path / "query.jsonl"), 3)

    assert [r.id for r in search.for_recipe(own_id, 3).results] == [r.id for r in stored.results]
    for file, row in ((by_file, by_row), (by_recipe, stored)):
        assert [r.id for r in file.results] == [r.id for r in row.results]
        similarities = [r.similarity for r in row.results]
        assert [r.similarity for r in file.results] == pytest.approx(similarities, abs=1e-3)
    search.write_page(tmp_path / "search.html")
    assert "Photos for a recipe" in (tmp_path / "search.html").read_text()
    with pytest.raises(QueryError, match="neither a file nor the id"):
        search.for_recipe("nothing", 3)
    with pytest.raises(QueryError, match="undecodable_image"):
        search.for_photo(tmp_path / "query.jsonl", 3)


def test_evaluation_refuses_data_that_was_calibrated_anew(workspace, trained, tmp_path):
    """The same word vectors, but other sentence vectors: the numbers would be of no model."""
    shutil.copytree(workspace.folder / "calibrated", tmp_path / "calibrated")
    manifest = tmp_path / "calibrated" / "manifest.json"
    facts = json.loads(manifest.read_text())
    facts["plan"]["inputs"]["calibrator"] = "another"
    manifest.write_text(json.dumps(facts))

    with pytest.raises(ArtifactError, match="made with another calibrated artifact"):
        embed_partition(trained, Workspace(tmp_path), "test")
