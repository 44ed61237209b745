"""The page of a run: what is finished is shown, what is not is told with the command for it."""

import re

import pytest

from seje_ray.pipeline.ensemble import make_ensemble
from seje_ray.pipeline.evaluate import evaluate_run
from seje_ray.pipeline.report import report_run
from seje_ray.pipeline.train import train
from tests.tiny import tiny_run
from tests.unit.pipeline.locally import EXECUTOR, copied, searcher


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


def test_no_page_says_that_a_members_seed_is_that_of_its_ensemble(cookbook, calibrated, tmp_path):
    """What is the first member's is said to be; the page of a training is as it was."""
    own = copied(cookbook, tmp_path / "w", "recipes", "calibrator", "calibrated")
    for name, seed in (("a", 0), ("b", 1)):
        run = tiny_run("train.num_epochs=1", f"seed={seed}")
        last = train(run, own, EXECUTOR, name=name)
    made = make_ensemble(["b", "a"], own, EXECUTOR, name="ba")
    evaluate_run(made, own, EXECUTOR, partition="val")

    page = report_run(made, own, partition="val", path=tmp_path / "ba.html").read_text()
    assert f"run file {run.name}, ensemble of a, b" in page
    assert page.count("Those of its first member, a;") == 2  # what differs, and all settings
    assert '<th class="left">a</th>' in page
    measured = (own.report("ba-val") / "report.html").read_text()
    assert "Those of its first member, a;" in measured
    page = report_run(last, own, partition="val", path=tmp_path / "b.html").read_text()
    assert f"run file {run.name}, seed 1" in page
    assert "first member" not in page
