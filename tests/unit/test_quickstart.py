"""The quick start of the documentation does what it says."""

import re
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.unit.pipeline.locally import copied

PAGE = Path(__file__).parents[2] / "docs" / "quickstart.md"


def test_the_quick_start_compares_a_photo_with_a_recipe(cookbook, trained, tmp_path, monkeypatch):
    """Run as it is printed, where its words ``workspace``, ``demo`` and ``photo.jpg`` mean ours."""
    [code] = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    copy = copied(cookbook, tmp_path / "workspace", "calibrator", "calibrated")
    shutil.copytree(trained.folder, copy.run("demo"))
    shard = cookbook.open_calibrated().shards("test")[0]
    jpeg = pq.read_table(shard).to_pylist()[0]["images"][0]["jpeg"]
    (tmp_path / "photo.jpg").write_bytes(jpeg)
    monkeypatch.chdir(tmp_path)

    names: dict[str, object] = {}
    exec(code, names)

    assert names["image"].shape == names["text"].shape == (16,)
    assert float(names["similarity"]) == pytest.approx(sum(names["image"] * names["text"]))
    assert -1 <= float(names["similarity"]) <= 1


def test_the_quick_start_is_short():
    """Fifteen lines, the imports not counted."""
    [code] = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    lines = [line for line in code.splitlines() if line and not line.startswith("from ")]

    assert len(lines) <= 15
