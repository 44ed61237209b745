"""An audit of a small data set with one fault of each kind: every count by hand."""

import json
import re
from pathlib import Path

import pytest

from seje_ray.audit import audit
from seje_ray.audit.advice import ADVICE, missing_pieces
from seje_ray.audit.spool import Spool
from seje_ray.audit.texts import recipe_keys
from seje_ray.recipe1m.records import DataError, Recipe
from tests.unit.audit.faulty import encoded, picture, write_faulty


@pytest.fixture(scope="module")
def faulty(tmp_path_factory):
    """The folder and its audit."""
    folder = write_faulty(tmp_path_factory.mktemp("faulty"))
    return folder, audit(folder, num_threads=2, max_sentences=3)


def pairs_of(measures):
    """Measure -> {(partition, partition): (pairs, concerned)}."""
    return {
        found.measure.partition(" (")[0]: {
            (o.first, o.second): (o.pairs, o.concerned) for o in found.overlaps if o.pairs
        }
        for found in measures
    }


def test_recipes_and_photos_are_counted_by_partition(faulty):
    """Seven train recipes; h names six photos of which five are taken and one is missing."""
    _, found = faulty
    rows = {
        c.partition: (
            c.recipes, c.recipes_naming_photos, c.recipes_with_photos,
            c.photos_named, c.photos_taken, c.photos_found,
        )
        for c in found.partitions
    }  # fmt: skip
    assert rows == {
        "train": (7, 7, 7, 13, 12, 11),
        "val": (1, 1, 1, 1, 1, 1),
        "test": (3, 3, 3, 3, 3, 3),
    }
    assert (found.records, found.recipes_read, found.usable) == (23, 14, 11)
    assert found.blocked is None


def test_each_fault_is_counted_once_with_an_example(faulty):
    """Eight records, three by the filter, five photos."""
    _, found = faulty
    reasons = {one.reason: (one.kind, one.number, one.id) for one in found.rejected}
    assert reasons == {
        "not_an_object": ("record", 1, ""),
        "missing_id": ("record", 1, ""),
        "duplicate_id": ("record", 1, "a"),
        "wrong_type": ("record", 1, "x1"),
        "unknown_partition": ("record", 1, "x2"),
        "no_text": ("record", 1, "x3"),
        "removed": ("record", 1, "x4"),
        "id_too_long": ("record", 1, ""),
        "entities_mismatch": ("record", 1, "b"),
        "too_many_instructions": ("filter", 1, "x5"),
        "too_many_ingredients": ("filter", 1, "x6"),
        "no_ingredient": ("filter", 1, "x7"),
        "missing_file": ("photo", 1, "h"),
        "truncated_image": ("photo", 1, "h"),
        "undecodable_image": ("photo", 1, "h"),
        "absurd_dimensions": ("photo", 1, "h"),
        "blank_image": ("photo", 1, "h"),
    }
    assert all(one.advice and one.advice != "see docs/data.md" for one in found.rejected)
    assert sorted(bad.reason for bad in found.bad_photos) == [
        "absurd_dimensions", "blank_image", "truncated_image", "undecodable_image",
    ]  # fmt: skip


def test_copies_of_recipes_leak_from_train_to_test(faulty):
    """t is a with another form, u has the steps of b."""
    _, found = faulty
    assert pairs_of(found.duplicate_recipes) == {
        "same title and ingredients": {("train", "test"): (1, 1)},
        "same instructions": {("train", "test"): (1, 1)},
    }
    ids = [
        (m.first.recipe_id, m.second.recipe_id) for d in found.duplicate_recipes for m in d.matches
    ]
    assert ids == [("a", "t"), ("b", "u")]


def test_copies_of_photos_leak_from_train_to_test(faulty):
    """t copies a's file, w holds c's pixels, u is b made smaller; f is e within train."""
    _, found = faulty
    assert pairs_of(found.duplicate_photos) == {
        "same file": {("train", "test"): (1, 1)},
        "same pixels": {("train", "test"): (2, 2)},
        "look alike": {("train", "test"): (3, 3), ("train", "train"): (1, None)},
    }
    assert [d.same_recipe for d in found.duplicate_photos] == [0, 0, 1]  # both photos of g
    alike = {(m.first.recipe_id, m.second.recipe_id) for m in found.duplicate_photos[2].matches}
    assert {frozenset(pair) for pair in alike} == {
        frozenset(pair) for pair in ("at", "bu", "cw", "ef")
    }


def test_lengths_and_entities_are_of_all_recipes_that_were_read(faulty):
    """Fourteen recipes; of three lines with entities one is valid: b's do not fit and are left."""
    _, found = faulty
    lengths = {one.name: (one.minimum, one.median, one.maximum) for one in found.lengths}
    assert lengths == {
        "ingredient lines": (1, 2, 20),
        "instructions": (4, 4, 20),
        "title words": (2, 2, 3),  # "Dish x5" is three: letters and digits part
    }
    assert (found.entity_lines, found.valid_entity_lines) == (3, 1)
    assert found.recipes_without_entities == 12


def test_cost_is_scaled_from_the_photos_that_can_be_used(faulty):
    """11 of 15 photos that are there can be used, and the disk holds their bytes and more."""
    _, found = faulty
    reading, cost = found.reading, found.cost
    assert (reading.available, reading.read, reading.usable) == (15, 15, 11)
    assert (cost.photos, cost.recipes_with_photos) == (11, 11)
    assert cost.recipes_bytes > 11 * reading.mean_jpeg_bytes
    # per recipe: a word vector, three sentence vectors, and a word vector for its photo, of which
    # zstd takes a tenth at most: the exponents of random float32 numbers are all it can shrink
    vectors = 4 * (300 + 3 * 1024 + 300)
    assert cost.calibrated_bytes > 11 * (reading.mean_jpeg_bytes + 0.9 * vectors)
    assert cost.calibrated_bytes < 11 * (reading.mean_jpeg_bytes + 40_000)


def test_a_sample_is_drawn_evenly_and_the_same_again(tmp_path):
    """Five of fifteen photos: as many are read; another seed reads others."""
    folder = write_faulty(tmp_path)
    runs = [audit(folder, num_photos=5, seed=seed) for seed in (0, 0, 1, 2, 3)]
    results = [(run.reading.usable, run.reading.mean_jpeg_bytes) for run in runs]
    assert {run.reading.read for run in runs} == {5}
    assert results[0] == results[1]
    assert len(set(results)) > 1
    assert [r.partitions for r in runs] == [runs[0].partitions] * 5


def test_nothing_is_written_into_the_data_folder(tmp_path):
    """Same files, same sizes, same times."""
    folder = write_faulty(tmp_path)

    def listing():
        return {p: (p.stat().st_mtime_ns, p.stat().st_size) for p in folder.rglob("*")}

    before = listing()
    audit(folder, num_photos=None)
    assert listing() == before


def own_data(folder: Path, records) -> Path:
    path = folder / "own.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def soup(id_, **fields):
    return {"id": id_, "ingredients": ["peas"], "instructions": ["Boil."], **fields}


def test_own_recipes_are_checked_too(tmp_path):
    """A photo beside the file is found; a Recipe1M folder's pieces are not missed."""
    (tmp_path / "1.jpg").write_bytes(encoded(picture(1)))
    path = own_data(
        tmp_path, [soup("1", images="1.jpg", partition="train"), soup("2", images="2.jpg")]
    )
    found = audit(path)
    assert (found.usable, found.reading.usable, found.blocked, found.pieces) == (2, 1, None, ())
    assert [recipe.id for recipe in found.drawn] in (["1", "2"], ["2", "1"])


def test_what_calibrate_would_refuse_is_said(tmp_path):
    """No usable recipe; no photo of a train recipe; and train photos that cannot be read."""
    (tmp_path / "1.jpg").write_bytes(encoded(picture(1)))
    (tmp_path / "2.jpg").write_bytes(b"no photo")
    for records, expected in (
        ([{"id": "1"}], "found none of 1 records"),
        ([soup("1", images="1.jpg", partition="val")], "0 train recipes that name 0 photos"),
        ([soup("1", images="3.jpg", partition="train")], "0 are there"),
        ([soup("1", images="2.jpg", partition="train")], "1 are there and none can be used"),
        ([soup("1", images="../1.jpg", partition="train")], "or --allow-outside, if you trust"),
    ):
        assert expected in (audit(own_data(tmp_path, records)).blocked or "")


def test_a_usable_train_photo_outside_the_sample_is_enough(tmp_path):
    """One photo is read, and whichever it is, the good one is found."""
    (tmp_path / "1.jpg").write_bytes(encoded(picture(1)))
    (tmp_path / "2.jpg").write_bytes(b"no photo")
    records = [soup(n, images=f"{n}.jpg", partition="train") for n in ("1", "2")]
    for seed in range(4):
        assert audit(own_data(tmp_path, records), num_photos=1, seed=seed).blocked is None


def test_broken_data_is_the_readers_own_error(tmp_path):
    """An empty file, a folder without layer1.json, nothing at all."""
    (tmp_path / "own.jsonl").write_text("")
    (tmp_path / "bare").mkdir()
    for path, expected in (
        (tmp_path / "own.jsonl", "an empty file"),
        (tmp_path / "bare", "layer1.json"),
        (tmp_path / "nowhere", "no such file"),
    ):
        with pytest.raises(DataError, match=expected):
            audit(path)


def test_missing_pieces_of_a_folder(tmp_path):
    """Each says what it costs; with layer2 of both kinds one is not read."""
    bare = tmp_path / "bare"
    bare.mkdir()
    assert missing_pieces(bare) == ()  # perhaps a folder of own recipes
    (bare / "layer1.json").write_text("[]")
    names = [piece.name for piece in missing_pieces(bare)]
    assert names == ["layer2.json", "images/", "det_ingrs.json", "remove1M.txt"]
    folder = write_faulty(tmp_path)
    (folder / "layer2+.json").write_text("[]")
    assert [piece.name for piece in missing_pieces(folder)] == ["one layer2"]
    (folder / "layer2.json").unlink()
    assert missing_pieces(folder) == ()


def test_the_form_of_a_recipe_makes_no_key(faulty):
    """Case, order and amounts change nothing; short instructions and no title have no key."""
    steps = ("Mix flour and milk.", "Fry thin cakes in butter.")
    first = Recipe("1", "train", "Thin Pancakes", ("2 eggs", "Flour"), steps, None, ())
    form = ("flour", "3 eggs")
    shout = tuple(step.upper() for step in steps)
    second = Recipe("2", "test", "thin pancakes!", form, shout, None, ())
    other = Recipe("3", "test", "Thin pancakes", ("flour",), ("Mix all.",), None, ())
    nameless = Recipe("4", "test", "", ("flour",), steps, None, ())
    assert recipe_keys(first) == recipe_keys(second)
    assert recipe_keys(other)[0] not in (0, recipe_keys(first)[0])
    assert recipe_keys(other)[1] == 0
    assert recipe_keys(nameless) == (0, recipe_keys(first)[1])


def test_a_spool_gives_back_what_no_utf8_file_could_hold(tmp_path):
    """A file name with a byte that is no UTF-8."""
    with Spool(tmp_path / "names") as spool:
        spool.append(1, "a\udc80\n")
        spool.append(2, "ö")
        assert (len(spool), spool.row(1), spool.row(0)) == (2, [2, "ö"], [1, "a\udc80\n"])


def test_every_documented_reason_has_an_advice():
    """docs/data.md lists the reasons."""
    text = (Path(__file__).parents[3] / "docs" / "data.md").read_text()
    table = text.partition("## What is left out")[2].partition("\n## ")[0]
    documented = {
        reason
        for line in table.splitlines()
        if line.startswith("| `")
        for reason in re.findall(r"`(\w+)`", line.split("|")[1])
    }
    assert documented
    assert documented <= set(ADVICE)
