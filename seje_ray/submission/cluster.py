"""Where a command runs: an embedded Ray, a cluster that it drives, or a job that it submits.

Loads no Ray, so that the command line can ask it.
"""

import re
from dataclasses import dataclass
from typing import Literal

from seje_ray.errors import ResourceError

Mode = Literal["embedded", "driven", "submitted"]


@dataclass(frozen=True, slots=True)
class Cluster:
    """The Ray that a command connects to."""

    address: str | None = None  # auto or host:port; None starts an embedded local Ray
    shared_path: bool = False  # every node sees local paths under the same name
    gpus: int = 0  # that must be there before anything starts; an autoscaler is asked for them


EMBEDDED = Cluster()


def mode_of(address: str | None) -> Mode:
    """Read what an ``--address`` asks for.

    ``ray://`` is submitted like ``http://``: Ray Data does not run through a Ray Client (ray
    2.60), so the driver has to be on the cluster.

    Raises:
        ResourceError: If it is no address.
    """
    if not address or address == "local":
        return "embedded"
    if address == "auto" or re.fullmatch(r"[\w.-]+:\d{1,5}|\[[0-9a-fA-F:]+\]:\d{1,5}", address):
        return "driven"
    if re.fullmatch(r"(https?|ray)://[^\s/].*", address):
        return "submitted"
    raise ResourceError(
        f"--address {address}: expected http://HOST:8265 to submit a job, HOST:6379 or auto to "
        "drive a cluster from one of its machines, or local for an embedded Ray"
    )
