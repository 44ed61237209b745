"""Eight workers, with a GPU each and with a quarter of one, as Ray counts them."""

import pytest
import ray

from tests.on_ray.tiny import tiny_run
from tests.on_ray.verbs import train
from tests.trainings import history_of

pytestmark = [pytest.mark.ray, pytest.mark.slow]


@pytest.fixture(params=[8, 2])
def num_gpus(request):
    """A local Ray that is told it has so many GPUs; torch sees none."""
    ray.init(
        "local", num_cpus=10, num_gpus=request.param, include_dashboard=False, log_to_driver=False,
        logging_level="ERROR",
    )  # fmt: skip
    yield request.param
    ray.shutdown()


def test_eight_workers_share_the_gpus_there_are(num_gpus, workspace, calibrated, trained):
    """They train what one trains, on the CPU where torch sees no GPU."""
    run = tiny_run("train.num_epochs=1")

    found = train(run, workspace, name=f"eight-on-{num_gpus}", num_workers=8)

    for key in ("train/loss", "train/retrieval", "train/discriminator_loss"):
        assert found.metrics[key] == pytest.approx(history_of(trained)[0][key], rel=2e-2), key
