"""Phase I on Ray: the bytes of a plain loop, and safe to interrupt."""

from pathlib import Path

import pytest

from seje_ray.workspace import Workspace
from tests.on_ray.killing import run_until
from tests.on_ray.verbs import calibrate
from tests.tiny import TINY, tiny_run
from tests.unit.pipeline.locally import calibrated_locally

pytestmark = [pytest.mark.ray, pytest.mark.usefixtures("shared_ray")]


def test_ray_gives_the_bytes_of_a_plain_loop(tmp_path, calibrated):
    """Recipes, every fitted component and the calibrated shards, whoever computes them."""
    alone = calibrated_locally(tiny_run(), None, Workspace(tmp_path))

    assert calibrated.recipes.content_hash == alone.recipes.content_hash
    assert calibrated.calibrator.content_hash == alone.calibrator.content_hash
    assert calibrated.calibrated.content_hash == alone.calibrated.content_hash


@pytest.mark.slow
@pytest.mark.usefixtures("own_ray")
def test_a_driver_killed_in_every_stage_ends_with_the_same_result(tmp_path, calibrated):
    """SIGKILL, and the same command again until it is killed in the next stage.

    At the end there are the bytes of an undisturbed run, and nothing committed was made again.
    """
    options = [word for override in TINY for word in ("--set", override)]
    arguments = ["calibrate", "--workspace", str(tmp_path), *options]
    components = "calibrator/*[!l]/manifest.json"  # not of a .partial, which may be made again
    committed: dict[Path, int] = {}
    for sign_of_life in (
        "cookbook-120-0/images",
        "recipes.partial/t*-*.parquet",
        components,
        "calibrated.partial/t*-*.parquet",
    ):
        run_until(arguments, lambda sign=sign_of_life: any(tmp_path.glob(sign)))
        for pattern in ("*.partial/*-*.parquet", components):
            for path in tmp_path.glob(pattern):
                finished = Path(str(path).replace(".partial", ""))
                committed.setdefault(finished, path.stat().st_mtime_ns)

    again = calibrate(tiny_run(), None, Workspace(tmp_path))

    assert again.calibrated is not None
    assert again.calibrated.content_hash == calibrated.calibrated.content_hash
    assert {path.parent.name for path in committed} >= {"recipes", "calibrated"}
    for path, modified in committed.items():
        assert path.stat().st_mtime_ns == modified, f"{path} was made again"
