"""A server on a cluster that a user has started: by Serve's config file, and by ``--address``."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest
import yaml

from seje_ray.pipeline.index.ready import ready_searcher
from seje_ray.pipeline.local import LocalExecutor
from seje_ray.serving.readiness import ready_run, wait_until_ready
from tests.on_ray.heads import ray_head

pytest.importorskip("aiohttp", reason="needs the extra jobs")
pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.usefixtures("own_ray")]

CONFIG = Path(__file__).parents[2] / "cluster" / "serve.yaml"
HOST = "127.0.0.1"
PATIENCE_S = 600.0
TOKEN = "a-token-of-the-tests-with-more-than-32-characters"


@pytest.fixture(scope="module")
def search(workspace, trained):
    """The search in Python, and with it an index that servers find."""
    return ready_searcher(trained, workspace, lambda: LocalExecutor())


@pytest.fixture(scope="module")
def cluster(search, tmp_path_factory) -> Iterator[str]:
    """The address of a head node with token authentication, which clients here know."""
    kept = dict(os.environ)
    os.environ |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": TOKEN}
    os.environ.pop("RAY_ADDRESS", None)
    try:
        with ray_head(4, tmp_path_factory.mktemp("head") / "log") as address:
            yield address
    finally:
        os.environ.clear()
        os.environ |= kept


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def succeed(*words: object) -> str:
    """What a command prints, which has to succeed."""
    done = subprocess.run([*map(str, words)], capture_output=True, text=True, timeout=PATIENCE_S)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def require_search(port: int, search) -> None:
    """The server answers as the search in Python does."""
    wait_until_ready(HOST, port, "one", PATIENCE_S)
    url = f"http://{HOST}:{port}/v1/search/text"
    answer = httpx.post(url, json={"text": "soup", "count": 3}, timeout=60)
    assert [one["id"] for one in answer.json()["results"]] == [
        hit.id for hit in search.text("soup", 3)
    ]


def test_the_config_file_is_deployed_and_a_command_takes_its_place(
    cluster, workspace, search, tmp_path
):
    """``serve deploy`` with the file of cluster/, as it is but for what it serves and where.

    Then the same training by ``seje-ray serve --address``, which ends while the server stays,
    until ``--stop``.
    """
    serve = Path(sys.executable).with_name("serve")
    port = free_port()
    config = yaml.safe_load(CONFIG.read_text(encoding="utf-8"))
    config["http_options"]["port"] = port
    served = {"workspace": str(workspace), "run": "one", "replicas": 1, "gpus_per_replica": 0}
    config["applications"][0]["args"] |= served
    edited = tmp_path / "serve.yaml"
    edited.write_text(yaml.safe_dump(config), encoding="utf-8")
    succeed(serve, "deploy", edited, "--address", cluster)
    require_search(port, search)
    succeed(serve, "shutdown", "--yes", "--address", cluster)

    port = free_port()
    ours = [sys.executable, "-m", "seje_ray", "serve", "--address", cluster]
    told = succeed(*ours, "--workspace", workspace, "--run", "one", "--port", port)
    assert f"one: port {port} of every node" in told
    require_search(port, search)
    succeed(*ours, "--workspace", workspace, "--stop")
    assert ready_run(HOST, port) is None
