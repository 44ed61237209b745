"""What we use of Ray beyond its public API is still there."""

import ast
import importlib
import re
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from seje_ray.on_ray import ray_internals
from seje_ray.on_ray.ray_internals import CHECKPOINT_LIST, CHECKPOINTS, FOLDER, USED, lost

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(("module", "name"), USED, ids=".".join)
def test_ray_has_what_is_used_of_its_inside(module, name):
    """Where this fails, the text says what no longer works, and ray_internals.py is to change."""
    assert [line for line in lost() if f"{module}.{name}," in line] == []


def test_rays_list_of_checkpoints_is_read_by_its_own_names():
    """The file's, that of the list in it, and that of a folder in the list."""
    manager = importlib.import_module(
        "ray.train.v2._internal.execution.checkpoint.checkpoint_manager"
    )
    constants = importlib.import_module("ray.train.v2._internal.constants")

    assert constants.CHECKPOINT_MANAGER_SNAPSHOT_FILENAME == CHECKPOINT_LIST
    assert CHECKPOINTS in manager._CheckpointManagerState.__annotations__
    assert FOLDER in manager._TrainingResultState.__annotations__


def test_a_part_that_ray_lost_stops_no_import():
    """Beside ``ray`` itself, what is imported of it is imported where it is used, and listed."""
    tree = ast.parse(Path(ray_internals.__file__).read_text(encoding="utf-8"))
    at_top = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    inside = [
        node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node not in at_top
    ]

    told = {ast.unparse(node) for node in at_top}
    assert {line for line in told if "ray" in line} == {"import ray"}
    assert inside
    assert {(node.module, alias.name) for node in inside for alias in node.names} <= USED.keys()


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
