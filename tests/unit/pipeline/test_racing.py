"""Two commands with different settings on one workspace: one makes it, and nothing is mixed."""

import io
import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from seje_ray.artifact import open_artifact
from seje_ray.workspace import Workspace
from tests.unit.pipeline.locally import rows_of

CALIBRATES = """
import sys
from pathlib import Path
from seje_ray.errors import SejeError
from seje_ray.workspace import Workspace
from tests.tiny import tiny_run
from tests.unit.pipeline.locally import calibrated_locally

side, data, workspace = sys.argv[1:]
run = tiny_run(f"data.shorter_side={side}", "data.recipes_per_shard=4")
print("ready", flush=True)
sys.stdin.readline()
try:
    calibrated_locally(run, Path(data), Workspace(Path(workspace)), last_stage="ingest")
except SejeError as error:
    sys.exit(f"Error: {error}")
"""
SIDES = (48, 64)
NUM_RECIPES = 24


@pytest.fixture
def data(tmp_path):
    """Recipes with a photo each."""
    draws = np.random.default_rng(0)
    lines = []
    for n in range(NUM_RECIPES):
        pixels = draws.integers(0, 255, (96, 96, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{n}.png")
        texts = {"title": f"dish {n}", "ingredients": ["salt"], "instructions": ["Boil.", "Eat."]}
        lines.append({"id": str(n), **texts, "images": [f"{n}.png"]})
    path = tmp_path / "own.jsonl"
    path.write_text("\n".join(map(json.dumps, lines)))
    return path


@pytest.mark.slow
def test_two_commands_that_begin_at_once_mix_nothing(tmp_path, data):
    """R02: however they meet, one is refused by the other's name, or makes it anew behind it."""
    folder = tmp_path / "w"
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    words = [sys.executable, "-c", CALIBRATES]
    both = [
        subprocess.Popen([*words, str(side), str(data), str(folder)], text=True, **pipes)
        for side in SIDES
    ]
    for one in both:
        assert one.stdout.readline() == "ready\n"
    for one in both:
        one.stdin.write("\n")
        one.stdin.flush()
    said = [one.communicate()[1] for one in both]
    codes = [one.returncode for one in both]

    assert 0 in codes, said
    recipes = open_artifact(Workspace(folder).recipes, "recipes").require_whole("full")
    side = recipes.manifest.plan.section["data"]["shorter_side"]
    assert codes[SIDES.index(side)] == 0, said
    for code, text, other in zip(codes, said, reversed(both), strict=True):
        assert "Traceback" not in text
        if code:
            assert "is being written by" in text
            assert f"(pid {other.pid} on" in text
    photos = [image for row in rows_of(recipes) for image in row["images"]]
    assert len(photos) == NUM_RECIPES
    assert {min(Image.open(io.BytesIO(photo["jpeg"])).size) for photo in photos} == {side}
    assert not (folder / ".locks").exists()
