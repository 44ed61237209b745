"""A server on Ray Serve: it answers as the search in Python does, and its model is replaced."""

import asyncio
import re
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from queue import Queue

import httpx
import pytest

from seje_ray.on_ray.serve import API, Serving
from seje_ray.on_ray.serve_deploy import ServeError, _waiting, deploy, end_all, start

NUM_CLIENTS = 3
pytestmark = [pytest.mark.ray, pytest.mark.slow]


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
    text = httpx.post(f"{served}/v1/search/text", json={"text": "tomato", "count": 5}, timeout=60)
    assert ids(text) == [hit.id for hit in search.text("tomato", 5)]
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
            body = {"text": "tomato", "count": 5}
            return await asyncio.gather(
                *(client.post(f"{served}/v1/search/text", json=body) for _ in range(24))
            )

    assert {tuple(ids(answer)) for answer in asyncio.run(many())} == {tuple(ids(text))}
    told = httpx.get(f"{served}/metrics").text
    alone = float(re.search(r'batch_size_bucket\{le="1.0"\} (\S+)', told)[1])
    everything = float(re.search(r"batch_size_count (\S+)", told)[1])
    assert alone < everything
    assert httpx.get(f"{served}/readyz").json() == {"status": "ready", "run": "one"}


@contextmanager
def asking(url: str) -> Iterator["Queue[httpx.Response]"]:
    """The answers of three clients that ask without a pause, until the end of the block."""
    answers: Queue[httpx.Response] = Queue()
    ends = threading.Event()

    def ask() -> None:
        with httpx.Client(timeout=120) as client:
            while not ends.is_set():
                answers.put(client.post(f"{url}/v1/search/text", json={"text": "tomato"}))

    threads = [threading.Thread(target=ask) for _ in range(NUM_CLIENTS)]
    for thread in threads:
        thread.start()
    try:
        yield answers
    finally:
        ends.set()
        for thread in threads:
            thread.join()


def all_of(answers: "Queue[httpx.Response]") -> list[httpx.Response]:
    """What has come so far."""
    return [answers.get() for _ in range(answers.qsize())]


def require_replaced(url: str, answers: list[httpx.Response], searchers) -> None:
    """Every request was answered, by one or the other; and now the second one answers."""
    assert {answer.status_code for answer in answers} == {200}
    assert {answer.json()["run"] for answer in answers} <= {"one", "other"}
    require_other(url, searchers)


def require_other(url: str, searchers) -> None:
    """The second one answers, as the search in Python does."""
    answer = httpx.post(f"{url}/v1/search/text", json={"text": "tomato", "count": 5}, timeout=60)
    assert answer.json()["run"] == "other"
    assert ids(answer) == [hit.id for hit in searchers["other"].text("tomato", 5)]


def test_another_training_takes_its_place_and_no_request_is_lost(served, workspace, searchers):
    """Requests that come without a pause are all answered, at last by the other one."""
    with asking(served) as answers:
        deploy(Serving(workspace=str(workspace), run="other", client_rate=0))
    require_replaced(served, all_of(answers), searchers)


@pytest.fixture(scope="module")
def doubled(served, workspace) -> str:
    """The address of the server, with two models and two APIs of the second training."""
    deploy(Serving(workspace=str(workspace), run="other", replicas=2, client_rate=0))
    return served


def both(deployment: str, gone: str = "") -> list[str]:
    """Names of the two processes of a deployment, once there are two and ``gone`` is none."""
    import ray

    while True:
        named = ray.util.list_named_actors(all_namespaces=True)
        found = [one["name"] for one in named if f"#{deployment}#" in one["name"]]
        if len(found) == 2 and gone not in found:
            return found
        time.sleep(0.2)


def kill(name: str) -> None:
    """End a process of Serve as a lack of memory would."""
    import ray

    ray.kill(ray.get_actor(name, namespace="serve"))


def test_the_death_of_a_model_costs_what_it_was_answering_and_says_so(doubled):
    """Its process has ended, says 503; what comes later is answered by the other one."""
    victim, _ = both("Embed")
    with asking(doubled) as answers:
        before = [answers.get() for _ in range(NUM_CLIENTS)]
        kill(victim)
        after = [answers.get() for _ in range(20 * NUM_CLIENTS)]
    assert {answer.status_code for answer in before} == {200}
    assert {answer.status_code for answer in after} <= {200, 503}
    lost = [answer for answer in after if answer.status_code == 503]
    assert all("has ended" in answer.json()["message"] for answer in lost)
    assert {answer.status_code for answer in after[-NUM_CLIENTS:]} == {200}


def test_the_death_of_an_api_costs_what_it_was_answering_and_says_so(doubled):
    """Serve itself says 500; what comes later is answered by the other one, then by two again."""
    victim, _ = both("Api")
    with asking(doubled) as answers:
        before = [answers.get() for _ in range(NUM_CLIENTS)]
        kill(victim)
        both("Api", gone=victim)
        after = [answers.get() for _ in range(20 * NUM_CLIENTS)]
    after += all_of(answers)
    assert {answer.status_code for answer in before} == {200}
    assert {answer.status_code for answer in after} <= {200, 500}
    lost = [answer for answer in after if answer.status_code == 500]
    assert len(lost) <= NUM_CLIENTS, [(a.status_code, a.text) for a in lost]
    assert {answer.status_code for answer in after[-NUM_CLIENTS:]} == {200}


def test_a_model_that_does_not_come_up_is_one_line_and_leaves_nothing(
    served, workspace, searchers, tmp_path
):
    """Its calibrator lacks a file, which is seen where it is loaded; the former one serves on."""
    from ray import serve

    deploy(Serving(workspace=str(workspace), run="other", client_rate=0))
    before = set(serve.status().applications)
    broken = tmp_path / "w"
    shutil.copytree(workspace.folder, broken)
    shutil.rmtree(broken / "calibrator")

    with pytest.raises(ServeError) as refused:
        deploy(Serving(workspace=str(broken), run="one", client_rate=0))

    [line] = str(refused.value).splitlines()
    assert "cannot be served: " in line
    assert str(broken / "calibrator") in line
    assert set(serve.status().applications) == before
    require_other(served, searchers)


def test_a_config_file_names_another_training_and_no_request_is_lost(served, workspace, searchers):
    """As `serve deploy` has it: one application, in which each replica holds its model."""
    from ray import serve

    from seje_ray.on_ray.serve import application

    for name in serve.status().applications:
        serve.delete(name)
    options = {"workspace": str(workspace), "client_rate": 0}
    serve.run(application({**options, "run": "one"}), name=API, route_prefix="/")
    with asking(served) as answers:
        before = [answers.get() for _ in range(NUM_CLIENTS)]
        serve.run(application({**options, "run": "other"}), name=API, route_prefix="/")
    require_replaced(served, [*before, *all_of(answers)], searchers)


def test_an_application_of_somebody_else_is_neither_replaced_nor_ended(
    served, workspace, searchers
):
    """It has the route, or our name: one line, and it goes on, also when ours is to end."""
    from ray import serve

    class Theirs:
        async def __call__(self, request: object) -> str:
            return "theirs"

    ours = Serving(workspace=str(workspace), run="one", client_rate=0)
    for name, told in (("theirs", 'by application "theirs"'), (API, "is none of ours")):
        for former in serve.status().applications:
            serve.delete(former)
        serve.run(serve.deployment(Theirs).bind(), name=name, route_prefix="/")

        with pytest.raises(ServeError, match=told) as refused:
            deploy(ours)

        assert len(str(refused.value).splitlines()) == 1
        assert not end_all()
        assert set(serve.status().applications) == {name}
        assert httpx.get(served, timeout=60).text == "theirs"


def test_what_the_cluster_has_no_room_for_is_told(served):
    """By its name, and what runs is not; the line that ``deploy`` writes every half a minute."""
    from ray import serve
    from ray.serve import RunTarget

    class Greedy:
        """It wants more processors than there are."""

    greedy = serve.deployment(Greedy, ray_actor_options={"num_cpus": 1000}).bind()
    target = RunTarget(target=greedy, name="greedy", route_prefix="/greedy")
    told, began = [], time.monotonic()
    try:
        serve.run_many([target], wait_for_applications_running=False)
        while not told and time.monotonic() < began + 60:
            time.sleep(0.5)
            told = _waiting(API, "greedy")
    finally:
        serve.delete("greedy", _blocking=False)

    assert [line.partition(", others wait for free CPUs")[0] for line in told] == ["Greedy: 0 run"]
