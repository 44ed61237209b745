"""The page of a run: what is finished is shown, what is not is told with the command for it."""

import re

import pytest

from seje_ray.pipeline.evaluate import evaluate_run
from seje_ray.pipeline.report import report_run
from tests.unit.pipeline.locally import EXECUTOR, searcher


def test_what_is_not_there_is_told_and_not_made_up(cookbook, trained, tmp_path):
    """No evaluation on val, no index yet of this name: each is a line with a command."""
    page = report_run(trained, cookbook, partition="val", path=tmp_path / "a.html").read_text()
    assert f"seje-ray evaluate --run {trained.folder.name} --partition val" in page
    assert "image → recipe" in page  # of the curves
    assert "category oracle" not in page
    assert "Made-up data" in page
    assert "model.embedding_dim" in page


@pytest.mark.slow
def test_all_of_it_is_in_one_file_that_fetches_nothing(cookbook, trained, tmp_path):
    """Results, examples, map, arithmetic or why not, hashes; written twice it is the same."""
    evaluate_run(trained, cookbook, EXECUTOR, partition="test")
    searcher(trained, cookbook)
    first = report_run(trained, cookbook, path=tmp_path / "a.html").read_text()
    assert not re.search(r"""(src|href)=["']?(http|//)""", first)
    for part in ("category oracle", "Best photos as queries", "Worst recipes as queries", "t-SNE"):
        assert part in first
    assert "seje-ray baseline ridge cca tfidf-knn" in first
    assert "there is no index yet" not in first
    assert trained.best_checkpoint.name in first
    assert first == report_run(trained, cookbook, path=tmp_path / "b.html").read_text()
