"""Photos decoded by Ray tasks: what an executor of them does, whatever is computed."""

from concurrent.futures import CancelledError

import numpy as np
import pytest
import ray

from seje_ray.errors import ArtifactError, ResourceError
from seje_ray.on_ray.decoding import RayTasks, wait_for_a_cpu

pytestmark = [pytest.mark.ray, pytest.mark.usefixtures("shared_ray")]


@ray.remote
class Holder:
    """Holds CPUs."""

    def is_there(self):
        return True


def test_a_task_gives_what_the_function_gives_or_raises():
    """What is for the user, without Ray's wrapping."""
    with RayTasks() as tasks:
        given = tasks.submit(np.full, (2, 3), fill_value=7)
        refused = tasks.submit(refuse, "no permission")
        assert given.result().tolist() == [[7] * 3] * 2
        with pytest.raises(ArtifactError, match=r"^no permission$") as caught:
            refused.result()
    assert type(caught.value) is ArtifactError


def refuse(text):
    raise ArtifactError(text)


def test_cpus_that_others_hold_are_waited_for_with_an_end():
    """One line; and whoever stops early is not held up by a task that never began."""
    cpus = int(ray.cluster_resources()["CPU"])
    holder = Holder.options(num_cpus=cpus).remote()
    ray.get(holder.is_there.remote())
    told, tasks = [], RayTasks()
    try:
        with pytest.raises(ResourceError, match=r"expected a CPU that nobody holds .*, found none"):
            wait_for_a_cpu(told.append, patience_s=2)
        late = tasks.submit(refuse, "too late")
        tasks.shutdown(cancel_futures=True)
        with pytest.raises(CancelledError):
            late.result()
    finally:
        ray.kill(holder)
    wait_for_a_cpu(told.append)
    assert told == []
