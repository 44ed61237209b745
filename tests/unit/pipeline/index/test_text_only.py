"""Recipes without a photo, most of every collection: photos of the same dish find them."""

import json

import pytest

from seje_ray.config import load_run, named_run_file
from seje_ray.pipeline.train import train
from seje_ray.workspace import Workspace
from tests.unit.pipeline.locally import EXECUTOR, calibrated_locally, searcher

SETTINGS = [  # of the preset for real photos: a minute on one core, on photos of one size
    "data.max_images=1", "data.shorter_side=224", "calibrate.word_vectors.dim=32",
    "calibrate.word_vectors.epochs=5", "calibrate.sentence_encoder.epochs=1",
    "calibrate.sentence_encoder.dim=16", "calibrate.image_categorizer.epochs=2",
    "model.backbone.views=[crop]", "model.embedding_dim=128", "train.num_epochs=30",
]  # fmt: skip
SAME_DISH = (  # titles of recipes with a photo, and of others without
    ("Mushroom Risotto", "Mushroom risotto"),
    ("Banana Nut Muffins", "Banana Chip Muffins"),
    ("Smoked Turkey", "Smoked Turkey"),  # of the test partition
)


@pytest.mark.slow
def test_a_recipe_without_photos_is_found_by_a_photo_of_the_dish(shared_data, tmp_path):
    """Each among the first tenth of some 300 recipes that no photo belongs to."""
    data = tmp_path / "data"
    data.mkdir()
    for name in ("layer1.json", "det_ingrs.json"):
        paths = [shared_data / part / name for part in ("cookbook", "text_only")]
        records = [record for path in paths for record in json.loads(path.read_text())]
        (data / name).write_text(json.dumps(records))
    for name in ("layer2.json", "images"):
        (data / name).symlink_to(shared_data / "cookbook" / name)
    weights = shared_data / "weights" / "tf_efficientnet_lite0.safetensors"
    names = ("model.backbone.weights", "calibrate.image_categorizer.backbone.weights")
    own = [f"{name}={weights}" for name in names]
    run = load_run(named_run_file("small"), [*SETTINGS, *own])
    workspace = Workspace(tmp_path / "workspace")
    calibrated_locally(run, data, workspace)

    search = searcher(train(run, workspace, EXECUTOR, name="one"), workspace)

    without = {r["id"] for r in json.loads((shared_data / "text_only/layer1.json").read_text())}
    titles = search.index.side("photos").entries.column("title").to_pylist()
    for photographed, title in SAME_DISH:
        query = search.photo_row_query(titles.index(photographed))
        found = [hit for hit in search.find(query, "recipes", 1000) if hit.id in without]
        assert all(hit.photo is None for hit in found)
        assert title in [hit.title for hit in found[: len(found) // 10]]
