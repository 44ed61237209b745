"""``seje-ray serve`` and ``serve deploy`` as a user types them: here, and on a cluster."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
import yaml

from seje_ray.on_ray import EMBEDDED_SETTINGS
from seje_ray.serving.readiness import ready_run, wait_until_ready
from tests.on_ray.heads import ray_head
from tests.ports import free_port

pytest.importorskip("aiohttp", reason="needs the extra jobs")
pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.usefixtures("own_ray")]

CONFIG = Path(__file__).parents[2] / "cluster" / "serve.yaml"
HOST = "127.0.0.1"
PATIENCE_S = 600.0
TOKEN = "a-token-of-the-tests-with-more-than-32-characters"


def require_search(port: int, run: str, searchers) -> None:
    """The server answers with a training, as the search in Python does."""
    wait_until_ready(HOST, port, run, PATIENCE_S)
    url = f"http://{HOST}:{port}/v1/search/text"
    answer = httpx.post(url, json={"text": "tomato", "count": 3}, timeout=60)
    found = [one["id"] for one in answer.json()["results"]]
    assert found == [hit.id for hit in searchers[run].text("tomato", 3)]


class Server:
    """``seje-ray serve`` in a process, and what it says."""

    def __init__(self, folder: Path, *words: object) -> None:
        self._paths = {name: folder / name for name in ("out", "err")}
        with self._paths["out"].open("w") as out, self._paths["err"].open("w") as err:
            command = [sys.executable, "-m", "seje_ray", "serve", *map(str, words)]
            self.process = subprocess.Popen(command, stdout=out, stderr=err)

    def wait_for(self, name: str, is_said: Callable[[str], bool]) -> None:
        """Wait until it has said something on ``out`` or ``err``."""
        deadline = time.monotonic() + PATIENCE_S
        while not is_said(self._paths[name].read_text()):
            assert self.process.poll() is None, self._paths["err"].read_text()
            assert time.monotonic() < deadline, self._paths["err"].read_text()
            time.sleep(0.1)


@contextmanager
def server(folder: Path, *words: object) -> Iterator[Server]:
    """One that is gone after the block."""
    one = Server(folder, *words)
    try:
        yield one
    finally:
        one.process.kill()
        one.process.wait()


def test_a_server_of_this_machine_is_renewed_or_stays_as_it_is_and_ends(
    workspace, searchers, tmp_path
):
    """Its line comes once it answers; SIGHUP serves anew, or says why not; SIGTERM ends it."""
    own, port = tmp_path / "w", free_port()
    shutil.copytree(workspace.folder, own)
    line = f"one: http://{HOST}:{port}"
    weights = own / searchers["one"].trained.best_checkpoint.relative_to(workspace.folder)
    weights /= "model.safetensors"
    whole = weights.read_bytes()
    with server(tmp_path, "--workspace", own, "--run", "one", "--port", port) as serving:
        serving.wait_for("out", lambda said: said.startswith(line))
        require_search(port, "one", searchers)

        weights.write_bytes(whole[:-1])
        serving.process.send_signal(signal.SIGHUP)
        serving.wait_for("err", lambda said: f"not replaced: {weights}" in said)
        require_search(port, "one", searchers)

        weights.write_bytes(whole)
        serving.process.send_signal(signal.SIGHUP)
        serving.wait_for("out", lambda said: said.count(line) == 2)
        require_search(port, "one", searchers)

        serving.process.send_signal(signal.SIGTERM)
        assert serving.process.wait(timeout=PATIENCE_S) == 0
    assert ready_run(HOST, port) is None


@pytest.fixture(scope="module")
def cluster(searchers, tmp_path_factory) -> Iterator[str]:
    """The address of a head node with token authentication, which clients here know.

    It is as patient with Serve's processes as a Ray that we start.
    """
    kept = dict(os.environ)
    os.environ |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": TOKEN, **EMBEDDED_SETTINGS}
    os.environ.pop("RAY_ADDRESS", None)
    try:
        with ray_head(4, tmp_path_factory.mktemp("head") / "log") as address:
            yield address
    finally:
        os.environ.clear()
        os.environ |= kept


def done(*words: object) -> subprocess.CompletedProcess[str]:
    """A command that was run to its end."""
    return subprocess.run(
        [*map(str, words)], capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )


def succeed(*words: object) -> subprocess.CompletedProcess[str]:
    """A command that has to succeed."""
    ended = done(*words)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended


def deploy(*words: object) -> None:
    """Deploy as one does on a busy machine: again, where Serve gives up after a minute."""
    deadline = time.monotonic() + PATIENCE_S
    while (ended := done(*words)).returncode != 0:
        assert "proxies not available" in ended.stderr, ended.stderr
        assert time.monotonic() < deadline, ended.stderr


def test_the_config_file_of_the_cluster_is_deployed(cluster, workspace, searchers, tmp_path):
    """``serve deploy``, with the file as it is but for what it serves and where."""
    serve, port = Path(sys.executable).with_name("serve"), free_port()
    config = yaml.safe_load(CONFIG.read_text(encoding="utf-8"))
    config["http_options"]["port"] = port
    served = {"workspace": str(workspace), "run": "one", "replicas": 1, "gpus_per_replica": 0}
    config["applications"][0]["args"] |= served
    edited = tmp_path / "serve.yaml"
    edited.write_text(yaml.safe_dump(config), encoding="utf-8")

    deploy(serve, "deploy", edited, "--address", cluster)

    require_search(port, "one", searchers)
    # `serve shutdown` would return before it has ended, and the next test find it so.
    succeed(sys.executable, "-m", "seje_ray", "serve", "--stop", "--address", cluster)
    assert ready_run(HOST, port) is None


def test_a_server_on_a_cluster_outlives_its_command_is_replaced_and_ended(
    cluster, workspace, searchers, tmp_path
):
    """A second command takes the place of the first where Serve listens; ``--stop`` frees it.

    An interrupted one says what goes on, and ``--stop`` ends what is still to come up, too.
    """
    port = free_port()
    ours = [sys.executable, "-m", "seje_ray", "serve", "--address", cluster]
    ours += ["--workspace", str(workspace)]

    with server(tmp_path, *ours[4:], "--run", "one", "--port", port) as starting:
        starting.wait_for("err", lambda said: "submitted serve-one-" in said)
        starting.process.send_signal(signal.SIGINT)
        assert starting.process.wait(PATIENCE_S) == 130
    said = (tmp_path / "err").read_text()
    assert "Detached; the job continues. " in said
    assert f"end it and what it starts: seje-ray serve --stop --address {cluster}\n" in said
    assert "Traceback" not in said
    succeed(*ours, "--stop")
    listed = succeed(*ours[:3], "job", "list", "--json", "--address", cluster)
    assert {job["status"] for job in json.loads(listed.stdout)} <= {"SUCCEEDED", "STOPPED"}
    assert ready_run(HOST, port) is None

    told = succeed(*ours, "--run", "one", "--port", port)
    assert f"one: port {port} of every node" in told.stdout
    require_search(port, "one", searchers)

    told = succeed(*ours, "--run", "other", "--port", free_port())
    assert f"other: port {port} of every node" in told.stdout
    assert f"{HOST}:{port} is where Serve has listened" in told.stdout + told.stderr
    require_search(port, "other", searchers)

    refused = done(*ours, "--run", "other", "--gpus-per-replica", 1)
    assert refused.returncode == 1
    assert "each needs 1 CPU and 1 GPU, and only 0 fit" in refused.stdout + refused.stderr
    require_search(port, "other", searchers)

    assert "ended" in succeed(*ours, "--stop").stdout
    assert ready_run(HOST, port) is None
