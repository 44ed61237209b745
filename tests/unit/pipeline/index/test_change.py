"""An index that grows and shrinks: the rest stays as it was, and nothing is embedded twice."""

import json
import shutil

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from seje_ray.cli.main import cli
from seje_ray.errors import ArtifactError
from seje_ray.pipeline.index import change
from seje_ray.pipeline.index.build import build_index
from seje_ray.pipeline.index.change import add_recipes, delete_rows
from seje_ray.pipeline.index.searcher import Searcher
from seje_ray.pipeline.local import LocalSession
from seje_ray.pipeline.runs import TrainedRun
from seje_ray.retrieval.index.filters import Filters
from seje_ray.training.checkpoints import NOTED
from tests.unit.pipeline.locally import EXECUTOR, copied

SOUP = {"id": "new1", "title": "Pea soup", "ingredients": ["1 c. peas"], "instructions": ["Boil."]}
BREAD = {"id": "new2", "title": "Bread", "ingredients": ["flour"], "instructions": ["Bake it."]}
PARTS = ("recipes", "calibrator", "calibrated", "runs", "index")


@pytest.fixture
def own(cookbook, trained, indexed, tmp_path):
    """A workspace of the test's own, its training, and a file of two recipes, one with a photo."""
    workspace = copied(cookbook, tmp_path / "own", *PARTS)
    Image.new("RGB", (90, 70), "green").save(tmp_path / "soup.png")
    path = tmp_path / "new.jsonl"
    lines = [SOUP | {"images": ["soup.png", "missing.png"]}, BREAD, {"id": [7]}]
    path.write_text("\n".join(map(json.dumps, lines)))
    return workspace, TrainedRun.read(workspace.run(trained.folder.name)), path


@pytest.mark.parametrize("method", ["exact", "hnsw"])
def test_new_recipes_are_found_and_the_old_ones_not_embedded_again(own, monkeypatch, method):
    """Also by a graph, which grows; the file is added once; the index is kept by `index`."""
    if method == "hnsw":
        pytest.importorskip("faiss", reason="needs the extra index")
    workspace, trained, path = own
    build_index(trained, workspace, EXECUTOR, method=method)
    folder = workspace.index(trained.folder.name, "recipes")
    before = np.load(folder / "vectors.npy")
    items = []
    run_shards = LocalSession.run_shards

    def counted(session, stage):
        items.extend(stage.items)
        return run_shards(session, stage)

    monkeypatch.setattr(LocalSession, "run_shards", counted)
    added = add_recipes(trained, workspace, EXECUTOR, path)

    assert added.rows == {"recipes": 2, "photos": 1}
    assert sum(added.rejected.values()) == 1
    assert len(items) == 2
    np.testing.assert_array_equal(np.load(folder / "vectors.npy")[:-2], before)
    search = Searcher.open(workspace, trained.folder.name)
    assert search.index.entry("recipes", "new1")["photos"] == ["soup.png"]
    assert search.like("new1", 3)
    wanted = Filters(partitions=("added",))
    assert {hit.id for hit in search.text("tomato", wanted=wanted)} == {"new1", "new2"}
    assert [hit.recipe for hit in search.recipe("new2", wanted=wanted)] == ["new1"]
    assert add_recipes(trained, workspace, EXECUTOR, path).rows == added.rows
    assert [one.rows for one in build_index(trained, workspace, EXECUTOR)] == [
        len(before) + 2,
        len(search.index.photos),
    ]
    assert len(items) == 2
    assert not [p.name for p in folder.iterdir() if p.is_dir()]


def test_the_recall_of_a_graph_is_that_of_the_build_until_it_is_measured_again(own):
    """What was added does not pass as measured."""
    pytest.importorskip("faiss", reason="needs the extra index")
    workspace, trained, path = own
    before = build_index(trained, workspace, EXECUTOR, "recipes", method="hnsw")[0]
    assert "were added" not in str(before)

    grown = add_recipes(trained, workspace, EXECUTOR, path).sides[0]
    again = build_index(trained, workspace, EXECUTOR, "recipes")[0]

    assert grown.what == again.what == "recipes"
    assert grown.facts["recall_rows"] == before.rows
    assert "before 2 were added" in str(grown)
    assert again.facts["recall_rows"] == again.rows == before.rows + 2
    assert "were added" not in str(again)


def test_rows_that_another_command_has_just_added_are_not_lost(own, monkeypatch):
    """Between the look at the index and its lock: the command says so, and works again."""
    workspace, trained, path = own
    other = path.with_name("other.jsonl")
    other.write_text(json.dumps(SOUP | {"id": "new3"}))
    new_source = change.new_source

    def late(*given):
        monkeypatch.setattr(change, "new_source", new_source)
        add_recipes(trained, workspace, EXECUTOR, other)
        return new_source(*given)

    monkeypatch.setattr(change, "new_source", late)
    with pytest.raises(ArtifactError, match="another command has just changed it; repeat"):
        add_recipes(trained, workspace, EXECUTOR, path)
    add_recipes(trained, workspace, EXECUTOR, path)
    search = Searcher.open(workspace, trained.folder.name)
    assert all(search.index.entry("recipes", id_) for id_ in ("new1", "new2", "new3"))


def test_ids_that_are_there_are_refused_until_they_are_deleted(own):
    """Nothing is added then; a changed recipe takes the place of a deleted one."""
    workspace, trained, path = own
    add_recipes(trained, workspace, EXECUTOR, path)
    path.write_text(json.dumps(SOUP | {"title": "Green soup"}))
    with pytest.raises(ArtifactError, match=r"1 that are there already .*new1.*index delete"):
        add_recipes(trained, workspace, EXECUTOR, path)

    assert delete_rows(trained, workspace, ["new1"]) == {"photos": 1, "recipes": 1}
    add_recipes(trained, workspace, EXECUTOR, path)

    search = Searcher.open(workspace, trained.folder.name)
    assert search.index.entry("recipes", "new1")["title"] == "Green soup"
    found = search.text("tomato", 500, wanted=Filters(partitions=("added",)))
    assert sorted(hit.title for hit in found) == ["Bread", "Green soup"]


def test_what_is_deleted_is_not_found_and_an_unknown_id_deletes_nothing(own):
    """A recipe goes with its photos; the command says how many."""
    workspace, trained, _ = own
    search = Searcher.open(workspace, trained.folder.name)
    recipe = search.index.photos.entries.row(0)["recipe"]
    with pytest.raises(ArtifactError, match=r"1 others \(nobody\); nothing was deleted"):
        delete_rows(trained, workspace, [recipe, "nobody"])
    assert Searcher.open(workspace, trained.folder.name).index.entry("recipes", recipe) is not None

    at = ("--workspace", str(workspace.folder), "--run", trained.folder.name)
    done = CliRunner().invoke(cli, ["index", "delete", recipe, *at])

    assert done.exit_code == 0, done.output
    assert "1 recipes" in done.stdout
    after = Searcher.open(workspace, trained.folder.name)
    assert recipe not in {hit.recipe for hit in after.text("tomato", 500)}
    assert recipe not in {hit.recipe for hit in after.text("tomato", 500, find="photos")}
    assert after.index.entry("recipes", recipe) is None
    assert len(after.index.recipes) == len(search.index.recipes) - 1


def test_an_index_with_changes_is_not_made_anew_by_itself(own):
    """Of another checkpoint: what was added would be lost, so that has to be asked for."""
    workspace, trained, path = own
    add_recipes(trained, workspace, EXECUTOR, path)
    (trained.best_checkpoint / NOTED).unlink()  # else the checkpoint is damaged
    weights = trained.best_checkpoint / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(bytes(data))
    with pytest.raises(ArtifactError, match=r"2 rows were added .*index --replace"):
        build_index(trained, workspace, EXECUTOR, "recipes")
    [made] = build_index(trained, workspace, EXECUTOR, "recipes", replace=True)
    assert "added" not in made.facts
    shutil.rmtree(workspace.index(trained.folder.name, "photos"))
    assert Searcher.open(workspace, trained.folder.name).index.entry("recipes", "new1") is None
