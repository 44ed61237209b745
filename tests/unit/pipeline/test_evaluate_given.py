"""Embeddings of any system, measured without a run and a workspace."""

import json

import numpy as np
import pytest

from seje_ray.pipeline.evaluate_given import evaluate_given
from seje_ray.pipeline.gallery_choice import GalleryChoice
from seje_ray.retrieval.arrays import EmbeddingsError
from seje_ray.retrieval.protocol import evaluate_retrieval


@pytest.fixture
def given(tmp_path):
    """350 pairs: recipes are noisy images."""
    generator = np.random.default_rng(0)
    images = generator.normal(size=(350, 8)).astype(np.float32)
    recipes = images + generator.normal(size=(350, 8)).astype(np.float32)
    path = tmp_path / "given.npz"
    np.savez(
        path,
        image_embeddings=images / np.linalg.norm(images, axis=1, keepdims=True),
        recipe_embeddings=recipes / np.linalg.norm(recipes, axis=1, keepdims=True),
        category_ids=np.arange(350) % 4,
    )
    return path


def test_a_report_holds_numbers_protocol_and_files(given, tmp_path):
    """The numbers of the protocol's own functions; a curve where there are three sizes."""
    found = evaluate_given([given], GalleryChoice(preset="curve", seed=3), folder=tmp_path / "out")

    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert [g["gallery_size"] for g in report["galleries"]] == [100, 200, 350]
    assert [g["num_repeats"] for g in report["galleries"]] == [3, 1, 1]
    pairs = found.pairs
    rows = pairs.image_embeddings, pairs.recipe_embeddings
    expected = evaluate_retrieval(pairs.ids, *rows, gallery_size=100, num_repeats=3, seed=3)
    assert report["galleries"][0]["lines"][0]["means"] == expected.means()
    assert 0 < report["galleries"][0]["share_left_out"] < 1
    names = [line["name"] for line in report["galleries"][2]["lines"]]
    assert names == ["model", "category oracle", "shuffled pairs", "chance"]
    assert report["protocol"]["seed"] == 3
    assert report["protocol"]["preset"] == "curve"
    assert report["protocol"]["ties"].startswith("count half")
    assert report["num_pairs"] == 350
    [(name, hash_of_file)] = report["files"].items()
    assert name == str(given)
    assert len(hash_of_file) == 64
    page = (tmp_path / "out" / "report.html").read_text()
    assert page.count("<svg") == 4
    assert "R-sum" in page
    assert "drawn by seed 3" in page


def test_the_released_draw_has_its_own_seed_and_the_report_goes_beside_the_caller(
    given, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)

    found = evaluate_given([given], GalleryChoice(sizes=(50,), draw="im2recipe"))

    assert (tmp_path / "given-report" / "report.html").is_file()
    assert found.measured.plan.seed == 1234
    assert "seed 1234 (im2recipe)" in " ".join(found.measured.sentences())


def test_a_folder_that_cannot_be_made_is_told_before_anything_is_ranked(given):
    with pytest.raises(EmbeddingsError, match=r"no folder for the report .*--out"):
        evaluate_given([given], GalleryChoice(), folder=given / "below-a-file")
