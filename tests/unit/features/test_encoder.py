"""The encoder: queries are embedded as evaluation embeds a partition."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest

from seje_ray.calibration.corpus import RecipeText, recipe_text
from seje_ray.errors import ArtifactError
from seje_ray.features.encoder import BATCH_SIZE, Encoder, QueryError
from seje_ray.pipeline.embed import embed_partition
from seje_ray.pipeline.ensemble import make_ensemble
from seje_ray.pipeline.train import train
from seje_ray.retrieval.embeddings import load_embeddings
from tests.tiny import tiny_run
from tests.unit.pipeline.locally import EXECUTOR, copied


@pytest.fixture(scope="module")
def trainings(cookbook, calibrated, trained, trained_heads):
    """With an image network of its own, on whole photos too, on stored features; an ensemble."""
    own = ("views=[whole]", "flip=true", "scales=[1.0,1.2]")
    views = tuple(f"model.backbone.{setting}" for setting in own)
    whole = train(tiny_run("train.num_epochs=1", *views), cookbook, EXECUTOR, name="whole")
    names = [one.folder.name for one in (trained, trained_heads)]
    mixed = make_ensemble(names, cookbook, EXECUTOR, name="mixed")
    return {"own": trained, "whole": whole, "frozen": trained_heads, "mixed": mixed}


@pytest.fixture(scope="module")
def encoders(cookbook, trainings):
    return {n: Encoder.load(t.best_checkpoint, cookbook, "cpu") for n, t in trainings.items()}


@pytest.fixture(scope="module")
def test_rows(calibrated):
    """The test pairs as they are stored."""
    paths = calibrated.calibrated.shards("test")
    return [row for path in paths for row in pq.read_table(path).to_pylist()]


@pytest.fixture(scope="module")
def files(cookbook, test_rows):
    """The file of the first photo of each test pair, as a user has it."""
    found = {path.stem: path for path in (cookbook.cookbook(120, 0) / "images").rglob("*.jpg")}
    return [found[row["images"][0]["id"].removesuffix(".jpg")].read_bytes() for row in test_rows]


@pytest.mark.parametrize("name", ["own", "whole", "frozen", "mixed"])
def test_a_file_of_the_gallery_is_embedded_as_the_gallery_was(
    name, cookbook, trainings, encoders, test_rows, files
):
    """Both branches, from the original file and the recipe's texts, against evaluation's rows."""
    embedded = embed_partition(trainings[name], cookbook, EXECUTOR, "test")
    gallery = load_embeddings(embedded.shards("test"))
    assert list(gallery.ids) == [row["id"] for row in test_rows]

    photos = encoders[name].embed_photos(files)
    recipes = encoders[name].embed_recipes([recipe_text(row) for row in test_rows])

    np.testing.assert_allclose(photos, gallery.image_embeddings, atol=1e-3)
    np.testing.assert_allclose(recipes, gallery.recipe_embeddings, atol=1e-3)
    assert np.abs(photos[0] - gallery.image_embeddings[1]).max() > 1e-2  # the rows do differ


def test_a_photo_prepared_in_another_way_is_another_query(encoders, files):
    """Twice as coarse as the gallery: what the tolerance above would not let pass."""
    encoder = encoders["own"]
    coarse = replace(encoder._run, data=replace(encoder._run.data, shorter_side=32))
    other = Encoder(encoder._trained, coarse, encoder._calibrator, encoder._calibrated)

    found, expected = (e.embed_photos(files[:3]) for e in (other, encoder))
    assert np.abs(found - expected).max() > 1e-2


@pytest.mark.parametrize("name", ["own", "frozen"])
def test_one_at_a_time_equals_a_batch_and_several_batches(name, encoders, test_rows, files):
    """But for rounding; more recipes than a batch holds, in order."""
    encoder, few = encoders[name], files[:3]
    recipes = [recipe_text(row) for row in test_rows[:3]]

    alone = [encoder.embed_photos([file])[0] for file in few]
    np.testing.assert_allclose(encoder.embed_photos(few), alone, atol=1e-5)
    alone = [encoder.embed_recipes([recipe])[0] for recipe in recipes]
    found = encoder.embed_recipes((BATCH_SIZE // 3 + 1) * recipes)

    np.testing.assert_allclose(found[-3:], alone, atol=1e-5)
    np.testing.assert_allclose(found[:3], alone, atol=1e-5)


def test_rows_are_unit_float32_and_nothing_gives_none(encoders, files):
    encoder = encoders["own"]
    found = encoder.embed_photos(files)

    assert found.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
    assert encoder.embed_photos([]).shape == encoder.embed_recipes([]).shape == (0, 16)


def test_everything_is_read_once(cookbook, trainings, test_rows, files, tmp_path):
    """What the first photo and recipe needed may then be gone."""
    parts = ("calibrator", "calibrated")
    copy = copied(cookbook, tmp_path, *parts)
    encoder = Encoder.load(trainings["own"].best_checkpoint, copy, "cpu")
    recipe = recipe_text(test_rows[0])
    first = encoder.embed_photos(files[:1]), encoder.embed_recipes([recipe])
    for part in parts:
        shutil.rmtree(tmp_path / part)

    again = encoder.embed_photos(files[:1]), encoder.embed_recipes([recipe])

    np.testing.assert_array_equal(first, again)


def test_a_recipe_without_steps_ingredients_or_title_is_embedded(encoders):
    """Its missing features are zeros, and its neighbours in the batch do not matter."""
    empty = RecipeText(id="", title="", ingredients=(), instructions=())
    soup = RecipeText("soup", "Tomato soup", ("2 tomatoes",), ("Chop.", "Boil them."))

    found = encoders["own"].embed_recipes([empty, soup])

    assert np.isfinite(found).all()
    np.testing.assert_allclose(encoders["own"].embed_recipes([empty]), found[:1], atol=1e-5)


def test_what_is_no_photo_is_told_with_its_number(encoders, files):
    with pytest.raises(QueryError, match=r"photo 1: undecodable_image .*; give a photo"):
        encoders["own"].embed_photos([files[0], b"a text"])


def test_photos_are_seen_as_in_the_training(cookbook, trainings, files, tmp_path):
    """By what the checkpoint says; one of the version before says nothing and means bilinear."""

    def embedded(change):
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        shutil.copytree(trainings["own"].best_checkpoint, folder)
        stored = json.loads((folder / "run.json").read_text())
        change(stored["origin"])
        (folder / "run.json").write_text(json.dumps(stored))
        return Encoder.load(folder, cookbook, "cpu").embed_photos(files[:3])

    today = embedded(lambda origin: None)
    older = embedded(lambda origin: origin.pop("photos"))
    sharper = embedded(lambda origin: origin["photos"].update(interpolation="bicubic"))
    darker = embedded(lambda origin: origin["photos"].update(mean=[0.9, 0.5, 0.5]))

    np.testing.assert_array_equal(today, older)
    assert np.abs(today - sharper).max() > 1e-3
    assert np.abs(today - darker).max() > 1e-3


def test_a_calibrator_that_is_not_the_recipes_own_is_refused(cookbook, trainings, tmp_path):
    """After `calibrate --stage fit` with other settings a query would have other features."""
    copy = copied(cookbook, tmp_path, "calibrator", "calibrated")
    path = tmp_path / "calibrator" / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["facts"]["num_words"] += 1
    path.write_text(json.dumps(manifest))

    with pytest.raises(ArtifactError, match=r"made with another calibrator: expected .* found"):
        Encoder.load(trainings["own"].best_checkpoint, copy)


def test_a_checkpoint_of_other_calibrated_recipes_is_refused(cookbook, trainings, tmp_path):
    """Its columns would not mean what the model has learnt, though their sizes agree."""
    folder = tmp_path / "checkpoint"
    shutil.copytree(trainings["frozen"].best_checkpoint, folder)
    stored = json.loads((folder / "run.json").read_text())
    stored["origin"]["calibrated_hash"] = "another"
    (folder / "run.json").write_text(json.dumps(stored))

    with pytest.raises(
        ArtifactError, match=r"made with another calibrated artifact: .*train --run"
    ):
        Encoder.load(folder, cookbook, "cpu")
