"""The picture of an image categorizer's mistakes."""

from xml.etree import ElementTree

import numpy as np
import pytest

from seje_ray.calibration.categorizer_accuracy import Confusion
from seje_ray.report.confusion import confusion_picture, merged_counts, shown_categories

COUNTS = np.asarray([[0, 0, 0, 0, 0], [0, 8, 2, 0, 0], [0, 1, 3, 0, 0], [0] * 5, [0, 0, 0, 0, 9]])


def test_the_most_confused_categories_are_shown():
    """1 and 2 are part of three mistakes each, 1 is more frequent; 4 has none, 3 no photo."""
    assert shown_categories(COUNTS, 1) == [1]
    assert shown_categories(COUNTS, 2) == [1, 2]
    assert shown_categories(COUNTS, 40) == [1, 2, 4]


def test_the_others_become_one_row_and_no_photo_is_missing():
    merged, num_rest = merged_counts(COUNTS, [1])
    assert merged.tolist() == [[8, 2], [1, 12]]
    assert num_rest == 2
    whole, none = merged_counts(COUNTS, [1, 2, 4])
    assert whole.tolist() == [[8, 2, 0], [1, 3, 0], [0, 0, 9]]
    assert none == 0


@pytest.mark.parametrize("num_categories", [1, 2, 8, 60])
def test_the_picture_is_svg_and_the_same_each_time(num_categories):
    counts = np.random.default_rng(0).integers(0, 9, (num_categories, num_categories))
    names = ["background", *(f"dish_{n} & <b> $x^" for n in range(1, num_categories))]
    confusion = Confusion(counts, int(counts.sum()))

    picture = confusion_picture(confusion, names)

    assert ElementTree.fromstring(picture).tag.endswith("svg")
    assert picture == confusion_picture(confusion, names)
    assert picture != confusion_picture(Confusion(counts + 1, 0), names)


def test_without_photos_there_is_a_picture_that_says_so():
    picture = confusion_picture(Confusion(np.zeros((3, 3), np.int64), 0), ["background", "a", "b"])
    assert "<svg" in picture


def test_names_of_another_matrix_are_refused():
    with pytest.raises(ValueError, match="expected 5 category names, got 2"):
        confusion_picture(Confusion(COUNTS, 0), ["background", "a"])
