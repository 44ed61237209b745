"""The model card says what was measured and what is known, and nothing else."""

import json
import re
import shutil

import pytest

from seje_ray.export.card import table
from seje_ray.export.folder import export_run
from seje_ray.pipeline.evaluate import evaluate_run
from seje_ray.pipeline.gallery_choice import GalleryChoice
from tests.unit.pipeline.locally import EXECUTOR, copied

PARTS = ("recipes", "calibrator", "calibrated")


@pytest.fixture(scope="module")
def here(tmp_path_factory, cookbook, trained_heads):
    """A workspace of its own, whose reports may be changed."""
    return copied(cookbook, tmp_path_factory.mktemp("card"), *PARTS)


def card(run, workspace, folder, **options):
    export_run(run, workspace, folder, **options)
    return (folder / "README.md").read_text()


def test_a_training_that_nobody_measured_is_not_evaluated(here, trained_heads, tmp_path):
    """Its data and its counts are there, and that it is made up; no path of this machine is."""
    text = card(trained_heads, here, tmp_path / "model")

    assert "Not evaluated" in text
    assert "±" not in text
    assert "**The data is made up" in text
    recipes = here.open_recipes().manifest.rows
    for partition, number in here.open_calibrated().manifest.rows.items():
        assert f"| {partition} | {recipes[partition]} | {number} |" in text
    assert "not chosen yet" in text
    assert "license: unknown" in text
    assert str(tmp_path) not in text
    assert "largest difference of a number" in text


def test_what_was_measured_is_shown_and_another_trainings_is_not(here, trained_heads, tmp_path):
    """Each number with its deviation, and by the same words as the report."""
    evaluated = evaluate_run(
        trained_heads, here, EXECUTOR, partition="val", choice=GalleryChoice(sizes=(5,)),
        overrides=["evaluate.num_repeats=3"],
    )  # fmt: skip
    [gallery] = evaluated.galleries

    text = card(trained_heads, here, tmp_path / "model", licence="cc-by-4.0")

    line = gallery.lines[0]
    keys = [*(f"recall_at_{k}" for k in (1, 5, 10)), "mean_reciprocal_rank"]
    means, deviations = (
        [100 * values[f"{key}/recipe_to_image"] for key in keys]
        for values in (line.means, line.deviations)
    )
    cells = [f"{m:.1f} ± {d:.1f}" for m, d in zip(means, deviations, strict=True)]
    [row] = re.findall(r"^\| model, recipe -> image \| .*$", text, re.MULTILINE)
    assert row.endswith(" | ".join(["", *cells, ""]).rstrip())
    total = 100 * line.means["recall_sum"]
    assert f"| model | {total:.1f} ± " in text
    assert "3 galleries of 5 pairs" in text
    assert "**Partition val**" in text
    assert "license: cc-by-4.0" in text
    assert "corrected for hubs" not in text

    path = evaluated.folder / "report.json"
    report = json.loads(path.read_text())
    for change in (
        {"best_epoch": 99},
        {"hashes": {"calibrated": "another"}},
        {"run": report["run"] | {"seed": 5}},
    ):
        path.write_text(json.dumps(report | change))
        assert "Not evaluated" in card(trained_heads, here, tmp_path / str(len(str(change))))
    shutil.rmtree(evaluated.folder)


def test_a_table_by_hand():
    assert table(["", "R@1"], [["model", "3"]]) == "|  | R@1 |\n| --- | ---: |\n| model | 3 |"
