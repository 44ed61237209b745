"""New recipes and photos by a finished training: the vectors of its own evaluation, in a file."""

import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from seje_ray.pipeline.columns import matrix
from seje_ray.pipeline.embed import embed_partition
from seje_ray.pipeline.embed_new import embed_new
from seje_ray.pipeline.local import LocalSession
from seje_ray.pipeline.vectors_file import NothingToEmbedError
from seje_ray.recipe1m.records import DataError
from seje_ray.retrieval.embeddings import load_embeddings
from tests.unit.pipeline.locally import EXECUTOR

SOUP = {"id": "s", "title": "Pea soup", "ingredients": ["1 cup peas"], "instructions": ["Boil."]}


def rows(path):
    """(kind, id) -> (vector, whose photo it is) of a file."""
    table = pq.read_table(path)
    vectors = matrix(table["vector"])
    kept = table.drop_columns(["vector"]).to_pylist()
    return {(r["kind"], r["id"]): (v, r["recipe"]) for r, v in zip(kept, vectors, strict=True)}


def test_a_data_set_given_anew_gets_the_vectors_of_its_evaluation(cookbook, trained, tmp_path):
    """The cookbook's own folder: recipes and photos of the test partition, to a float's end."""
    folder = cookbook.folder / "cookbook-120-0"
    found = embed_new(trained, cookbook, EXECUTOR, tmp_path / "v.parquet", recipes=folder)

    by_id = rows(found.path)
    stored = load_embeddings(embed_partition(trained, cookbook, EXECUTOR, "test").shards("test"))
    for row, (id_, image_id) in enumerate(zip(stored.ids, stored.image_ids, strict=True)):
        vector, own = by_id["photo", image_id]
        assert own == id_
        np.testing.assert_allclose(vector, stored.image_embeddings[row], atol=1e-5)
        np.testing.assert_allclose(
            by_id["recipe", id_][0], stored.recipe_embeddings[row], atol=1e-5
        )
    facts = json.loads(pq.read_schema(found.path).metadata[b"seje_ray"])
    assert facts["embedding_dim"] == found.embedding_dim == len(vector)
    assert (facts["run"], len(facts["checkpoint"])) == (trained.folder.name, 64)
    assert sum(facts["rows"].values()) == len(by_id)


@pytest.fixture
def mixed(tmp_path):
    """A file of recipes and a folder of photos, each with one that cannot be used."""
    photos = tmp_path / "photos" / "inner"
    photos.mkdir(parents=True)
    for name in ("photos/a.png", "photos/inner/b.png", "own.png"):
        Image.new("RGB", (40, 30), "green").save(tmp_path / name)
    (photos / "broken.jpg").write_bytes(b"no photo")
    (photos / "notes.txt").write_text("no photo either")
    path = tmp_path / "new.jsonl"
    lines = [SOUP | {"images": ["own.PNG"]}, {"id": "t", "title": "Only a title"}, {"id": [7]}]
    path.write_text("\n".join(map(json.dumps, lines)))
    return path, tmp_path / "photos"


def test_recipes_and_photos_stand_in_one_file_and_bad_ones_are_counted(
    cookbook, trained, mixed, tmp_path
):
    """A photo of a like name is taken and noted; a second call does nothing."""
    out = tmp_path / "v.parquet"
    inputs = {"recipes": mixed[0], "photos": mixed[1]}

    found = embed_new(trained, cookbook, EXECUTOR, out, **inputs)

    assert {key: own for key, (_, own) in rows(out).items()} == {
        ("recipe", "s"): "s", ("photo", "own.PNG"): "s",
        ("photo", "a.png"): None, ("photo", "inner/b.png"): None,
    }  # fmt: skip
    for vector, _ in rows(out).values():
        assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)
    assert found.counts == {"recipe": 1, "photo": 3}
    assert found.rejected == {
        "other_name": 1, "undecodable_image": 1, "no_text": 1, "wrong_type": 1,
    }  # fmt: skip
    assert set(pq.read_table(found.rejects)["id"].to_pylist()) >= {"t", "inner/broken.jpg"}
    assert not list(tmp_path.glob("*.partial"))
    written = out.stat().st_mtime_ns
    assert embed_new(trained, cookbook, None, out, **inputs) == found
    assert out.stat().st_mtime_ns == written
    assert "embedded: 1 recipes, 3 photos, 16 numbers each" in str(found)


def test_an_interrupted_embedding_goes_on_where_it_was(
    cookbook, trained, mixed, tmp_path, monkeypatch
):
    """Shards that were committed are not made again; the file is the same."""
    out, inputs = tmp_path / "v.parquet", {"recipes": mixed[0], "photos": mixed[1]}
    embed_new(trained, cookbook, EXECUTOR, out, **inputs)
    whole = rows(out)
    out.unlink()
    done = []
    run_shards = LocalSession.run_shards

    def interrupted(self, stage):
        done.append([Path(item["target"]).name for item in stage.items])
        if len(done) == 1:
            stage.items[1:] = []
            run_shards(self, stage)
            raise KeyboardInterrupt
        return run_shards(self, stage)

    monkeypatch.setattr(LocalSession, "run_shards", interrupted)
    with pytest.raises(KeyboardInterrupt):
        embed_new(trained, cookbook, EXECUTOR, out, **inputs)
    assert not out.exists()
    embed_new(trained, cookbook, EXECUTOR, out, **inputs)

    first, second = done
    assert second == first[1:]
    assert second
    assert rows(out).keys() == whole.keys()
    assert all((rows(out)[key][0] == vector).all() for key, (vector, _) in whole.items())


def test_other_inputs_begin_anew(cookbook, trained, mixed, tmp_path):
    """A leftover of other inputs is no part of the file."""
    out = tmp_path / "v.parquet"
    embed_new(trained, cookbook, EXECUTOR, out, photos=mixed[1])
    shutil.rmtree(mixed[1] / "inner")
    embed_new(trained, cookbook, EXECUTOR, out, photos=mixed[1])
    assert list(rows(out)) == [("photo", "a.png")]
    assert not (tmp_path / "v.rejects.parquet").exists()
    embed_new(trained, cookbook, EXECUTOR, out, photos=mixed[1] / "a.png")
    assert list(rows(out)) == [("photo", "a.png")]


@pytest.mark.parametrize("name", ["nowhere", "empty", "only_bad"])
def test_nothing_to_embed_is_one_error(cookbook, trained, tmp_path, name):
    (tmp_path / "empty").mkdir()
    (tmp_path / "only_bad").mkdir()
    (tmp_path / "only_bad" / "x.jpg").write_bytes(b"none")
    with pytest.raises(NothingToEmbedError):
        embed_new(trained, cookbook, EXECUTOR, tmp_path / "v.parquet", photos=tmp_path / name)
    assert not (tmp_path / "v.parquet").exists()
    assert not list(tmp_path.glob("*.partial"))


def test_a_photo_that_comes_later_is_embedded_by_a_repeat(cookbook, trained, tmp_path):
    """It was missing when the recipe that names it was embedded."""
    path, out = tmp_path / "new.jsonl", tmp_path / "v.parquet"
    path.write_text(json.dumps(SOUP | {"images": ["a.png", "b.png"]}))
    embed_new(trained, cookbook, EXECUTOR, out, recipes=path)
    assert list(rows(out)) == [("recipe", "s")]
    Image.new("RGB", (40, 30), "green").save(tmp_path / "b.png")
    found = embed_new(trained, cookbook, EXECUTOR, out, recipes=path)
    assert list(rows(out)) == [("recipe", "s"), ("photo", "b.png")]
    assert embed_new(trained, cookbook, None, out, recipes=path) == found


def test_ids_of_photos_are_their_paths_below_the_folder_that_is_named(cookbook, trained, tmp_path):
    """Where all lie in one folder below it, too."""
    (tmp_path / "photos" / "inner").mkdir(parents=True)
    Image.new("RGB", (40, 30), "green").save(tmp_path / "photos" / "inner" / "a.png")
    embed_new(trained, cookbook, EXECUTOR, tmp_path / "v.parquet", photos=tmp_path / "photos")
    assert list(rows(tmp_path / "v.parquet")) == [("photo", "inner/a.png")]


def test_a_column_that_is_not_there_is_an_error_and_keys_not_used_are_said(
    cookbook, trained, tmp_path
):
    """As calibrate says them."""
    path, out = tmp_path / "new.jsonl", tmp_path / "v.parquet"
    path.write_text(json.dumps(SOUP | {"likes": 3}))
    with pytest.raises(DataError, match="NOSUCH"):
        embed_new(trained, cookbook, EXECUTOR, out, recipes=path, columns={"title": "NOSUCH"})
    found = embed_new(trained, cookbook, EXECUTOR, out, recipes=path)
    assert "keys not used: likes" in str(found)
