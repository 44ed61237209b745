"""What a later command would refuse is said before hours of work."""

import json

from PIL import Image

from seje_ray.audit import audit
from seje_ray.audit.later import refused_later
from seje_ray.report.audit import as_text
from seje_ray.workspace import Workspace
from tests.tiny import tiny_run
from tests.unit.pipeline.locally import calibrated_locally

ENOUGH = {"train": 100, "val": 2, "test": 1}


def test_enough_of_all_is_not_mentioned():
    """A batch of exactly all train pairs."""
    assert refused_later(ENOUGH, ENOUGH, global_batch_size=100) == []


def test_each_partition_that_is_too_small_is_named():
    """With how many there were before anything was left out."""
    train, val, test = refused_later(
        {"train": 1, "test": 0}, {"train": 5, "test": 7}, global_batch_size=100
    )
    assert "at least 2 train recipes with photos, found 1 of 5 train recipes" in train
    assert "found no val recipe" in val
    assert "evaluate would refuse" in test
    assert "found 0 of 7 test recipes" in test


def test_fewer_pairs_than_a_batch_are_said():
    """The training itself makes the batch smaller."""
    (line,) = refused_later(ENOUGH, ENOUGH, global_batch_size=101)
    assert "train has 100 pairs, fewer than train.global_batch_size=101" in line


def test_check_and_calibrate_say_it(tmp_path):
    """A val recipe whose photo is missing, test recipes that the filter leaves out."""
    Image.new("RGB", (40, 40), "red").save(tmp_path / "a.png")
    record = {"title": "Soup", "ingredients": ["peas", "salt"], "instructions": ["Boil.", "Eat."]}
    records = [
        *({**record, "id": f"t{n}", "images": "a.png", "partition": "train"} for n in range(3)),
        {**record, "id": "v", "images": "missing.png", "partition": "val"},
        {**record, "id": "x", "images": "a.png", "partition": "test", "ingredients": ["peas"] * 40},
    ]
    path = tmp_path / "own.jsonl"
    path.write_text("\n".join(map(json.dumps, records)))

    found = audit(path)
    assert found.blocked is None
    assert len(found.later) == 3
    assert "found 0 of 1 val recipes" in found.later[0]
    assert "found 0 of 1 test recipes" in found.later[1]
    assert "but later train would refuse" in as_text(found).splitlines()[-1]

    made = calibrated_locally(tiny_run(), path, Workspace(tmp_path / "w"), last_stage="ingest")
    assert "later train would refuse: expected at least 2 val" in str(made)
