"""The table beside its controls, worked out by hand on a handful of pairs."""

import numpy as np

from seje_ray.report.evaluation import (
    DIRECTIONS,
    METRICS,
    EvaluationLine,
    GalleryLines,
    as_text,
    evaluate,
)
from seje_ray.retrieval.embeddings import Embeddings
from seje_ray.retrieval.galleries import GalleryPlan


def embeddings_of(images, recipes, categories):
    """Pairs with one-letter ids."""
    ids = tuple("abcdefghijkl"[: len(images)])
    rows = [np.asarray(matrix, np.float32) for matrix in (images, recipes)]
    return Embeddings(ids, ids, ids, np.asarray(categories, np.int32), *rows)


def test_a_perfect_model_stands_beside_what_its_controls_must_get():
    """Four pairs in two classes of two: the oracle ties two (rank 1.5), chance is (4 + 1) / 2."""
    rows = np.eye(4)
    (gallery,) = evaluate(embeddings_of(rows, rows, [1, 1, 2, 2]), GalleryPlan(((1000, 10),), 0))
    lines = {line.name: line.means for line in gallery.lines}

    assert (gallery.gallery_size, gallery.num_repeats) == (4, 1)
    assert list(lines) == ["model", "category oracle", "shuffled pairs", "chance"]
    for direction in ("image_to_recipe", "recipe_to_image"):
        assert lines["model"][f"median_rank/{direction}"] == 1
        assert lines["model"][f"recall_at_1/{direction}"] == 1
        assert lines["category oracle"][f"median_rank/{direction}"] == 1.5
        assert lines["category oracle"][f"recall_at_1/{direction}"] == 0.5
        assert lines["chance"][f"median_rank/{direction}"] == 2.5
        assert lines["chance"][f"recall_at_1/{direction}"] == 0.25


def test_a_collapsed_model_scores_chance():
    """All embeddings equal: every item ties."""
    rows = np.tile([1.0, 0.0], (10, 1))
    (gallery,) = evaluate(embeddings_of(rows, rows, [0] * 10), GalleryPlan(((10, 1),), 0))
    lines = {line.name: line.means for line in gallery.lines}
    for name in ("model", "shuffled pairs", "category oracle"):
        for key, value in lines["chance"].items():
            np.testing.assert_allclose(lines[name][key], value, err_msg=f"{name} {key}")


def test_sizes_above_the_partition_are_one_gallery_of_it():
    """1,000 and 10,000 of four pairs are the same one; 2 is drawn as often as asked."""
    rows = np.eye(4)
    galleries = evaluate(
        embeddings_of(rows, rows, [1, 1, 2, 2]),
        GalleryPlan(((10_000, 3), (2, 3), (1000, 3)), 0),
    )
    assert [(g.gallery_size, g.num_repeats) for g in galleries] == [(2, 3), (4, 1)]


def test_the_printed_table_has_both_directions_and_their_sum():
    """Recalls in percent; a deviation behind each number of several galleries."""
    rows = np.eye(4)
    galleries = evaluate(embeddings_of(rows, rows, [1, 1, 2, 2]), GalleryPlan(((2, 3), (4, 3)), 0))
    several, one = as_text(galleries).split("\n\n")
    assert several.splitlines()[0].startswith("3 galleries of 2 pairs")
    counts = [0, 5, 5, 5, 5] * 2 + [0, 1, 1, 1, 1]
    assert [line.count("±") for line in several.splitlines()] == [0, *counts]
    assert one.splitlines()[0] == "one gallery of 4 pairs"
    names = ["model", "category oracle", "shuffled pairs", "chance"]
    for start, direction in ((1, "image -> recipe"), (6, "recipe -> image")):
        heading, *lines = one.splitlines()[start : start + 5]
        assert heading.split() == [*direction.split(), "MedR", "R@1", "R@5", "R@10", "MRR"]
        assert [line[: len("category oracle")].strip() for line in lines] == names
        assert lines[0].split() == ["model", "1.0", "100.0", "100.0", "100.0", "100.0"]
    heading, *lines = one.splitlines()[11:]
    assert heading.split() == ["both", "directions", "R-sum"]
    assert lines[0].split() == ["model", "600.0"]


def test_ranks_of_large_galleries_do_not_run_into_each_other():
    """A control's rank of 10,000 pairs takes five digits; older reports lack MRR and R-sum."""
    means = {f"{m}/{d}": 5000.5 if m == "median_rank" else 0.5 for m in METRICS for d in DIRECTIONS}
    deviations = {key: value / 50 for key, value in means.items()}
    text = as_text([GalleryLines(10_000, 10, (EvaluationLine("control", means, deviations),))])
    cells = ["5000.5", "±100.0", *["50.0", "±1.0"] * 3, "-"]
    *both, sums = [line.split() for line in text.splitlines()[2::2]]
    assert both == [["control", *cells]] * 2
    assert sums == ["control", "-"]
