"""Making an index: it goes on, is kept, and a broken one is an error that says what to do."""

import json
import shutil

import numpy as np
import pyarrow.parquet as pq
import pytest

from seje_ray.artifact import write_table
from seje_ray.errors import ArtifactError
from seje_ray.pipeline.index.build import build_index
from seje_ray.pipeline.index.close import close_side
from seje_ray.pipeline.index.searcher import Searcher
from seje_ray.pipeline.index.steps import commit_rows
from seje_ray.pipeline.local import LocalSession
from seje_ray.pipeline.runs import TrainedRun
from seje_ray.training.checkpoints import NOTED
from tests.unit.pipeline.locally import EXECUTOR, copied

PARTS = ("recipes", "calibrator", "calibrated", "runs", "index")


@pytest.fixture
def own(cookbook, trained, indexed, tmp_path):
    """A workspace of the test's own, with its training."""
    workspace = copied(cookbook, tmp_path / "own", *PARTS)
    return workspace, TrainedRun.read(workspace.run(trained.folder.name))


def test_a_finished_index_is_kept(own, monkeypatch):
    """Nothing is embedded again."""
    workspace, trained = own
    monkeypatch.setattr(LocalSession, "run_shards", _not_to_be_called)
    assert [str(one) for one in build_index(trained, workspace, EXECUTOR)]


def test_an_interrupted_index_goes_on(own, monkeypatch):
    """Shards that were committed are not embedded again; the vectors are the same."""
    workspace, trained = own
    folder = workspace.index(trained.folder.name, "recipes")
    expected = np.load(folder / "vectors.npy")
    shutil.rmtree(folder)
    run_shards, seen = LocalSession.run_shards, []

    def interrupted(session, stage):
        for item in stage.items[:3]:
            run_shards(session, type(stage)(stage.title, [item], *_of(stage)))
        raise KeyboardInterrupt

    def counted(session, stage):
        seen.append((len(stage.items), stage.num_done))
        return run_shards(session, stage)

    monkeypatch.setattr(LocalSession, "run_shards", interrupted)
    with pytest.raises(KeyboardInterrupt):
        build_index(trained, workspace, EXECUTOR, "recipes")
    monkeypatch.setattr(LocalSession, "run_shards", counted)
    [made] = build_index(trained, workspace, EXECUTOR, "recipes")

    num_shards = len(workspace.open_recipes().shards())
    assert seen == [(num_shards - 3, 3)]
    np.testing.assert_allclose(np.load(folder / "vectors.npy"), expected, atol=1e-6)
    assert made.rows == len(expected)
    assert not (folder / "parts").exists()


def test_an_index_of_another_checkpoint_is_refused(own):
    """Both hashes are said, and the command; building makes it anew."""
    workspace, trained = own
    path = trained.best_checkpoint / "run.json"
    weights = trained.best_checkpoint / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1  # a bit of the last number
    weights.write_bytes(bytes(data))
    (trained.best_checkpoint / NOTED).unlink()  # else the checkpoint is damaged
    assert path.is_file()
    with pytest.raises(ArtifactError, match=r"another checkpoint .* run `seje-ray index`"):
        Searcher.open(workspace, trained.folder.name)


@pytest.mark.parametrize("name", ["vectors.npy", "recipes-000001.parquet"])
def test_a_file_that_is_cut_off_is_refused(own, name):
    """Before anything reads it; the index that is made again is whole."""
    workspace, trained = own
    path = workspace.index(trained.folder.name, "recipes") / name
    path.write_bytes(path.read_bytes()[:-100])

    with pytest.raises(ArtifactError, match=rf"{name}: .*seje-ray index"):
        Searcher.open(workspace, trained.folder.name)

    build_index(trained, workspace, EXECUTOR, "recipes")
    assert Searcher.open(workspace, trained.folder.name).text("tomato", 3)


def test_a_vector_that_is_not_finite_is_refused(own, tmp_path):
    """When it is made, with its id; and when it is found in a file."""
    workspace, trained = own
    folder = workspace.index(trained.folder.name, "recipes")
    vectors = np.load(folder / "vectors.npy")
    vectors[5, 2] = np.nan
    np.save(folder / "vectors.npy", vectors)
    with pytest.raises(ArtifactError, match=r"not finite; run `seje-ray index --replace`"):
        Searcher.open(workspace, trained.folder.name).text("tomato")

    shard = pq.read_table(next(folder.glob("*-*.parquet")))
    from seje_ray.pipeline.columns import vectors_array, with_columns

    rows = np.full((shard.num_rows, 4), np.nan, np.float32)
    table = with_columns(shard, {"vector": vectors_array(rows)})
    with pytest.raises(ArtifactError, match=str(shard["id"][0])):
        commit_rows({"source": "recipes/x", "target": str(tmp_path / "x-0.parquet")}, table)
    assert not (tmp_path / "x-0.parquet").exists()


def test_ids_that_repeat_are_refused(own, tmp_path):
    """And what is finished stays as it is."""
    workspace, trained = own
    folder = workspace.index(trained.folder.name, "recipes")
    before = (folder / "manifest.json").read_bytes()
    building = tmp_path / "building"
    building.mkdir()
    shard = pq.read_table(next(folder.glob("*-*.parquet")))
    for number in range(2):
        write_table(building / f"recipes-{number:06d}.parquet", shard)
    with pytest.raises(ArtifactError, match="that repeat"):
        close_side(folder, building, json.loads("{}"), "recipes")
    assert (folder / "manifest.json").read_bytes() == before


def test_a_graph_is_made_of_a_finished_index_and_finds_the_same(own):
    """Without embedding anything; back to exact, too."""
    pytest.importorskip("faiss", reason="needs the extra index")
    workspace, trained = own
    exact = Searcher.open(workspace, trained.folder.name).text("tomato soup", 5)

    made = build_index(trained, workspace, EXECUTOR, method="hnsw")

    assert all(one.facts["recall"] >= 0.95 for one in made)
    assert made[0].facts["recall_queries"] == "photos"
    search = Searcher.open(workspace, trained.folder.name)
    assert search.index.recipes.graph is not None
    assert search.text("tomato soup", 5) == exact
    build_index(trained, workspace, EXECUTOR, method="exact")
    assert Searcher.open(workspace, trained.folder.name).index.recipes.graph is None


def _not_to_be_called(*_):
    raise AssertionError("nothing is left to do")


def _of(stage):
    return stage.read, stage.commit, stage.steps, stage.num_done
