"""Shards stay apart on their way through a pipeline, with and without GPUs."""

import errno
import json
import os
import time
from functools import partial
from pathlib import Path

import pyarrow as pa
import pytest
import ray
from ray.exceptions import RayError
from safetensors.torch import load_file

from seje_ray.cli.faults import line_of
from seje_ray.errors import StoreError
from seje_ray.on_ray.connect import connected, num_cpus
from seje_ray.on_ray.executor import RaySession
from seje_ray.on_ray.shards import run_stage
from seje_ray.pipeline.stage import ShardStage, Step
from seje_ray.workspace import Workspace
from tests.on_ray.verbs import calibrate
from tests.tiny import tiny_run

pytestmark = pytest.mark.ray
slow = pytest.mark.slow

NUM_SHARDS, ROWS = 7, 5


class AddDevice:
    """What an actor sees of the cluster's GPUs."""

    def __init__(self, name):
        self._name = name

    def __call__(self, item, table):
        held = len(ray.get_runtime_context().get_accelerator_ids().get("GPU", []))
        return table.append_column(self._name, pa.array([held] * table.num_rows))


def read(item):
    return pa.table({"of": [item["shard"]] * ROWS, "photo": [b"x" * 100_000] * ROWS})


def summary(item, table):
    return {
        "shard": item["shard"],
        "rows": table.num_rows,
        "of": sorted(set(table["of"].to_pylist())),
        "gpus": [table["first"][0].as_py(), table["second"][0].as_py()],
    }


def stage_of(steps, commit=summary, num_shards=NUM_SHARDS, read=read):
    """A stage of shards that are called by their numbers."""
    items = [{"shard": f"train-{number:05d}"} for number in range(num_shards)]
    return ShardStage("testing", items, read, commit, steps)


@pytest.fixture
def two_gpus(own_ray):
    """Where Ray counts two GPUs."""
    own_ray(4, 2)


@pytest.mark.parametrize("num_gpus", [1, pytest.param(3, marks=slow)])
def test_each_shard_passes_alone_and_networks_hold_a_gpu(own_ray, num_gpus):
    """With GPUs, Ray Data bundles small blocks for an actor: no shard may swallow another."""
    own_ray(2, num_gpus)
    stage = stage_of(
        [
            Step(partial(AddDevice, "cpu")),
            Step(partial(AddDevice, "first"), gpu_share=0.25),
            Step(partial(AddDevice, "second"), gpu_share=0.75),
        ]
    )
    with connected():
        found = run_stage(stage)

    assert sorted(found, key=lambda row: row["shard"]) == [
        {"shard": name, "rows": ROWS, "of": [name], "gpus": [1, 1]}
        for name in (item["shard"] for item in stage.items)
    ]


class Met:
    """Waits until as many actors as there are cores have met, and says how many did."""

    def __init__(self, folder):
        self._folder = Path(folder)

    def __call__(self, item, table):
        (self._folder / str(os.getpid())).touch()
        deadline = time.monotonic() + 60
        while self._num_met() < num_cpus() and time.monotonic() < deadline:
            time.sleep(0.1)
        return table.append_column("met", pa.array([self._num_met()] * table.num_rows))

    def _num_met(self):
        return len(list(self._folder.iterdir()))


def number_met(item, table):
    return {"met": table["met"][0].as_py()}


class Refused:
    """A step that cannot be built, as where its component cannot be brought."""

    def __init__(self, error):
        raise error


@pytest.mark.parametrize("num_steps", [1, 2])
@pytest.mark.usefixtures("shared_ray")
def test_what_a_step_raises_is_told_as_it_is(num_steps, capfd):
    """Ray adds five lines, hides the name of a file, and shows traces; an actor keeps a text."""
    refused = StoreError("s3://bucket/a: no permission")
    with pytest.raises(StoreError) as told, connected():
        run_stage(stage_of([Step(partial(Refused, refused))] * num_steps))
    assert str(told.value) == str(refused)

    full = OSError(errno.ENOSPC, "No space left on device", "/w/a.parquet")
    with pytest.raises(RayError) as caught, connected():
        run_stage(stage_of([Step(partial(Refused, full))] * num_steps))
    assert line_of(caught.value, "w").startswith("/w/a.parquet: the disk is full; make room")
    assert "Traceback" not in capfd.readouterr().err


@pytest.mark.usefixtures("shared_ray")
@pytest.mark.parametrize("others", [(), (Step(partial(AddDevice, "other")),)])
def test_texts_are_worked_on_by_an_actor_per_core(tmp_path, others):
    """The first shards wait for each other: one actor alone would wait in vain."""
    with connected():
        steps = [Step(partial(Met, tmp_path)), *others]
        found = run_stage(stage_of(steps, number_met, num_shards=8 * num_cpus()))
        assert {row["met"] for row in found} == {num_cpus()}


def odd_ones(item):
    """Nothing of every other shard."""
    return read(item) if int(item["shard"][-1]) % 2 else None


@pytest.mark.usefixtures("shared_ray")
@pytest.mark.parametrize("num_steps", [0, 1, 2])
def test_a_shard_without_a_table_is_left_out(num_steps):
    """However many steps there are: a lone one reads and commits in its own process."""
    steps = [Step(partial(AddDevice, name)) for name in ("first", "second")[:num_steps]]
    stage = stage_of(steps, lambda item, table: {**item, "n": table.num_columns}, 4, odd_ones)
    with connected():
        found = run_stage(stage)
    assert sorted(found, key=lambda row: row["shard"]) == [
        {"shard": f"train-0000{number}", "n": 2 + num_steps} for number in (1, 3)
    ]


def test_the_longest_pipeline_fits_on_one_cpu(own_ray):
    """Four pools of actors leave room for the tasks that read and write, or all would wait."""
    own_ray(1, 0)
    with connected():
        steps = [
            Step(partial(AddDevice, "first")),
            Step(partial(AddDevice, "second"), gpu_share=0.25),
            Step(partial(AddDevice, "third"), gpu_share=0.5),
            Step(partial(AddDevice, "fourth")),
        ]
        ray.data.DataContext.get_current().execution_no_progress_timeout_s = 300
        assert len(run_stage(stage_of(steps))) == NUM_SHARDS


@slow
@pytest.mark.usefixtures("two_gpus")
def test_a_cluster_with_gpus_calibrates_the_same(tmp_path, calibrated):
    """The whole of phase I where Ray schedules by GPU: the same bytes in every artifact."""
    found = calibrate(tiny_run(), None, Workspace(tmp_path), num_workers=1)

    assert RaySession().num_training_workers(None) == 2  # which a training is begun with
    assert found.recipes.content_hash == calibrated.recipes.content_hash
    assert found.calibrator is not None
    assert found.calibrated is not None
    assert found.calibrated.content_hash == calibrated.calibrated.content_hash


@slow
@pytest.mark.usefixtures("two_gpus")
def test_two_workers_with_a_gpu_each_fit_the_networks_that_one_fits(
    tmp_path, calibrated, workspace
):
    """Ray Train's group gives the same sentence encoder and categorizer up to rounding."""
    calibrate(tiny_run(), None, Workspace(tmp_path), last_stage="fit")

    # Where a gradient is almost 0, Adam makes a part of a step of its rounding.
    step, few = 4e-3, 1e-3
    tolerances = {
        "sentence_encoder/skip_instructions": 1e-5,
        "image_categorizer/image_categorizer": 2e-4,
    }
    for network, atol in tolerances.items():
        files = [folder / "calibrator" / network for folder in (workspace.folder, tmp_path)]
        one, two = (load_file(f"{file}.safetensors") for file in files)
        assert one.keys() == two.keys()
        for name, value in one.items():
            off = (two[name] - value).abs()
            assert (off > atol + 1e-4 * value.abs()).float().mean() <= few, name
            assert off.max() <= step, name
        of_one, of_two = (json.loads(Path(f"{f}.json").read_text())["history"] for f in files)
        assert [e["loss"] for e in of_two] == pytest.approx([e["loss"] for e in of_one], rel=1e-4)
    left = {path.name for path in (tmp_path / "calibrator").iterdir()}
    assert left == {path.name for path in (workspace.folder / "calibrator").iterdir()}
