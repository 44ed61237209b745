"""The first stage of `calibrate` in a store: all that the others write goes by the same objects."""

from pathlib import Path

from seje_ray.pipeline.calibrate import calibrate
from seje_ray.workspace import Workspace
from tests.tiny import tiny_run
from tests.unit.pipeline.locally import EXECUTOR


def require_bytes_of_a_disk(uri: str, tmp_path: Path) -> None:
    """What 40 recipes become at a URI is what they become on a disk."""
    run, disk = tiny_run("data.cookbook_recipes=40"), Workspace(tmp_path / "here")
    here, there = (
        calibrate(run, None, workspace, EXECUTOR, last_stage="ingest")
        for workspace in (disk, Workspace.at(uri))
    )
    assert there.recipes.manifest == here.recipes.manifest
