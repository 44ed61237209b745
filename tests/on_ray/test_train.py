"""Phase II on Ray: the same numbers for any worker count, and a run that cannot be lost."""

import os
import shutil

import numpy as np
import pyarrow.parquet as pq
import pytest

from seje_ray.errors import ResourceError
from seje_ray.pipeline.embed_new import embed_new as embed_locally
from seje_ray.pipeline.local import LocalExecutor
from seje_ray.report.training import as_text as training_as_text
from seje_ray.training.timing import read_timings
from seje_ray.workspace import Workspace
from tests.on_ray.verbs import embed_new, embed_partition, train
from tests.tiny import tiny_run
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
            assert shared[key] == pytest.approx(alone[key], rel=1e-3), key


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


def test_more_workers_than_pairs_or_cpus_is_an_error_and_no_hang(workspace, calibrated):
    """The message says what to lower."""
    with pytest.raises(ResourceError, match="--workers must be at least 1"):
        train(tiny_run(), workspace, name="none", num_workers=-1)
    run = tiny_run("train.global_batch_size=2")
    with pytest.raises(Exception, match="cannot be shared by 3 workers"):
        train(run, workspace, name="crowded", num_workers=3)
    with pytest.raises(ResourceError, match=r"--min-workers: expected 1 to 2, .* got 3"):
        train(run, workspace, name="none", num_workers=2, min_workers=3)


def test_every_pair_of_a_partition_is_embedded_in_actors(workspace, trained, calibrated):
    """And once only: the same command again finds the artifact."""
    embedded = embed_partition(trained, workspace, "test")

    assert embedded.num_rows("test") == calibrated.calibrated.num_rows("test")
    assert embed_partition(trained, workspace, "test") == embedded


def test_new_recipes_and_photos_are_embedded_in_actors_as_in_one_process(
    workspace, trained, tmp_path
):
    """The same file, but for rounding; shards of recipes and of photos have other columns."""
    inputs = {"recipes": workspace.folder / "cookbook-120-0"}
    on_ray = embed_new(trained, workspace, tmp_path / "ray.parquet", **inputs)
    here = embed_locally(
        trained, workspace, LocalExecutor(num_threads=1), tmp_path / "here.parquet", **inputs
    )

    found, expected = (pq.read_table(one.path) for one in (on_ray, here))
    assert found.drop_columns(["vector"]) == expected.drop_columns(["vector"])
    vectors = (np.stack(table["vector"].to_pylist()) for table in (found, expected))
    np.testing.assert_allclose(*vectors, atol=1e-5)
    assert (on_ray.counts, on_ray.rejected) == (here.counts, here.rejected)
