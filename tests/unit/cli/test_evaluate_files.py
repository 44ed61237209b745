"""``seje-ray evaluate --embeddings`` as a user says it, in a folder without a workspace."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

from seje_ray.cli.main import cli


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Two matrices of 30 pairs, equal but for noise."""
    monkeypatch.chdir(tmp_path)
    rows = np.random.default_rng(0).normal(size=(30, 4)).astype(np.float32)
    np.save("images.npy", rows)
    np.save("recipes.npy", rows + 1e-3)
    return tmp_path


def invoke(*words):
    return CliRunner().invoke(cli, ["evaluate", *words], prog_name="seje-ray")


def test_two_files_stand_behind_the_option(folder, monkeypatch):
    """No workspace is made, and no cluster asked for, whatever Ray's address."""
    monkeypatch.setenv("RAY_ADDRESS", "http://127.0.0.1:1")
    result = invoke("--embeddings", "images.npy", "recipes.npy", "--gallery-size", "10")

    assert result.exit_code == 0, result.output
    assert result.output.startswith("images: 30 pairs of 4 dimensions.")
    assert "10 galleries of 10 pairs" in result.output
    assert "ties count half" in result.output
    assert "category oracle" not in result.output
    assert "report: images-report/report.html" in result.output
    assert sorted(path.name for path in folder.iterdir()) == [
        "images-report", "images.npy", "recipes.npy",
    ]  # fmt: skip


def test_json_is_the_report():
    result = invoke("--embeddings", "images.npy", "recipes.npy", "--json", "--protocol", "full")

    assert json.loads(result.output)["galleries"][0]["gallery_size"] == 30


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--embeddings", "images.npy"], 1, "Error: images.npy: expected two matrices"),
        (["--embeddings", "no.npz"], 1, "Error: no.npz: no such file"),
        (["--embeddings", "images.npy", "--run", "x"], 2, "--run is of a training"),
        (["--embeddings", "images.npy", "--workspace", "w"], 2, "--workspace is of a training"),
        (["--out", "here"], 2, "--out goes with --embeddings FILE"),
        (["recipes.npy"], 2, "FILE2 goes with --embeddings FILE"),
        (["--protocol", "full", "--gallery-size", "5"], 2, "give one"),
        (["--embeddings", "images.npy", "recipes.npy", "--map", "x"], 2, "expected FIELD=KEY"),
    ],
)
def test_mistakes_are_told_in_a_line(words, code, message):
    result = invoke(*words)

    assert result.exit_code == code
    assert message in result.output
