"""The drivers of jobs are the commands again."""

import subprocess
import sys

from jobs.pipeline import words_of


def test_each_step_of_the_pipeline_takes_the_options_it_knows():
    """--workers is not evaluate's, --set neither; a typo is left for the step to refuse."""
    words = [
        "--workspace", "w", "--set", "seed=1", "--set=loss.soft_margin.margin=0", "--workers", "2",
        "--shared-path", "--partition", "val", "--tpyo",
    ]  # fmt: skip
    assert words_of("train", words) == [
        "--workspace", "w", "--set", "seed=1", "--set=loss.soft_margin.margin=0", "--workers", "2",
        "--shared-path", "--tpyo",
    ]  # fmt: skip
    assert words_of("evaluate", words) == [
        "--workspace", "w", "--shared-path", "--partition", "val", "--tpyo",
    ]  # fmt: skip


def test_a_step_that_fails_ends_the_pipeline(tmp_path):
    """With its own exit code, before the next one begins."""
    done = subprocess.run(
        [sys.executable, "-m", "jobs.pipeline", "--stage", "nothing"],
        cwd=tmp_path, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.count("Error: ") == 1
