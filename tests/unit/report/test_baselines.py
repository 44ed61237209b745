"""Which measured baselines stand beside a model."""

import json

import pytest

from seje_ray.config import load_run, named_run_file, with_settings
from seje_ray.report.baselines import beside_baselines
from seje_ray.report.evaluation import EvaluationLine, GalleryLines
from seje_ray.retrieval.galleries import GalleryPlan


def line(name):
    return {"name": name, "means": {}, "deviations": {}}


def write_report(folder, name, fit, **changed):
    """A baseline's report, as far as it is read."""
    gallery = {"gallery_size": 10, "num_repeats": 2, "lines": [line(name)]}
    report = {"partition": "test", "hashes": {"calibrated": "data"}, "fit": fit, "run": {"seed": 0}}
    path = folder / f"{name}-test" / "report.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(report | {"galleries": [gallery]} | changed))


@pytest.mark.parametrize(
    ("max_pairs", "expected"),
    [
        (None, ["ridge (900 of 1,000 train pairs)", "zero-shot"]),
        (100, ["cca", "zero-shot"]),
        (50, ["zero-shot"]),
    ],
)
def test_what_was_fitted_on_as_many_pairs_stands_beside_and_what_learnt_nothing_always(
    tmp_path, max_pairs, expected
):
    """Older reports of zero-shot do not say ``max_pairs``."""
    write_report(tmp_path, "ridge", {"train_pairs": 900, "max_pairs": None})
    write_report(tmp_path, "cca", {"train_pairs": 100, "max_pairs": 100})
    write_report(tmp_path, "zero-shot", {"train_pairs": 0})
    write_report(tmp_path, "other", {"train_pairs": 0}, partition="val")

    assert names(tmp_path, {"train.max_pairs": max_pairs}) == ["model", *expected]


def test_a_line_says_what_sets_its_baseline_apart(tmp_path):
    """Galleries drawn by another seed, and a model that is corrected for hubs."""
    write_report(tmp_path, "ridge", {"train_pairs": 1000, "max_pairs": None})
    corrected = {"evaluate.hubness.weight": 0.5}
    assert names(tmp_path, {}) == ["model", "ridge"]
    assert names(tmp_path, corrected) == ["model", "ridge (not corrected for hubs)"]
    assert names(tmp_path, {"seed": 3} | corrected) == [
        "model",
        "ridge (seed 0; not corrected for hubs)",
    ]


def names(folder, settings):
    """Of the lines of a model with these settings, on data of 1,000 train pairs."""
    model = GalleryLines(10, 2, (EvaluationLine(**line("model")),))
    run = with_settings(load_run(named_run_file("demo")), settings)
    [found] = beside_baselines(
        [model],
        folder,
        partition="test",
        calibrated_hash="data",
        run=run,
        plan=GalleryPlan(((10, 2),), run.seed),
        num_train=1000,
    )
    return [one.name for one in found.lines]
