"""What we use of Ray beyond its public API is still there."""

import re
from importlib.metadata import version
from pathlib import Path

from packaging.requirements import Requirement
from packaging.version import Version

from seje_ray.on_ray import ray_internals
from seje_ray.on_ray.ray_internals import USED, lost

ROOT = Path(__file__).parents[3]


def test_ray_has_all_that_is_used_of_its_inside():
    """Where this fails, the text says what no longer works, and ray_internals.py is to change."""
    assert lost() == []


def test_what_a_version_has_lost_is_said_in_words(monkeypatch):
    """The name, and what it is for."""
    monkeypatch.setitem(USED, ("ray._raylet", "NoSuchClient"), "whether somebody brings nodes")
    monkeypatch.setitem(USED, ("ray._gone", "anything"), "nothing")
    told = lost()
    assert len(told) == 2
    assert told[0].endswith(
        "has no ray._raylet.NoSuchClient, which says: whether somebody brings nodes"
    )
    assert "ray._gone.anything" in told[1]


def test_no_other_module_uses_private_parts_of_ray():
    """A private name is an underscore after ``ray.``, or a generated message."""
    private = re.compile(r"\bray(\.\w+)*\._\w+|ray\.core\.|internal_kv|_raylet")
    own = Path(ray_internals.__file__)
    for path in sorted((ROOT / "seje_ray").rglob("*.py")):
        if path != own:
            assert not private.search(path.read_text(encoding="utf-8")), path


def test_the_version_is_bounded_and_this_one_is_within():
    """An inside that changes without a word needs an upper bound."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    [line] = re.findall(r'"(ray\[data[^"]*)"', text)
    specifier = Requirement(line).specifier
    assert any(one.operator == "<" for one in specifier)
    assert Version(version("ray")) in specifier
