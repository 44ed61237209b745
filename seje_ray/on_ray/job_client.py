"""Ray's client of a job server, as we ask it: errors of one line, and no wait for a dead one.

Ray waits for the next line of a log without a sign of life, so that a head whose network or power
is cut would be waited for without end. So a second task looks whether the server still takes
connections.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from seje_ray.errors import SejeError
from seje_ray.on_ray.connect import auth_advice
from seje_ray.on_ray.ray_internals import quieten_submission

LOOK_S = 5.0  # between two looks
CONNECT_S = 5.0
LOST_S = 30.0  # without one that succeeds
PORTS = {"https": 443}  # where an address names none; else 80


class JobError(SejeError):
    """A job server or a job is not there, or not as it was asked for."""


class NoServerError(JobError):
    """A job server does not answer."""


class UnknownJobError(JobError):
    """A job server knows no such job."""


def client_of(address: str) -> Any:
    """Ray's client of the job server at an address."""
    from ray.job_submission import JobSubmissionClient

    quieten_submission()
    return JobSubmissionClient(address)


def asked(address: str, question: Callable[[], Any]) -> Any:
    """Ask the server; say what a person can do if it does not answer.

    Raises:
        NoServerError: If it does not.
        JobError: If it refuses.
    """
    from ray.exceptions import AuthenticationError
    from requests import RequestException

    try:
        return question()
    except AuthenticationError as error:
        raise JobError(auth_advice(address)) from error
    except (ConnectionError, RequestException) as error:
        raise NoServerError(
            f"{address}: no job server answers; expected the dashboard of a head node, "
            "e.g. http://HEAD:8265 after `ray start --head` with ray[default] installed there"
        ) from error
    except RuntimeError as error:
        raise JobError(f"{address}: {error}") from error


async def is_shown_to_its_end(client: Any, job: str, show: Callable[[str], None]) -> bool:
    """Hand the log of a job to ``show`` as it grows; False where the server was lost before.

    Args:
        client: Ray's, of the server.
        job: Its id.
        show: Takes the next piece.
    """
    shown = asyncio.ensure_future(_shown(client, job, show))
    lost = asyncio.ensure_future(_lost(client.get_address()))
    try:
        await asyncio.wait((shown, lost), return_when=asyncio.FIRST_COMPLETED)
        return shown.done() and shown.result()
    finally:
        shown.cancel()
        lost.cancel()
        await asyncio.gather(shown, lost, return_exceptions=True)


async def _shown(client: Any, job: str, show: Callable[[str], None]) -> bool:
    from aiohttp import ClientError

    try:
        async for text in client.tail_job_logs(job):
            show(text)
    except (ClientError, OSError, RuntimeError):  # the connection, not the job
        return False
    return True


async def _lost(address: str) -> None:
    """Return when a server has taken no connection for ``LOST_S``."""
    parts = urlsplit(address)
    place = parts.hostname, parts.port or PORTS.get(parts.scheme, 80)
    answered = time.monotonic()
    while time.monotonic() - answered < LOST_S:
        await asyncio.sleep(LOOK_S)
        try:
            _, writer = await asyncio.wait_for(asyncio.open_connection(*place), CONNECT_S)
        except (OSError, TimeoutError):
            continue
        writer.close()
        answered = time.monotonic()
