"""Phase I in a store: the artifacts of a disk, byte for byte, and nothing that was sent twice."""

import shutil

import pytest

from seje_ray.pipeline.calibrate import calibrate
from seje_ray.store.location import mirrored_path
from seje_ray.store.mirror import push, sizes_of
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
