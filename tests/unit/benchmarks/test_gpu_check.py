"""``make gpu-check`` up to where CUDA begins: every part on a CPU at tiny sizes, and its bounds."""

import json
import math
import re
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

pytest.importorskip("transformers", reason="needs the extra text")

from benchmarks.gpu_check import LIMITS_S, TOTAL_S, Outcome, main, run_part, table
from benchmarks.gpu_data import TINY, make
from benchmarks.gpu_parts import GPU_TESTS, PARTS, Setting, enlarged
from benchmarks.gpu_setting import batches_of
from benchmarks.gpu_workers import apart

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def setting(tmp_path_factory) -> Setting:
    """Data of a tiny check."""
    folder = tmp_path_factory.mktemp("data")
    make(folder, TINY)
    return Setting(TINY, torch.device("cpu"), folder)


def numbers_of(row):
    return [value for value in row.values() if isinstance(value, float)]


@pytest.mark.parametrize(
    ("part", "num_rows"),
    [
        ("steps", 3),
        ("parity", 3),
        ("loader", 5),
        ("memory", 8),
        pytest.param("compile", 2, marks=pytest.mark.slow),
    ],
)
@pytest.mark.filterwarnings("ignore:The .grad attribute:UserWarning")  # torch hides its own anew
def test_a_part_measures_on_a_cpu_what_it_would_on_a_gpu(setting, part, num_rows):
    """A row each, of finite numbers that JSON holds; memory alone is not known there."""
    rows = list(PARTS[part](setting))

    assert len({row["what"] for row in rows}) == num_rows
    assert all(math.isfinite(number) for row in rows for number in numbers_of(row))
    assert json.loads(json.dumps(rows)) == rows
    if part == "memory":
        assert {row["peak_gib"] for row in rows} == {None}
    if part == "steps":
        assert all(row["ratio"] > 0 for row in rows)


def test_every_part_has_a_limit_and_every_test_with_the_mark_is_run():
    """The parts in the order of their limits; what is marked elsewhere would be left out."""
    marked = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "tests").rglob("test_*.py")
        if re.search(r"mark\.gpu|tests\.devices", path.read_text(encoding="utf-8"))
        and path != Path(__file__)
    }

    assert set(LIMITS_S) == set(PARTS)
    assert max(LIMITS_S.values()) < TOTAL_S < 8 * 60
    assert set(GPU_TESTS) == marked


def test_what_a_part_printed_before_it_failed_counts(tmp_path):
    """With its last line as the reason."""
    program = 'import sys; print(\'{"what": "a", "s": 1.5}\'); sys.exit(\'no room\')'

    found = run_part("steps", [sys.executable, "-c", program], 600.0, tmp_path)

    assert (found.state, found.reason) == ("failed", "no room")
    assert found.rows == [{"what": "a", "s": 1.5}]


def test_a_part_that_never_ends_is_ended(tmp_path):
    """Also one that does not heed SIGTERM is none that the next one waits for."""
    program = "import signal; signal.pause()"

    found = run_part("steps", [sys.executable, "-c", program], 0.1, tmp_path)

    assert (found.state, found.reason) == ("timed out", "after 0 s")


def test_a_part_for_which_no_time_is_left_is_said_to_be_left_out(tmp_path):
    """And nothing starts."""
    found = run_part("steps", [str(tmp_path / "no such program")], -1.0, tmp_path)

    assert found.state == "skipped"
    assert "used up" in found.reason


def test_the_table_has_every_row_and_every_reason():
    """Figures in words; what is not known is said; no text breaks the table."""
    rows = [{"what": "seje", "steps_per_s": 12.345, "pairs": 23456.7, "peak_gib": None}]
    outcomes = [
        Outcome("steps", "done", "", 1.0, rows),
        Outcome("compile", "failed", "a | b\nc", 1.0, []),
    ]

    assert table(outcomes).splitlines()[2:] == [
        "| steps | seje | steps per s 12.3; pairs 23,457; peak gib not measured |",
        "| compile | failed | a / b c |",
    ]


@pytest.mark.skipif(torch.cuda.is_available(), reason="is about machines without CUDA")
def test_without_cuda_it_says_so_in_one_line(tmp_path):
    """And measures nothing."""
    done = CliRunner().invoke(main, ["--out", str(tmp_path / "out")])

    assert done.exit_code == 1
    [line] = done.stderr.splitlines()
    assert "sees no CUDA here" in line
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_on_a_cpu_it_says_what_it_ran_on(tmp_path):
    """One part through the command and a process of its own, both files written."""
    words = ["--device", "cpu", "--size", "tiny", "--part", "machine", "--out", str(tmp_path)]
    done = CliRunner().invoke(main, words)

    assert done.exit_code == 0, done.output
    stored = json.loads((tmp_path / "gpu_check.json").read_text())["parts"]
    assert stored["machine"]["state"] == "done"
    assert stored["machine"]["rows"][0]["what"] == "no GPU"
    assert "| machine | no GPU |" in (tmp_path / "gpu_check.md").read_text()


def test_a_batch_is_enlarged_by_its_own_pairs(setting):
    """All its tensors, nested ones too, in turn."""
    from benchmarks.gpu_data import local_trainer, run_of

    run = run_of("clip", TINY, setting.folder)
    trainer = local_trainer(run, setting.folder, setting.device)
    batch = next(batches_of(trainer, setting))
    large = enlarged(batch, 20)

    assert large.sizes == (20,)
    assert large.ids[8:16] == batch.ids
    assert torch.equal(large.images[8:16], batch.images)
    assert torch.equal(large.recipes.tokens.tokens[16:], batch.recipes.tokens.tokens[:4])


def test_workers_that_do_not_train_alike_are_refused():
    """A number or a weight that is more than rounding apart."""
    one = ([{"loss": 2.0}], {"w": np.ones(3)}, {})
    near = ([{"loss": 2.0002}], {"w": np.ones(3) * 1.0001}, {})
    far = ([{"loss": 2.0}], {"w": np.ones(3) * 1.1}, {})

    assert apart(one, near)["numbers"] == pytest.approx(1e-4)
    with pytest.raises(RuntimeError, match="do not train as one"):
        apart(one, far)
    with pytest.raises(RuntimeError, match="do not train as one"):
        apart(one, ([{"loss": math.nan}], {"w": np.ones(3)}, {}))
