"""What is made of a finished training in a store: ensembles, new vectors, indexes that change."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from seje_ray.pipeline.embed_new import embed_new
from seje_ray.pipeline.ensemble import make_ensemble
from seje_ray.pipeline.index.build import build_index
from seje_ray.pipeline.index.change import add_recipes, delete_rows
from seje_ray.pipeline.index.searcher import Searcher
from seje_ray.pipeline.runs import TrainedRun, open_run
from seje_ray.store.location import mirrored_path
from seje_ray.store.mirror import is_mirrored, push, put, sizes_of
from seje_ray.workspace import Workspace
from tests.unit.pipeline.locally import EXECUTOR, copied
from tests.unit.store.elsewhere import ElsewhereExecutor, Machines

PARTS = ("calibrator", "calibrated", "recipes", "runs")
At = tuple[TrainedRun, Workspace, ElsewhereExecutor]
RECIPES = [
    {"id": "new1", "title": "Pea soup", "ingredients": ["1 c. peas"], "instructions": ["Boil."],
     "images": ["soup.PNG", "missing.png"]},
    {"id": "new2", "title": "Bread", "ingredients": ["flour"], "instructions": ["Bake it."]},
    {"id": [7]},
]  # fmt: skip


@pytest.fixture
def on_new_machine(on_machine, tmp_path, cookbook, trained) -> Callable[[int], At]:
    """A training in a store, as machine N has it, whose tasks run on machines of their own."""
    workspace = on_machine(1)
    for part in PARTS:
        shutil.copytree(cookbook.folder / part, workspace.folder / part)
    push(workspace.folder)

    def moved(number: int) -> At:
        workspace = on_machine(number)
        machines = Machines(workspace.folder.parent, tmp_path / f"others-{number}")
        return open_run(workspace, "one"), workspace, ElsewhereExecutor(machines)

    return moved


def write_recipes(folder: Path) -> Path:
    """A file of own recipes, of which one names a photo by a like name."""
    folder.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (90, 70), "green").save(folder / "soup.png")
    path = folder / "new.jsonl"
    path.write_text("\n".join(map(json.dumps, RECIPES)))
    if is_mirrored(path):
        push(folder)
        put(path)  # which a push takes for a log
    return path


@pytest.mark.slow
def test_new_recipes_are_embedded_into_a_store_as_on_a_disk(
    on_new_machine, uri, cookbook, trained, tmp_path, proxy
):
    """Recipes, their photos, a folder of photos and the file itself lie there; it is kept."""
    local = embed_new(
        trained, cookbook, EXECUTOR, tmp_path / "v.parquet",
        recipes=write_recipes(tmp_path / "new"), photos=tmp_path / "new",
    )  # fmt: skip

    def embedded(number):
        at = on_new_machine(number)
        data, out = (mirrored_path(f"{uri}/{name}") for name in ("new", "out/v.parquet"))
        if number == 2:
            write_recipes(data)
        return embed_new(*at, out, recipes=data / "new.jsonl", photos=data)

    found = embedded(2)
    assert pq.read_table(found.path).equals(pq.read_table(local.path))
    assert (found.counts, found.rejected) == (local.counts, local.rejected)
    assert found.rejected["missing_file"] == 1
    told = pq.read_table(found.rejects)["detail"].to_pylist()
    assert f"{uri}/new/missing.png" in told
    assert set(sizes_of(found.path.parent)) == {"v.parquet", "v.rejects.parquet"}

    again = len(proxy.requests)
    assert embedded(3).counts == found.counts
    assert not [r for r in proxy.requests[again:] if r.method == "PUT"]


@pytest.mark.slow
def test_an_index_in_a_store_grows_and_shrinks_as_on_a_disk(
    on_new_machine, uri, cookbook, tmp_path, proxy
):
    """Added to, deleted from and searched, each by another machine."""
    plain = copied(cookbook, tmp_path / "plain", *PARTS)
    at = open_run(plain, "one"), plain, EXECUTOR
    build_index(*at)
    _, workspace, _ = on_new_machine(2)
    shutil.copytree(plain.indexes, workspace.indexes)
    push(workspace.indexes)
    gone = Searcher.open(plain, "one").index.side("recipes").entries.column("id")[0].as_py()
    local = add_recipes(*at, write_recipes(tmp_path / "new"))
    delete_rows(*at[:2], [gone])

    before = len(proxy.requests)
    at = on_new_machine(3)
    added = add_recipes(*at, write_recipes(mirrored_path(f"{uri}/new")))
    assert (added.rows, added.rejected) == (local.rows, local.rejected)
    old = "index/one/recipes.partial/recipes-000000.parquet"
    sent = [r for r in proxy.requests[before:] if r.method == "PUT" and r.path.endswith(old)]
    assert len(sent) == 1  # it is copied within the store, and not sent again
    assert add_recipes(*on_new_machine(4), mirrored_path(f"{uri}/new/new.jsonl")).rows == added.rows
    delete_rows(*on_new_machine(5)[:2], [gone])

    found, known = Searcher.open(on_new_machine(6)[1], "one"), Searcher.open(plain, "one")
    for what in ("recipes", "photos"):
        np.testing.assert_array_equal(
            found.index.side(what).vectors, known.index.side(what).vectors
        )
        assert found.index.side(what).artifact.manifest.shards == (
            known.index.side(what).artifact.manifest.shards
        )
    assert found.index.entry("recipes", gone) is None
    assert [hit.id for hit in found.text("tomato")] == [hit.id for hit in known.text("tomato")]
    query = found.photo_query(mirrored_path(f"{uri}/new/soup.png"))
    assert query.text == f"{uri}/new/soup.png"
    np.testing.assert_array_equal(
        query.vector, known.photo_query(tmp_path / "new" / "soup.png").vector
    )
    stored = sizes_of(found.index.folder)
    assert not [n for n in stored if ".partial" in n or n.count("/") > 1 or "inputs" in n]


@pytest.mark.slow
def test_an_ensemble_in_a_store_is_that_of_a_disk(on_new_machine, cookbook, trained, tmp_path):
    """The same weights and numbers, made once; a training's name is refused."""
    plain = copied(cookbook, tmp_path / "plain", *PARTS)
    shutil.copytree(plain.run("one"), plain.run("two"))
    local = make_ensemble(["one", "two"], plain, EXECUTOR, name="both")

    _, workspace, executor = on_new_machine(2)
    shutil.copytree(plain.run("two"), workspace.run("two"))
    push(workspace.run("two"))
    made = make_ensemble(["one", "two"], workspace, executor, name="both")
    assert made.metrics == local.metrics
    weights = [one.best_checkpoint / "model.safetensors" for one in (made, local)]
    assert weights[0].read_bytes() == weights[1].read_bytes()
    _, workspace, executor = on_new_machine(3)
    before = sizes_of(workspace.run("both"))
    assert make_ensemble(["two", "one"], workspace, executor, name="both").metrics == made.metrics
    assert sizes_of(workspace.run("both")) == before
    with pytest.raises(Exception, match="something of that name is there; choose another --run"):
        make_ensemble(["one", "two"], workspace, executor, name="two")
