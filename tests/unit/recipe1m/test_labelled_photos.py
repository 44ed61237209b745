"""Folders of labelled photos: both layouts, and everything that can be wrong in them."""

import json
from pathlib import Path

import pytest

from seje_ray.recipe1m.labelled_photos import class_name, read_labelled_folder
from seje_ray.recipe1m.records import DataError


def touch(folder, *names):
    """Empty files: nothing is decoded here."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def write_lists(folder, train, test, suffix=".json"):
    (folder / "meta").mkdir(parents=True, exist_ok=True)
    for split, photos in (("train", train), ("test", test)):
        text = json.dumps(photos)
        if suffix == ".txt":
            text = "\n".join(entry for entries in photos.values() for entry in entries) + "\n"
        (folder / "meta" / f"{split}{suffix}").write_text(text, encoding="utf-8")


def listed(photos, folder):
    return [(str(Path(p.path).relative_to(folder)), p.category_id) for p in photos]


@pytest.mark.parametrize("suffix", [".json", ".txt"])
def test_food101_lists_give_classes_and_splits(tmp_path, suffix):
    """Classes by alphabet from 1, photos by class and file name, whatever the lists' order."""
    touch(tmp_path, *(f"images/{p}.jpg" for p in ("pho/2", "pho/1", "apple_pie/7", "apple_pie/3")))
    train = {"pho": ["pho/2", "pho/1"], "apple_pie": ["apple_pie/7"]}
    write_lists(tmp_path, train, {"apple_pie": ["apple_pie/3"], "pho": []}, suffix)

    found = read_labelled_folder(tmp_path)

    assert found.names == ("background", "apple pie", "pho")
    assert listed(found.train, tmp_path) == [
        ("images/apple_pie/7.jpg", 1), ("images/pho/1.jpg", 2), ("images/pho/2.jpg", 2),
    ]  # fmt: skip
    assert listed(found.test, tmp_path) == [("images/apple_pie/3.jpg", 1)]
    assert found.rejected == {}


def test_what_the_lists_get_wrong_is_counted(tmp_path):
    touch(
        tmp_path, "images/pho/1.jpg", "images/pho/2.png", "images/pho/3.jpg", "images/pho/4.jpg",
        "images/pho/notes.md", "images/ramen/1.jpg", "images/ramen/2.jpg", "images/loose.jpg",
        "images/README", "images/pizza/1.jpg", "images/Pho_/1.jpg",
    )  # fmt: skip
    train = {
        "pho": ["pho/1", "pho/2.png", "pho/9", "pho/3.png", "pho/1", 5, "../pho/1", "pizza/1"],
        "sushi": ["sushi/1"],
        "Pho_": ["Pho_/1"],
        "tacos": "tacos/1",
    }
    write_lists(tmp_path, train, {"pho": ["pho/1", "pho/3"], "pizza": ["pizza/1"]})

    found = read_labelled_folder(tmp_path)

    assert found.names == ("background", "pho")
    assert listed(found.train, tmp_path) == [("images/Pho_/1.jpg", 1)]
    assert found.rejected == {
        "class_not_listed": 1,  # ramen
        "class_without_train_photos": 1,  # pizza
        "duplicate_class": 1,  # pho, after Pho_
        "duplicate_photo": 1,  # pho/1
        "empty_class": 2,  # sushi, tacos
        "in_both_splits": 1,  # pho/1
        "missing_file": 4,  # pho/9, pho/3.png, sushi/1, tacos/1
        "not_a_photo": 1,  # notes.md
        "other_class": 1,  # pizza/1 under pho
        "photo_not_listed": 1,  # pho/4
        "photo_without_class": 1,  # loose.jpg
        "wrong_path": 1,  # ../pho/1
        "wrong_type": 1,  # 5
    }


def test_plain_class_folders_give_a_fifth_to_test(tmp_path):
    """400 draws at 0.2: within four deviations (8 each) of 80; no photo in both, none missing."""
    names = [f"{c}/{n}.{s}" for c in ("Plum_Cake", "soup") for n, s in
             zip(range(200), ["jpg", "PNG", "webp", "jpeg"] * 50, strict=True)]  # fmt: skip
    touch(tmp_path, *names)

    found, again, other = (read_labelled_folder(tmp_path, seed=seed) for seed in (0, 0, 1))

    assert found.names == ("background", "plum cake", "soup")
    both = listed(found.train, tmp_path) + listed(found.test, tmp_path)
    assert sorted(name for name, _ in both) == sorted(names)
    assert abs(len(found.test) - 80) <= 32
    assert found == again
    assert found.test != other.test


def test_more_photos_change_no_others_split(tmp_path):
    touch(tmp_path, *(f"soup/{n}.jpg" for n in range(50)))
    before = read_labelled_folder(tmp_path)
    touch(tmp_path, *(f"soup/more{n}.jpg" for n in range(50)))
    after = read_labelled_folder(tmp_path)

    assert set(before.train) <= set(after.train)
    assert set(before.test) <= set(after.test)


def test_a_class_of_one_photo_trains_on_it(tmp_path):
    """Sixty classes: with one in five drawn for test, some would have had nothing to train on."""
    touch(tmp_path, *(f"class{n}/1.jpg" for n in range(60)))

    found = read_labelled_folder(tmp_path)

    assert (len(found.train), len(found.test), found.rejected) == (60, 0, {})


def test_an_empty_class_and_one_named_background_have_no_number(tmp_path):
    touch(tmp_path, "soup/1.jpg", "Background/1.jpg")
    (tmp_path / "empty").mkdir()

    found = read_labelled_folder(tmp_path)

    assert found.names == ("background", "soup")
    assert found.rejected == {"duplicate_class": 1, "empty_class": 1}


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ([], "found nothing"),
        (["1.jpg"], "photo_without_class: 1"),
        (["layer1.json"], r"found layer1\.json"),
        (["images/soup/1.jpg"], r"expected Food-101's images/ and meta/train\.json, .*images/"),
        (["images/soup/1.jpg", "meta/train.txt"], "found no test list"),
    ],
)
def test_neither_layout_is_one_line_that_says_what_is_there(tmp_path, files, expected):
    touch(tmp_path, *files)
    with pytest.raises(DataError, match=expected) as error:
        read_labelled_folder(tmp_path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("text", ["[1, 2]", "{", "\x00", '"soup"'])
def test_a_list_that_is_no_object_names_the_file(tmp_path, text):
    touch(tmp_path, "images/soup/1.jpg")
    write_lists(tmp_path, {}, {})
    (tmp_path / "meta" / "train.json").write_text(text)
    with pytest.raises(DataError, match=r"train\.json: expected"):
        read_labelled_folder(tmp_path)


def test_missing_folders_are_named(tmp_path):
    with pytest.raises(DataError, match="no such folder"):
        read_labelled_folder(tmp_path / "nowhere")
    write_lists(tmp_path, {"soup": ["soup/1"]}, {})
    with pytest.raises(DataError, match="images: expected a folder of photos per class"):
        read_labelled_folder(tmp_path)


def test_the_listing_hash_changes_with_photos_and_splits_and_not_with_the_place(tmp_path):
    def hash_of(folder, content=b"a", *more):
        touch(folder, "soup/1.jpg", "soup/2.jpg", *more)
        (folder / "soup" / "1.jpg").write_bytes(content)
        return read_labelled_folder(folder).listing_hash

    first = hash_of(tmp_path / "a")

    assert first == hash_of(tmp_path / "b")
    assert first != hash_of(tmp_path / "c", b"ab")
    assert first != hash_of(tmp_path / "d", b"a", "soup/3.jpg")


def test_class_names_are_words():
    assert class_name("Apple_Pie") == class_name(" apple  pie_") == "apple pie"
