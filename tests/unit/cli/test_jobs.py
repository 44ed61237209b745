"""What is submitted lies in ``jobs/``, and nothing of that name is installed."""

import runpy
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PIPELINE = ROOT / "jobs" / "pipeline.py"


def test_each_step_of_the_pipeline_takes_the_options_it_knows():
    """--workers is not evaluate's, --set its own settings alone; a typo is the step's to refuse."""
    words_of = runpy.run_path(str(PIPELINE))["words_of"]
    words = [
        "--workspace", "w", "--set", "seed=1", "--set=loss.soft_margin.margin=0", "--set",
        "evaluate.num_repeats=3", "--workers", "2",
        "--shared-path", "--partition", "val", "--tpyo",
    ]  # fmt: skip
    assert words_of("train", words) == [
        "--workspace", "w", "--set", "seed=1", "--set=loss.soft_margin.margin=0", "--set",
        "evaluate.num_repeats=3", "--workers", "2",
        "--shared-path", "--tpyo",
    ]  # fmt: skip
    assert words_of("evaluate", words) == [
        "--workspace", "w", "--set", "evaluate.num_repeats=3", "--shared-path", "--partition",
        "val", "--tpyo",
    ]  # fmt: skip


def test_a_step_that_fails_ends_the_pipeline(tmp_path):
    """With its own exit code, before the next one begins; run by its path, from anywhere."""
    done = subprocess.run(
        [sys.executable, PIPELINE, "--stage", "nothing"],
        cwd=tmp_path, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.count("Error: ") == 1


@pytest.mark.parametrize("own", ["jobs.py", "jobs/__init__.py"])
def test_a_users_own_jobs_change_nothing(tmp_path, own):
    """As a Ray job is run: with ``python -m``, which looks in the working directory first."""
    path = tmp_path / own
    path.parent.mkdir(exist_ok=True)
    path.write_text("raise SystemExit('the jobs of the user')")
    (tmp_path / "jobs" / "runs").mkdir(parents=True) if own != "jobs.py" else None

    shown = subprocess.run(
        [sys.executable, "-m", "seje_ray", "show-run", "--config", "small"],
        cwd=tmp_path, capture_output=True, text=True,
    )  # fmt: skip

    assert shown.returncode == 0, shown.stderr
    assert "name: small" in shown.stdout


def test_run_files_are_installed_with_the_package_and_jobs_are_not():
    """A wheel holds one top-level package, all files in it, and so the run files."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["tool"]["hatch"]["build"]["targets"]["wheel"] == {"packages": ["seje_ray"]}
    assert {path.name for path in (ROOT / "seje_ray" / "runs").iterdir()} >= {
        "demo.yaml", "small.yaml", "seje.yaml",
    }  # fmt: skip
    assert not (ROOT / "jobs" / "__init__.py").exists()
