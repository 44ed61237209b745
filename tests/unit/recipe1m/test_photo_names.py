"""Photos under a like name are taken and counted; of the others it is said where they are."""

import json
import unicodedata

import pytest
from PIL import Image

from seje_ray.audit.check import audit
from seje_ray.recipe1m.photo_names import like_name, where_missing_are
from seje_ray.workspace import Workspace
from tests.tiny import tiny_run
from tests.unit.pipeline.locally import calibrated_locally


@pytest.mark.parametrize(
    ("said", "there"),
    [
        ("Crème.jpg", unicodedata.normalize("NFD", "Crème.jpg")),
        (unicodedata.normalize("NFD", "Crème.jpg"), unicodedata.normalize("NFC", "Crème.jpg")),
        ("soup.jpg", "soup.JPG"),
        ("soup.jpg", "Soup.jpeg"),
        ("soup.jpg", "soup.webp"),
        ("soup", "soup.png"),
        ("soup.jpg", "soup"),
        ("pea%20soup.jpg", "pea soup.jpg"),
        ("pea soup.jpg", "pea_soup.jpg"),
        (" soup.jpg ", "soup.jpg"),
    ],
)
def test_a_name_that_differs_in_nothing_that_matters_is_taken(tmp_path, said, there):
    (tmp_path / there).touch()
    assert like_name(str(tmp_path / said)) == str(tmp_path / there)


def test_of_several_like_names_none_is_taken(tmp_path):
    """Which one is meant is not known."""
    for name in ("soup.png", "Soup.webp"):
        (tmp_path / name).touch()
    assert like_name(str(tmp_path / "soup.jpg")) is None
    assert like_name(str(tmp_path / "v1.2")) is None


@pytest.mark.parametrize("location", ["", "/", "a\0b.jpg", "https:/x.org/a.jpg", "none/a.jpg"])
def test_what_is_no_place_has_no_like_name(location):
    assert like_name(location) is None


def test_like_names_are_taken_counted_and_said_by_both_commands(tmp_path):
    """A check and a calibration agree; the photo that is nowhere is missing in both."""
    for name in ("a.PNG", "b c.png", "d.png"):
        Image.new("RGB", (40, 40), "red").save(tmp_path / name, "PNG")
    images = {"a": "a.png", "b": "b%20c.png", "d": "d.png", "e": "e.png"}
    lines = [
        {"id": i, "ingredients": "salt", "images": name, "partition": "train"}
        for i, name in images.items()
    ]
    path = tmp_path / "own.jsonl"
    path.write_text("\n".join(map(json.dumps, lines)))

    checked = {one.reason: one.number for one in audit(path).rejected}
    made = calibrated_locally(tiny_run(), path, Workspace(tmp_path / "w"), last_stage="ingest")

    assert checked == {"other_name": 2, "missing_file": 1}
    assert made.recipes.manifest.rejected == checked
    assert made.recipes.manifest.facts["rows_with_image"] == {"train": 3}


def test_urls_are_named_as_urls_with_the_way_to_fetch_them(tmp_path):
    path = tmp_path / "own.jsonl"
    url = "https://example.org/soup.jpg"
    path.write_text(json.dumps({"id": 1, "title": "s", "ingredients": "salt", "image": url}))
    found = audit(path)
    expected = f"photos are named by URLs, e.g. '{url}'; nothing is fetched: fetch them"
    assert any(expected in line for line in found.said)
    assert found.blocked is not None


def test_photos_in_another_folder_are_named_with_the_one_move(tmp_path):
    """A link where the folder is missing; the files where it is there."""
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "soup.jpg").touch()
    at = str(tmp_path / "images" / "soup.jpg")
    said = where_missing_are([("none.jpg", str(tmp_path / "images/none.jpg")), ("soup.jpg", at)])
    assert said.endswith(f"&& ln -s '{tmp_path}/photos' '{tmp_path}/images'")
    (tmp_path / "images").mkdir()
    assert where_missing_are([("soup.jpg", at)]).endswith(f"move its files to {tmp_path}/images/")


def test_photos_that_are_nowhere_are_not_explained(tmp_path):
    assert where_missing_are([("a.jpg", str(tmp_path / "x" / "a.jpg"))]) == ""
    assert where_missing_are([]) == ""
