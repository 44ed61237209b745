"""Whether a server answers, as one of its clients learns it."""

import http.client
import json
import time

from seje_ray.errors import ResourceError

PAUSE_S = 0.2  # between two questions
ANSWER_S = 10.0  # for one
EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # where such a server is asked


def ready_run(host: str, port: int) -> str | None:
    """Name of the training with which a server is ready; None if it is not, or there is none."""
    connection = http.client.HTTPConnection(EVERYWHERE.get(host, host), port, timeout=ANSWER_S)
    try:
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        told = json.loads(answer.read()) if answer.status == 200 else {}
    except (OSError, http.client.HTTPException, ValueError):
        return None
    finally:
        connection.close()
    return told.get("run") if isinstance(told, dict) else None


def wait_until_ready(host: str, port: int, run: str, patience_s: float) -> None:
    """Return when a server is ready with a training.

    Args:
        host: Address that it listens at.
        port: Likewise.
        run: Name of the training; a former one may still answer.
        patience_s: Seconds.

    Raises:
        ResourceError: If it is not ready in this time.
    """
    deadline = time.monotonic() + patience_s
    while (found := ready_run(host, port)) != run:
        if time.monotonic() > deadline:
            state = "does not answer" if found is None else f"still serves {found}"
            raise ResourceError(
                f"{host}:{port}: the server of {run} {state} after {patience_s:.0f} s; the machine "
                "may be too busy; serve.log in the session's logs of Ray says what happened"
            )
        time.sleep(PAUSE_S)
