"""The log of a job: to its end, or until its server is lost, also without a word."""

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest

from seje_ray.on_ray import job_client
from seje_ray.on_ray.job_client import NoServerError, asked, is_shown_to_its_end

pytest.importorskip("aiohttp", reason="needs the extra jobs")


class Log:
    """As Ray's client tells a log: pieces, and then an end, an error or silence."""

    def __init__(self, port: int, error: Exception | None = None, *, is_silent: bool = False):
        self._port, self._error, self._is_silent = port, error, is_silent

    def get_address(self) -> str:
        """Of the server."""
        return f"http://127.0.0.1:{self._port}"

    async def tail_job_logs(self, job: str) -> AsyncIterator[str]:
        """Two pieces and what follows."""
        yield f"{job} begins\n"
        yield "and goes on\n"
        if self._error is not None:
            raise self._error
        if self._is_silent:
            await asyncio.sleep(1e6)


@pytest.fixture
def port(monkeypatch):
    """Where a server takes connections; looks at it are quick."""
    monkeypatch.setattr(job_client, "LOOK_S", 0.02)
    monkeypatch.setattr(job_client, "LOST_S", 1.0)
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def nowhere(port):
    """Where none does."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        yield one.getsockname()[1]


def test_a_log_is_shown_to_its_end(port):
    """In pieces, as they come."""
    seen: list[str] = []
    assert asyncio.run(is_shown_to_its_end(Log(port), "a", seen.append))
    assert seen == ["a begins\n", "and goes on\n"]


def test_a_connection_that_breaks_is_told(port):
    """By whatever error it does."""
    for error in (RuntimeError("closed"), OSError("reset")):
        assert not asyncio.run(is_shown_to_its_end(Log(port, error), "a", lambda text: None))


def test_a_server_that_is_gone_without_a_word_is_not_waited_for(nowhere):
    """As where the network or the power of a head is cut: nothing closes the connection."""
    log = Log(nowhere, is_silent=True)
    assert not asyncio.run(is_shown_to_its_end(log, "a", lambda text: None))


def test_a_job_that_says_nothing_for_long_is_followed_on(port):
    """While its server takes connections."""

    async def follow() -> None:
        await asyncio.wait_for(
            is_shown_to_its_end(Log(port, is_silent=True), "a", lambda text: None), 2.5
        )

    with pytest.raises(TimeoutError):
        asyncio.run(follow())


def test_a_server_that_breaks_off_is_one_line(nowhere):
    """Ray's client raises what its HTTP library does, once it has connected before."""
    from ray.job_submission import JobSubmissionClient

    def ask() -> object:
        client = JobSubmissionClient.__new__(JobSubmissionClient)
        client._address, client._cookies, client._headers = f"http://127.0.0.1:{nowhere}", {}, {}
        client._verify = True
        return client.list_jobs()

    with pytest.raises(NoServerError, match="no job server answers"):
        asked("http://head:8265", ask)
