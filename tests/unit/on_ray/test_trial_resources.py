"""How many groups of workers a cluster holds at once, so that none waits for another for ever."""

from seje_ray.on_ray.trial_resources import groups_that_fit


def test_groups_by_hand():
    """Each worker takes a CPU; drivers cost their nodes one each."""
    assert groups_that_fit(cpus=8, gpus=0, num_workers=2) == 3  # 6 and 1 for drivers
    assert groups_that_fit(cpus=4, gpus=0, num_workers=4) == 0
    assert groups_that_fit(cpus=5, gpus=0, num_workers=4) == 1
    assert groups_that_fit(cpus=8, gpus=0, num_workers=2, num_nodes=2) == 3  # 6 and 2 nodes
    assert groups_that_fit(cpus=7, gpus=0, num_workers=3, num_nodes=2) == 1  # 6 and 2 are too many


def test_gpus_bound_them_too():
    """A worker takes a GPU, or a part where there are fewer GPUs than workers of a group."""
    assert groups_that_fit(cpus=100, gpus=8, num_workers=2) == 4
    assert groups_that_fit(cpus=100, gpus=1, num_workers=4) == 1  # a quarter each
    assert groups_that_fit(cpus=100, gpus=3, num_workers=2) == 1  # two whole ones each
