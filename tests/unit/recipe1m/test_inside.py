"""A data set's photos stay in its folder, also where links and dots lead out of it."""

import json
import os

import pytest
from PIL import Image

from seje_ray.audit import audit
from seje_ray.config import RunConfig
from seje_ray.config.data import DataConfig
from seje_ray.recipe1m.own_data import OwnData
from seje_ray.recipe1m.records import Recipe, Reject

PEAS = {"title": "Peas", "ingredients": ["peas"], "instructions": ["Boil."]}


def photo(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (40, 40), "green").save(path)


def written(folder, names, table="own.jsonl"):
    """A data set whose recipes name a photo each."""
    lines = [json.dumps({**PEAS, "id": str(n), "images": [name]}) for n, name in enumerate(names)]
    (folder / table).parent.mkdir(parents=True, exist_ok=True)
    (folder / table).write_text("\n".join(lines))
    return folder


def found(data):
    """Locations of photos that are taken, and reasons and details of those that are not."""
    records = list(data.read())
    taken = [one.location for r in records if isinstance(r, Recipe) for one in r.images]
    return taken, [(r.reason, r.detail) for r in records if isinstance(r, Reject)]


@pytest.fixture
def elsewhere(tmp_path):
    """A photo that no data set should get at."""
    photo(tmp_path / "private" / "x.jpg")
    return tmp_path / "private"


def test_links_that_leave_the_folder_count_as_outside(tmp_path, elsewhere):
    """D14: of the photo, of its folder, and of a chain; one that stays inside is followed."""
    data = tmp_path / "data"
    photo(data / "photos" / "in.jpg")
    (data / "photos" / "out.jpg").symlink_to(elsewhere / "x.jpg")
    (data / "photos" / "chain.jpg").symlink_to("out.jpg")
    (data / "photos" / "stays.jpg").symlink_to("in.jpg")
    (data / "linked").symlink_to(elsewhere)
    names = ["photos/in.jpg", "photos/stays.jpg", "photos/out.jpg", "photos/chain.jpg"]
    names += ["linked/x.jpg", "../private/x.jpg", str(elsewhere / "x.jpg")]
    written(data, names)

    taken, rejected = found(OwnData(data))

    assert taken == [str(data / name) for name in names[:2]]
    assert [reason for reason, _ in rejected] == ["outside_folder"] * 5
    real = os.path.realpath(elsewhere / "x.jpg")
    assert rejected[0][1] == (
        f"photos/out.jpg leads to {real}, and is not below {os.path.realpath(data)}"
    )
    assert len(found(OwnData(data, allow_outside=True))[0]) == len(names)


def test_a_photo_beside_the_folder_of_its_file_is_inside_the_data_set(tmp_path):
    """tables/own.jsonl may name ../photos/a.jpg where the folder of both is the data set."""
    photo(tmp_path / "photos" / "a.jpg")
    written(tmp_path, ["../photos/a.jpg"], "tables/own.jsonl")
    assert found(OwnData(tmp_path))[0] == [str(tmp_path / "photos" / "a.jpg")]
    assert found(OwnData(tmp_path / "tables" / "own.jsonl"))[1][0][0] == "outside_folder"


def test_a_data_set_that_is_a_link_itself_is_inside_itself(tmp_path):
    """Its owner linked it, not its author."""
    photo(tmp_path / "disk" / "a.jpg")
    written(tmp_path / "disk", ["a.jpg"])
    (tmp_path / "data").symlink_to(tmp_path / "disk")
    assert found(OwnData(tmp_path / "data"))[0] == [str(tmp_path / "data" / "a.jpg")]


def test_photos_that_a_place_finds_are_inside_too(tmp_path, elsewhere):
    """A folder of photos that is a link says so, rather than that photos are missing."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "images").symlink_to(elsewhere)
    written(tmp_path / "data", ["x.jpg"])
    assert found(OwnData(tmp_path / "data"))[1][0][0] == "outside_folder"
    taken, _ = found(OwnData(tmp_path / "data", allow_outside=True))
    assert taken == [str(tmp_path / "data" / "images" / "x.jpg")]


def test_a_check_says_what_to_do_about_photos_outside(tmp_path, elsewhere):
    """And takes them where it is told to."""
    written(tmp_path / "data", [str(elsewhere / "x.jpg")])
    assert [one.reason for one in audit(tmp_path / "data").rejected] == ["outside_folder"]
    assert "--allow-outside" in audit(tmp_path / "data").rejected[0].advice
    assert audit(tmp_path / "data", allow_outside=True).reading.read == 1


def test_a_plan_of_before_is_that_of_a_run_that_allows_nothing():
    """Artifacts of versions without the setting are kept."""
    assert "allow_outside" not in RunConfig().data.deciding()
    assert DataConfig(allow_outside=True).deciding()["allow_outside"]
