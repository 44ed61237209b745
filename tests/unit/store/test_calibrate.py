"""Phase I in a store: the artifacts of a disk, byte for byte, and nothing that was sent twice."""

import json
import shutil

import pytest
from PIL import Image

from seje_ray.pipeline.calibrate import calibrate
from seje_ray.store.location import mirrored_path
from seje_ray.store.mirror import push, put, sizes_of
from seje_ray.workspace import Workspace
from tests.tiny import tiny_run
from tests.unit.pipeline.locally import calibrated_locally
from tests.unit.store.elsewhere import ElsewhereExecutor, Machines


@pytest.mark.slow
def test_calibrated_in_a_store_as_on_a_disk(
    on_machine, proxy, tmp_path, cookbook, calibrated, capsys
):
    """Equal hashes while every tenth request fails and each task has a machine of its own.

    A machine that has nothing finds it finished.
    """
    workspace = on_machine(1)
    shutil.copytree(cookbook.cookbook(120, 0), workspace.cookbook(120, 0))
    proxy.fault = lambda request: 503 if request.number % 10 == 0 else None
    machines = Machines(workspace.folder.parent, tmp_path / "others")
    made = calibrate(tiny_run(), None, workspace, ElsewhereExecutor(machines))
    assert proxy.num_failed > 10
    for name in ("recipes", "calibrator", "calibrated"):
        assert getattr(made, name).content_hash == getattr(calibrated, name).content_hash

    stored = set(sizes_of(workspace.folder))
    assert not [name for name in stored if ".partial" in name or name.startswith(".locks")]
    assert {name.partition("/")[0] for name in stored} == {
        "cookbook-120-0", "recipes", "calibrator", "calibrated", "reports",
    }  # fmt: skip
    texts = [p for p in workspace.folder.rglob("*") if p.suffix in (".json", ".yaml", ".jsonl")]
    assert not [path for path in texts if b"of-nobody" in path.read_bytes()]

    capsys.readouterr()
    again = calibrated_locally(tiny_run(), None, on_machine(2))
    assert again.calibrated.content_hash == made.calibrated.content_hash
    said = capsys.readouterr().err
    assert "reading" not in said
    assert "calibrating" not in said


@pytest.mark.slow
@pytest.mark.parametrize("is_stored", [True, False], ids=["in a store", "on a disk"])
def test_data_in_a_store_are_read_as_on_a_disk(
    on_machine, uri, tmp_path, cookbook, calibrated, is_stored
):
    """The same shards, also of a photo that another suffix hides; every task on a new machine."""
    on_machine(1)
    data = mirrored_path(f"{uri}/data")
    shutil.copytree(cookbook.cookbook(120, 0), data)
    photo = min(data.rglob("*.jpg"))
    photo.rename(photo.with_suffix(".jpeg"))
    push(data)

    workspace, data = on_machine(2), mirrored_path(f"{uri}/data")
    machines = Machines(workspace.folder.parent, tmp_path / "others")
    if not is_stored:
        workspace = Workspace(tmp_path / "plain")
    executor = ElsewhereExecutor(machines)
    made = calibrate(tiny_run(), data, workspace, executor, last_stage="ingest").recipes
    assert made.manifest.shards == calibrated.recipes.manifest.shards
    assert made.manifest.rows == calibrated.recipes.manifest.rows


def test_a_file_of_own_recipes_in_a_store_brings_the_photos_that_are_read(
    on_machine, uri, tmp_path, proxy
):
    """Also one of a like name; nothing else that lies there, and a photo that comes later."""
    on_machine(1)
    data = mirrored_path(f"{uri}/data/own.jsonl")
    record = {"id": "a", "ingredients": "peas", "partition": "train"}
    data.parent.mkdir(parents=True)
    data.write_text(json.dumps(record | {"images": ["a.png", "b.png", "c.png"]}))
    for name in ("a.png", "b.jpg", "unread.png", "below/unread.png"):
        (data.parent / name).parent.mkdir(exist_ok=True)
        Image.new("RGB", (80, 80), "green").save(data.parent / name)
    push(data.parent)
    put(data)  # which a push takes for a log
    plain = shutil.copytree(data.parent, tmp_path / "plain")

    def read(number):
        workspace = on_machine(number)
        machines = Machines(workspace.folder.parent, tmp_path / f"others-{number}")
        options = {"last_stage": "ingest"}
        stored = calibrate(tiny_run(), data_at(), workspace, ElsewhereExecutor(machines), **options)
        local = calibrated_locally(
            tiny_run(), plain / "own.jsonl", Workspace(tmp_path / "w"), **options
        )
        assert stored.recipes.content_hash == local.recipes.content_hash
        return stored.recipes

    def data_at():
        return mirrored_path(f"{uri}/data/own.jsonl")

    before = len(proxy.requests)
    first = read(2)
    assert not [r for r in proxy.requests[before:] if r.method == "GET" and "unread" in r.path]
    on_machine(1)
    late = data_at().parent / "c.png"
    for path in (late, plain / "c.png"):
        Image.new("RGB", (80, 80), "red").save(path)
    push(late.parent)
    assert read(3).content_hash != first.content_hash
