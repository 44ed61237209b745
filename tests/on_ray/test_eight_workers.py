"""Eight workers, with a GPU each and with a quarter of one, as Ray counts them."""

import pytest

from tests.on_ray.verbs import train
from tests.tiny import tiny_run
from tests.trainings import history_of

pytestmark = [pytest.mark.ray, pytest.mark.slow]


@pytest.mark.parametrize("num_gpus", [8, 2])
def test_eight_workers_share_the_gpus_there_are(own_ray, num_gpus, workspace, calibrated, trained):
    """They train what one trains, on the CPU where torch sees no GPU."""
    own_ray(10, num_gpus)
    run = tiny_run("train.num_epochs=1")

    found = train(run, workspace, name=f"eight-on-{num_gpus}", num_workers=8)

    for key in ("train/loss", "train/retrieval", "train/discriminator_loss"):
        assert found.metrics[key] == pytest.approx(history_of(trained)[0][key], rel=1e-3), key
