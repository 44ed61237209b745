"""The table that a training ends with, by hand."""

from seje_ray.report.training import as_text
from seje_ray.training.run_manifest import RunManifest
from seje_ray.training.timing import note_timings

METRICS = {
    "val/median_rank/image_to_recipe": 2.5,
    "val/recall_at_1/image_to_recipe": 0.25,
    "val/recall_at_5/image_to_recipe": 0.5,
    "val/recall_at_10/image_to_recipe": 1.0,
    "val/median_rank/recipe_to_image": 17.0,
    "val/recall_at_1/recipe_to_image": 0.0,
    "val/recall_at_5/recipe_to_image": 0.125,
    "val/recall_at_10/recipe_to_image": 0.3,
}


def written(folder, **known):
    RunManifest(
        best_checkpoint="checkpoint-00002", best_epoch=2, num_epochs=5, metrics=METRICS,
        calibrated="data", vocabulary_hash="words", **{"stopped_early": False} | known,
    ).write(folder)  # fmt: skip
    return folder


def test_both_directions_and_where_the_time_went(tmp_path):
    """300 s at 10 pairs/s and 100 s at 30: 15 on average; 60 + 0 of 400 s waited; 4 s of val."""
    folder = written(tmp_path)
    note_timings(folder, 1, {"train_s": 300, "val_s": 3, "pairs_per_s": 10, "data_wait_share": 0.2})
    note_timings(folder, 2, {"train_s": 100, "val_s": 1, "pairs_per_s": 30, "data_wait_share": 0})

    assert as_text(folder).splitlines() == [
        "best epoch 2 of 5 (the last allowed)",
        "val               MedR    R@1    R@5   R@10",
        "image -> recipe    2.5   25.0   50.0  100.0",
        "recipe -> image   17.0    0.0   12.5   30.0",
        "time 6:44, 15 pairs/s while training, 15 % of it waiting for data",
    ]


def test_a_run_without_measured_times_has_no_line_of_them(tmp_path):
    """And one that stopped early says so."""
    lines = as_text(written(tmp_path, stopped_early=True)).splitlines()
    assert lines[0] == "best epoch 2 of 5 (stopped early)"
    assert len(lines) == 4


def test_hours_are_shown(tmp_path):
    """3,723 s are 1:02:03."""
    folder = written(tmp_path)
    note_timings(folder, 1, {"train_s": 3700, "val_s": 23, "pairs_per_s": 1, "data_wait_share": 0})
    assert "time 1:02:03, " in as_text(folder)
