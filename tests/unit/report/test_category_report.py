"""Counts of categories, by hand."""

import json

import numpy as np
import pytest

from seje_ray.report.category_report import CategoryColumns, category_report

NAMES = ("background", "soup", "cake", "pho")


def columns(*recipes):
    """(category id, source) of recipes r0, r1, ..."""
    ids = [f"r{n}" for n in range(len(recipes))]
    return CategoryColumns(
        ids,
        [f"title of {id_}" for id_ in ids],
        np.asarray([id_ for id_, _ in recipes], np.int32),
        [source for _, source in recipes],
    )


TRAIN = columns((1, "bigram"), (1, "nearest"), (0, "background"), (2, "image_vote"), (1, "bigram"))
VAL = columns((0, "background"), (2, "food101"))


def test_shares_by_hand():
    """Train: one background stays, two more had no category before back-off: 3/5 and 1/5."""
    report = category_report({"train": TRAIN, "val": VAL}, NAMES, seed=0)

    assert (report["num_categories"], report["num_used"]) == (3, 2)
    train = report["partitions"]["train"]
    assert train["by_source"] == {
        "bigram": 0.4, "nearest": 0.2, "background": 0.2, "image_vote": 0.2,
    }  # fmt: skip
    assert (train["background_before"], train["background_after"]) == (0.6, 0.2)
    assert report["partitions"]["val"]["background_after"] == 0.5
    assert report["partitions"]["val"]["num_recipes"] == 2


def test_largest_and_smallest_categories_and_their_members():
    """Soup has three recipes, cake two, pho none."""
    report = category_report({"train": TRAIN, "val": VAL}, NAMES, seed=0)

    assert [entry["name"] for entry in report["largest"]] == ["soup", "cake", "pho"]
    assert [entry["name"] for entry in report["smallest"]] == ["pho", "cake", "soup"]
    assert report["largest"][1]["num_recipes"] == {"all": 2, "train": 1, "val": 1}
    assert report["largest"][1]["members"] == [
        {"id": "r3", "title": "title of r3", "partition": "train"},
        {"id": "r1", "title": "title of r1", "partition": "val"},
    ]
    assert report["smallest"][0]["members"] == []


def test_ten_of_many_are_drawn_by_the_seed():
    """Twelve categories of forty recipes each: ten entries, ten different members."""
    many = columns(*[(1 + n % 12, "bigram") for n in range(480)])
    names = ["background", *(f"c{n}" for n in range(12))]
    first, again, other = (category_report({"train": many}, names, seed=s) for s in (0, 0, 1))

    assert first == again
    assert first["largest"][0]["members"] != other["largest"][0]["members"]
    assert [len(first[key]) for key in ("largest", "smallest")] == [10, 10]
    for entry in first["largest"]:
        assert len({member["id"] for member in entry["members"]}) == 10
        assert all((int(m["id"][1:]) % 12) + 1 == entry["category_id"] for m in entry["members"])
    json.dumps(first, allow_nan=False)


def test_an_empty_partition_has_no_shares():
    report = category_report({"test": columns()}, ("background",), seed=0)
    assert report["partitions"]["test"] == {
        "num_recipes": 0, "by_source": {}, "background_before": None, "background_after": None,
    }  # fmt: skip
    assert report["largest"] == report["smallest"] == []
    json.dumps(category_report({}, NAMES, seed=0), allow_nan=False)


def test_broken_contracts_raise():
    with pytest.raises(ValueError, match="different lengths"):
        CategoryColumns(["a"], ["b"], np.zeros(2), ["x"])
    with pytest.raises(ValueError, match=r"in \[0, 4\), found 4"):
        category_report({"train": columns((4, "bigram"))}, NAMES, seed=0)
