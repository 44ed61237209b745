"""Who imports what: Ray at the edge, and everything else without it."""

import ast
import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "seje_ray"
LATE = ("gensim", "matplotlib", "scipy.stats", "sklearn", "tensorboard", "timm", "torchvision")


def modules_of_imports(path):
    """Modules that a file imports anywhere in it, as they are written."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield str(node.module)


def imports_ray(path):
    return any(name == "ray" or name.startswith("ray.") for name in modules_of_imports(path))


def test_only_on_ray_imports_ray_and_every_module_there_does():
    """What needs no Ray lies in a room that a test or a notebook can use without it."""
    found = {path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py") if imports_ray(path)}
    there = {path.relative_to(PACKAGE) for path in (PACKAGE / "on_ray").rglob("*.py")}
    others = {"on_ray/__init__.py"}  # sets what Ray reads at import
    others |= {"on_ray/guardian.py"}  # is a process of its own, which outlives Ray's
    others |= {"on_ray/submit.py"}  # by job_client.py
    assert found == there - {Path(name) for name in others}


def test_a_stage_and_a_training_need_no_ray():
    """Not even by way of another module: they run where Ray is not installed."""
    code = (
        "import sys; sys.modules['ray'] = None; import seje_ray.pipeline.calibrate, "
        "seje_ray.pipeline.train, seje_ray.pipeline.tune, seje_ray.pipeline.evaluate, "
        "seje_ray.pipeline.index.ready, seje_ray.pipeline.ablate, seje_ray.pipeline.local"
    )
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True)


@pytest.mark.parametrize(
    "module",
    ["on_ray.executor", "on_ray.shards", "on_ray.train", "on_ray.serve", "pipeline.calibrate"],
)
def test_a_process_of_ray_imports_what_it_needs(module):
    """A second each in every process, of which Ray starts many: imported where they are used."""
    code = f"import sys, seje_ray.{module}; print(*({set(LATE)} & set(sys.modules)))"
    words = [sys.executable, "-W", "ignore", "-c", code]
    assert subprocess.run(words, capture_output=True, text=True, check=True).stdout == "\n"


def test_rooms_import_each_other_without_a_circle():
    """Between the package's folders and top modules, not only as far as the layers are listed."""
    below = defaultdict(set)
    for path in PACKAGE.rglob("*.py"):
        room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        for name in modules_of_imports(path):
            parts = name.split(".")
            if parts[0] == "seje_ray" and len(parts) > 1 and parts[1] != room:
                below[room].add(parts[1])
    left = dict(below)
    while leaves := [room for room in left if not left[room] & left.keys()]:
        for room in leaves:
            del left[room]
    assert not left, "a circle among these"


def test_one_module_knows_the_layout_of_a_workspace():
    """Nothing else joins a name to a workspace's folder."""
    joins = re.compile(r"(workspace(\.folder)?|calibrator(\.folder)?) / (?!\"manifest)")
    for path in PACKAGE.rglob("*.py"):
        if path.name != "workspace.py":
            assert not joins.search(path.read_text(encoding="utf-8")), path


def test_one_function_chooses_a_device():
    """Nothing else weighs CUDA against the CPU, so that no place forgets the GPU."""
    chooses = re.compile(r"""cuda["'] if .*else ["']cpu""")
    found = [p for p in PACKAGE.rglob("*.py") if chooses.search(p.read_text(encoding="utf-8"))]
    assert found == [PACKAGE / "distributed" / "process.py"]


def test_the_name_of_a_class_is_given_once():
    """A reader who searches for a class finds one; an underscore before it keeps it in its file."""
    places = defaultdict(list)
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(str(path.relative_to(PACKAGE)))
    assert {name: paths for name, paths in places.items() if len(paths) > 1} == {}
