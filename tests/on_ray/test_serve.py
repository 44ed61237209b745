"""A server on Ray Serve: it answers as the search in Python does, and its model is replaced."""

import asyncio
import re
import socket
import threading
from collections import Counter
from contextlib import closing

import httpx
import pytest

from seje_ray.on_ray.executor import RayExecutor
from seje_ray.on_ray.serve import Serving
from seje_ray.on_ray.serve_command import deploy, start
from seje_ray.pipeline.index.ready import ready_searcher
from tests.on_ray.verbs import train
from tests.tiny import tiny_run

pytestmark = [pytest.mark.ray, pytest.mark.slow]


@pytest.fixture(scope="module")
def other(workspace, trained):
    """Another training of the workspace."""
    return train(tiny_run("train.num_epochs=1"), workspace, name="two", num_workers=1)


@pytest.fixture(scope="module")
def searchers(workspace, trained, other):
    """The searches in Python, by the training's name."""
    return {
        run.folder.name: ready_searcher(run, workspace, lambda: RayExecutor(workspace))
        for run in (trained, other)
    }


@pytest.fixture(scope="module")
def served(workspace, searchers):
    """The address of a server of the first training."""
    from ray import serve

    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    start("127.0.0.1", port)
    deploy(Serving(workspace=str(workspace), run="one", client_rate=0))
    yield f"http://127.0.0.1:{port}"
    serve.shutdown()


def ids(answer: httpx.Response) -> list[str]:
    return [one["id"] for one in answer.json()["results"]]


def test_it_finds_what_the_search_in_python_finds_and_batches(served, searchers):
    """By words and by photos; what comes at once is embedded together."""
    search = searchers["one"]
    text = httpx.post(f"{served}/v1/search/text", json={"text": "soup", "count": 5}, timeout=60)
    assert ids(text) == [hit.id for hit in search.text("soup", 5)]
    jpeg = search.index.side("photos").entries.row(0, ["thumbnail"])["thumbnail"]
    photo = httpx.post(
        f"{served}/v1/search/photo?count=5",
        content=jpeg,
        headers={"content-type": "image/jpeg"},
        timeout=60,
    )
    assert ids(photo) == [hit.id for hit in search.photo(jpeg, 5)]

    async def many() -> list[httpx.Response]:
        async with httpx.AsyncClient(timeout=60) as client:
            body = {"text": "soup", "count": 5}
            return await asyncio.gather(
                *(client.post(f"{served}/v1/search/text", json=body) for _ in range(24))
            )

    assert {tuple(ids(answer)) for answer in asyncio.run(many())} == {tuple(ids(text))}
    told = httpx.get(f"{served}/metrics").text
    alone = float(re.search(r'batch_size_bucket\{le="1.0"\} (\S+)', told)[1])
    everything = float(re.search(r"batch_size_count (\S+)", told)[1])
    assert alone < everything
    assert httpx.get(f"{served}/readyz").json() == {"status": "ready", "run": "one"}


def test_another_training_takes_its_place_and_no_request_is_lost(served, workspace, searchers):
    """Requests that come without a pause are all answered, at last by the other one."""
    statuses, runs, ends = Counter(), [], threading.Event()

    def ask() -> None:
        with httpx.Client(timeout=120) as client:
            while not ends.is_set():
                answer = client.post(f"{served}/v1/search/text", json={"text": "soup"})
                statuses[answer.status_code] += 1
                runs.append(answer.json().get("run"))

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        deploy(Serving(workspace=str(workspace), run="two", client_rate=0))
    finally:
        ends.set()
        for thread in threads:
            thread.join()

    assert statuses.keys() == {200}
    assert set(runs) <= {"one", "two"}
    answer = httpx.post(f"{served}/v1/search/text", json={"text": "soup", "count": 5}, timeout=60)
    assert answer.json()["run"] == "two"
    assert ids(answer) == [hit.id for hit in searchers["two"].text("soup", 5)]
