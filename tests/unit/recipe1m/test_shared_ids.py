"""Ids that several records or files have: nothing usable is lost to what is not."""

import json
from collections import Counter

from seje_ray.recipe1m.made_ids import prefixes_of
from seje_ray.recipe1m.own_data import OwnData, read_own_data
from seje_ray.recipe1m.records import Recipe, Reject


def _lines(path, records):
    path.write_text("\n".join(map(json.dumps, records)))
    return path


def test_a_rejected_record_leaves_its_id_to_a_good_one(tmp_path):
    """A blank record first, and its photos are not those of the good one."""
    records = [
        {"id": "a", "title": "", "ingredients": [], "images": ["0.jpg"]},
        {"id": "a", "title": "Soup", "ingredients": ["peas"], "images": ["1.jpg"]},
        {"id": "a", "title": "Soup", "ingredients": ["peas"], "images": ["2.jpg"]},
        {"id": "a", "title": "Stew", "ingredients": ["peas"]},
    ]
    found = list(read_own_data(_lines(tmp_path / "own.jsonl", records)))
    (recipe,) = (one for one in found if isinstance(one, Recipe))
    assert (recipe.title, [one.id for one in recipe.images]) == ("Soup", ["1.jpg", "2.jpg"])
    reasons = [one.reason for one in found if isinstance(one, Reject)]
    assert reasons == ["no_text", "duplicate_id"]


def test_files_with_the_same_ids_keep_all_their_recipes(tmp_path):
    """Each of train, val and test counts from 0; its name goes before its ids, and it is said."""
    for name in ("test", "train", "val"):
        rows = "".join(f"{n},{name} soup {n},peas\n" for n in range(4))
        (tmp_path / f"{name}.csv").write_text(f"id,title,ingredients\n{rows}")
    data = OwnData(tmp_path)
    found = list(data.read())
    assert {one.id for one in found if isinstance(one, Recipe)} == {
        f"{name}:{n}" for name in ("test", "train", "val") for n in range(4)
    }
    assert Counter(one.partition for one in found) == {"train": 4, "val": 4, "test": 4}
    assert any("same ids" in said for said in data.notes.recognised)


def test_an_id_that_is_twice_in_many_files_stays_a_duplicate(tmp_path):
    """One of many does not rename the others."""
    for part in range(2):
        records = [{"id": f"{part}-{n}", "ingredients": ["peas"]} for n in range(5)]
        _lines(tmp_path / f"{part}.jsonl", [*records, {"id": "a", "title": f"Soup {part}"}])
    found = list(OwnData(tmp_path).read())
    assert [one.reason for one in found if isinstance(one, Reject)] == ["duplicate_id"]
    assert {one.id for one in found if isinstance(one, Recipe)} >= {"a", "0-0", "1-4"}


def test_rows_of_photos_are_one_recipe_in_a_file_named_after_its_partition(tmp_path):
    """What the file's name says is no other text."""
    for name in ("train", "test"):
        rows = [{"id": name, "ingredients": ["peas"], "images": f"{n}.jpg"} for n in range(2)]
        _lines(tmp_path / f"{name}.jsonl", rows)
    found = list(OwnData(tmp_path).read())
    assert [len(one.images) for one in found if isinstance(one, Recipe)] == [2, 2]
    assert len(found) == 2


def test_the_bytes_of_a_photo_in_a_list_are_one_fault(tmp_path):
    """Not one for each byte."""
    record = {"id": "a", "ingredients": ["peas"], "images": list(range(200))}
    reject, recipe = read_own_data(_lines(tmp_path / "own.jsonl", [record]))
    assert (reject.reason, recipe.images) == ("wrong_type", ())


def test_prefixes_differ(tmp_path):
    """Files whose names differ by suffix alone keep it."""
    paths = [tmp_path / name for name in ("a.csv", "b.csv.gz", "c.csv", "c.csv.gz")]
    names = prefixes_of(paths, tmp_path)
    assert list(names.values()) == ["a:", "b:", "c.csv:", "c.csv.gz:"]
