"""Evaluation in the process: what the reports hold, and data that was calibrated anew."""

import json

import pytest

from seje_ray.errors import ArtifactError
from seje_ray.pipeline.embed import embed_partition
from seje_ray.pipeline.evaluate import evaluate_run
from seje_ray.pipeline.gallery_choice import GalleryChoice
from seje_ray.pipeline.runs import open_run
from seje_ray.report.evaluation import as_text
from tests.unit.pipeline.locally import EXECUTOR, copied


def test_evaluation_counts_every_test_pair_and_writes_both_reports(cookbook, trained, calibrated):
    """report.json holds the model and its three controls; the page holds its pictures."""
    evaluated = evaluate_run(
        trained, cookbook, EXECUTOR, partition="test", choice=GalleryChoice(sizes=(10, 1000))
    )

    report = json.loads((evaluated.folder / "report.json").read_text())
    num_pairs = calibrated.calibrated.num_rows("test")
    assert report["num_pairs"] == num_pairs
    assert report["is_made_up"]
    num_recipes = report["data"]["recipes"]["test"]
    assert report["protocol"]["left_out"] == {"recipes without a photo": num_recipes - num_pairs}
    assert report["protocol"]["draw"] == "seeded"
    assert [gallery["gallery_size"] for gallery in report["galleries"]] == [10, num_pairs]
    names = [line["name"] for line in report["galleries"][0]["lines"]]
    assert names == ["model", "category oracle", "shuffled pairs", "chance"]
    for line in report["galleries"][0]["lines"]:
        assert 0 <= line["means"]["recall_at_1/image_to_recipe"] <= 1
        assert 0 < line["means"]["mean_reciprocal_rank/recipe_to_image"] <= 1
        assert 0 <= line["means"]["recall_sum"] <= 6
    page = (evaluated.folder / "report.html").read_text()
    assert "Made-up data" in page
    assert page.count("data:image/jpeg;base64") > 20
    assert "10 galleries of 10 pairs" in as_text(evaluated.galleries)
    with pytest.raises(ArtifactError, match="no finished training named 'other'"):
        open_run(cookbook, "other")


def test_evaluation_refuses_data_that_was_calibrated_anew(cookbook, trained, tmp_path):
    """The same word vectors, but other sentence vectors: the numbers would be of no model."""
    copy = copied(cookbook, tmp_path, "calibrated")
    manifest = copy.calibrated / "manifest.json"
    facts = json.loads(manifest.read_text())
    facts["plan"]["inputs"]["calibrator"] = "another"
    manifest.write_text(json.dumps(facts))

    with pytest.raises(ArtifactError, match="made with another calibrated artifact"):
        embed_partition(trained, copy, EXECUTOR, "test")
