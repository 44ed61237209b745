"""The Ray that a command starts for itself."""

import os

import pytest
import ray

from seje_ray.on_ray.connect import connected

pytestmark = [pytest.mark.ray, pytest.mark.usefixtures("shared_ray")]


@ray.remote
def niceness():
    return os.nice(0)


def test_workers_are_as_nice_as_their_command():
    """Whoever wants them to stand back says ``nice seje-ray``; see docs/results.md."""
    with connected():
        assert ray.get(niceness.remote()) == os.nice(0)
