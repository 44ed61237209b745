"""Files that lie together: names with dots in a tar, and tables of other things in a folder."""

import io
import json
import tarfile

import pytest

from seje_ray.recipe1m.records import DataError
from seje_ray.recipe1m.source import open_source


def written(path, names):
    """A tar of recipes and photos under these names."""
    with tarfile.open(path, "w") as shard:
        for name in names:
            text = json.dumps({"title": f"of {name}", "ingredients": ["peas"]})
            member = tarfile.TarInfo(name)
            member.size = len(text)
            shard.addfile(member, io.BytesIO(text.encode()))
    return path


def test_keys_of_a_tar_may_have_dots(tmp_path):
    """They end at the last one if up to the first all would be one; it is said."""
    names = [f"a/x.{n}.{kind}" for n in range(4) for kind in ("jpg", "json")]
    source = open_source(written(tmp_path / "own.tar", names))
    found = list(source.read())
    assert [one.id for one in found] == [f"a/x.{n}" for n in range(4)]
    assert [one.title for one in found] == [f"of a/x.{n}.json" for n in range(4)]
    assert [[image.id for image in one.images] for one in found] == [
        [f"a/x.{n}.jpg"] for n in range(4)
    ]
    assert "keys with dots" in source.notes.recognition()


def test_a_second_json_of_a_record_is_an_error(tmp_path):
    """Which of them is meant cannot be known."""
    names = [f"{key}.{kind}" for key in "abc" for kind in ("jpg", "json", "meta.json")]
    source = open_source(written(tmp_path / "own.tar", names))
    with pytest.raises(DataError, match=r"'a', found a\.json and a\.meta\.json"):
        list(source.read())


@pytest.mark.parametrize("other", ["id,name\n0,peas\n", "user,rating\n1,5\n"])
def test_tables_of_other_columns_in_a_folder_are_refused(tmp_path, other):
    """The line names the file with the recipes; parts of one table may differ in other columns."""
    (tmp_path / "recipes.csv").write_text("id,name,ingredients\n0,Soup,peas\n")
    (tmp_path / "part.csv").write_text("ingredients,title,id,split\npeas,Soup,1,test\n")
    assert len(list(open_source(tmp_path).read())) == 2
    (tmp_path / "part.csv").unlink()
    (tmp_path / "a.csv").write_text(other)
    with pytest.raises(DataError, match=rf"in a\.csv; .*--data {tmp_path / 'recipes.csv'}"):
        open_source(tmp_path)
