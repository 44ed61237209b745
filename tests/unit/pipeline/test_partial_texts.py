"""Features of parts of recipes: what is stored is what a query by that part has."""

import numpy as np
import pytest
import torch

from seje_ray.calibration.corpus import PARTS, parts_alone, recipe_text
from seje_ray.config import load_run
from seje_ray.errors import ArtifactError, SejeError
from seje_ray.features.recipes import RecipeExtractor
from seje_ray.pipeline.train import train
from tests.tiny import tiny_run
from tests.unit.pipeline.locally import EXECUTOR, calibrated_locally, copied, rows_of

STORED = (
    "calibrate.lexical.enabled=true", "calibrate.lexical.dim=8", "calibrate.partial_texts=true",
)  # fmt: skip
MODEL = ("model.lexical=fixed", "train.num_epochs=1", "train.partial_texts=0.5")


def test_parts_are_stored_and_trained_on(tmp_path, cookbook, calibrated):
    """Each as the features of a recipe of which nothing else is known; without them it is told."""
    parts = ("recipes", "calibrator", "calibrated", "cookbook-120-0")
    own = copied(cookbook, tmp_path, *parts)
    run = tiny_run(*STORED, *MODEL)
    with pytest.raises(ArtifactError, match="expected"):
        train(run, own, EXECUTOR, name="early")

    again = calibrated_locally(run, None, own).calibrated

    rows = rows_of(again)[:10]
    train(load_run(own.calibrated_run), own, EXECUTOR, name="parts")
    recipes = RecipeExtractor(run, own.calibrator, again, torch.device("cpu"))
    alone = [part for row in rows for part in parts_alone(recipe_text(row))]
    expected = recipes.features(alone)
    stored = [vector for row in rows for vector in row["partial_key_term_vectors"]]
    np.testing.assert_allclose(expected.key_term_vectors, stored, atol=1e-6)
    bags = [bag for row in rows for bag in row["partial_lexical_weights"]]
    for weights, bag in zip(expected.bags.weights.numpy(), bags, strict=True):
        np.testing.assert_allclose(weights[: len(bag)], bag, rtol=1e-6)
        assert not weights[len(bag) :].any()
    for row in rows:
        whole = set(row["lexical_terms"])
        assert len(row["partial_is_there"]) == len(PARTS)
        assert all(whole.issuperset(terms) for terms in row["partial_lexical_terms"])


def test_training_on_parts_needs_them_stored():
    """The run file is refused with what to set."""
    with pytest.raises(SejeError, match=r"calibrate with --set calibrate.partial_texts=true"):
        tiny_run("train.partial_texts=0.3")
