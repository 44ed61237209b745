"""Commands as jobs on a cluster that is started as a user would start it."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import pytest

from tests.on_ray.heads import ray_head
from tests.tiny import TINY

pytest.importorskip("aiohttp", reason="needs the extra jobs")
pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.usefixtures("own_ray")]

TINY_OPTIONS = [word for override in TINY for word in ("--set", override)]
TOKEN = "a-token-of-the-tests-with-more-than-32-characters"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """Two CPUs and token authentication; the environment of a client that has the token."""
    kept = dict(os.environ)
    os.environ |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": TOKEN}
    os.environ.pop("RAY_ADDRESS", None)
    try:
        with ray_head(2, tmp_path_factory.mktemp("head") / "log") as address:
            yield address
    finally:
        os.environ.clear()
        os.environ |= kept


def seje_ray(*words, **settings):
    return subprocess.run(
        [sys.executable, "-m", "seje_ray", *map(str, words)],
        capture_output=True, text=True, timeout=600, **settings,
    )  # fmt: skip


def succeed(*words):
    done = seje_ray(*words)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_commands_run_as_jobs_and_give_what_a_local_run_gives(
    cluster, workspace, calibrated, trained, tmp_path
):
    """Train on two workers with a file of settings, evaluate, and two more options.

    The numbers are those of one local worker up to rounding; stdout is what the command itself
    would print. Calibration as a job is in the tests of several hosts.
    """
    folder = tmp_path / "w"
    for part in ("recipes", "calibrator", "calibrated"):
        shutil.copytree(workspace.folder / part, folder / part)
    options = ["--workspace", folder, "--address", cluster]
    run_file = tmp_path / "mine.yaml"
    run_file.write_text((folder / "calibrated" / "run.yaml").read_text())
    train = ["train", "--run", "two", "--workers", "2"]
    assert succeed(*train, *options, "--config", run_file).startswith("best epoch ")
    here, there = (
        [json.loads(line) for line in (run / "history.jsonl").open()]
        for run in (trained.folder, folder / "runs" / "two")
    )
    assert len(here) == len(there)
    for mine, others in zip(here, there, strict=True):
        assert mine == pytest.approx(others, rel=1e-3, abs=1e-5, nan_ok=True)
    assert (folder / "runs" / "two" / "logs" / "worker-1.jsonl").is_file()

    report = json.loads(succeed("evaluate", *options, "--json"))
    assert report["num_pairs"] == calibrated.calibrated.num_rows("test")

    refused = seje_ray("train", *options, "--run", "other", "--gpus", "3")
    assert refused.returncode == 1
    assert "--gpus 3: each needs 1 GPU, and only 0 fit on 1 node of 2 CPUs" in refused.stderr

    doctor = json.loads(succeed("doctor", *options, "--json"))
    assert doctor["is_healthy"]
    assert doctor["nodes"][0]["sees_marker"]


def test_a_job_outlives_its_client_and_is_found_again(cluster, workspace, calibrated, tmp_path):
    """Detach, Ctrl-C, submit again, stop, resubmit: one run, never two at once."""
    folder = tmp_path / "w"
    shutil.copytree(workspace.folder / "calibrated", folder / "calibrated")
    at = ["--address", cluster]
    train = ["train", "--workspace", folder, "--run", "long", "--workers", "3", *at, *TINY_OPTIONS,
             "--set", "train.stop_patience=1000"]  # fmt: skip
    endless = [*train, "--set", "train.num_epochs=1000"]
    job = succeed(*endless, "--detach").strip()
    assert re.fullmatch("train-long-[0-9a-f]{8}-1", job)

    client = subprocess.Popen(
        [sys.executable, "-m", "seje_ray", *map(str, endless)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    history = folder / "runs" / "long" / "history.jsonl"
    _wait_until(history.is_file)
    client.send_signal(signal.SIGINT)
    shown = client.communicate(timeout=60)[1]
    assert f"{job} is active already; attached to it" in shown
    assert f"Follow it: seje-ray job logs -f {job}" in shown
    assert client.returncode == 130

    other = seje_ray(*endless, "--set", "loss.soft_margin.margin=0.5")
    assert other.returncode == 1
    assert "this run is active with other options" in other.stderr

    listed = json.loads(succeed("job", "list", "--json", *at))
    assert [one["status"] for one in listed if one["id"] == job] == ["RUNNING"]
    assert succeed("job", "stop", job, *at) == f"{job}: stopped\n"
    followed = seje_ray("job", "logs", "-f", job, *at)
    assert followed.returncode == 1
    assert "training" in followed.stderr
    done = len(history.read_text().splitlines())

    succeed(*train, "--set", f"train.num_epochs={done + 1}")
    epochs = [json.loads(line)["epoch"] for line in history.read_text().splitlines()]
    assert epochs == list(range(1, len(epochs) + 1))
    assert len(epochs) >= done
    assert "succeeded" in succeed("job", "status", job[:-1] + "2", *at)


def test_a_client_without_the_token_is_told_what_to_do(cluster, tmp_path):
    """Another token, none at all, and nobody there: one line each."""
    words = ["train", "--workspace", tmp_path, "--address"]
    wrong = seje_ray(*words, cluster, env={**os.environ, "RAY_AUTH_TOKEN": TOKEN[::-1]})
    assert wrong.returncode == 1
    assert "the cluster wants its token, and RAY_AUTH_MODE is token here" in wrong.stderr
    without = seje_ray(*words, cluster, env={**os.environ, "RAY_AUTH_MODE": "disabled"})
    assert "RAY_AUTH_MODE is disabled here" in without.stderr
    nobody = seje_ray(*words, "http://127.0.0.1:1")
    assert "no job server answers" in nobody.stderr
    for done in (wrong, without, nobody):
        assert done.stderr.count("\n") == 1, done.stderr


def _wait_until(is_reached):
    deadline = time.monotonic() + 400
    while not is_reached():
        assert time.monotonic() < deadline
        time.sleep(0.2)
