"""Eight workers, with a quarter of a GPU each, as Ray counts them."""

import pytest

from tests.on_ray.verbs import train
from tests.tiny import tiny_run
from tests.trainings import history_of

pytestmark = [pytest.mark.ray, pytest.mark.slow]


def test_eight_workers_share_two_gpus(own_ray, workspace, calibrated, trained):
    """They train what one trains, on the CPU where torch sees no GPU."""
    own_ray(10, 2)
    run = tiny_run("train.num_epochs=1")

    found = train(run, workspace, name="eight-on-two", num_workers=8)

    for key in ("train/loss", "train/retrieval", "train/discriminator_loss"):
        assert found.metrics[key] == pytest.approx(history_of(trained)[0][key], rel=1e-3), key
