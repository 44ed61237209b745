"""A training that is killed at random points, again and again, ends as if nothing had been."""

import os
import random
import time
from contextlib import ExitStack
from itertools import groupby

import pytest

from seje_ray.on_ray.group import MAX_RESTARTS
from seje_ray.on_ray.ray_internals import CHECKPOINT_LIST
from seje_ray.training.checkpoints import newest_checkpoint
from tests.on_ray.killing import Command, kill
from tests.on_ray.verbs import train
from tests.tiny import TINY, tiny_run
from tests.trainings import assert_equal_weights

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.usefixtures("own_ray")]

NUM_KILLS = int(os.environ.get("SEJE_RAY_KILLS", "3"))  # ten take some minutes
NUM_WORKERS = 2
SETTINGS = [f"train.num_epochs={NUM_KILLS}", "train.checkpoint_steps=1"]  # four steps an epoch


def test_a_training_killed_at_random_points_ends_with_the_same_weights(workspace, calibrated):
    """One of two workers, or the driver with all it started; history byte by byte, weights too."""
    calm = train(tiny_run(*SETTINGS), workspace, name="calm", num_workers=NUM_WORKERS)
    folder = workspace.folder / "runs" / "stormy"
    options = [word for override in [*TINY, *SETTINGS] for word in ("--set", override)]
    words = ["train", "--workspace", str(workspace), "--run", "stormy"]
    words += ["--workers", str(NUM_WORKERS), *options]
    draws = random.Random(1)
    victims = [draws.choice(["worker", "driver"]) for _ in range(NUM_KILLS)]
    assert set(victims) == {"worker", "driver"}
    assert all(len(list(row)) <= MAX_RESTARTS for who, row in groupby(victims) if who == "worker")

    with ExitStack() as running:
        command = None
        for victim in victims:
            command = command or running.enter_context(Command(words))
            _go_on(command, folder, num_checkpoints=draws.randint(0, 2))
            time.sleep(draws.uniform(0, 0.4))
            if victim == "worker":
                command.wait_until(command.workers)  # the group may just be starting again
                kill(draws.choice(command.workers()))
            else:
                command.end()
                command = None
                # As a kill in the midst of writing leaves Ray's own list.
                (folder / CHECKPOINT_LIST).write_text("{")
    stormy = train(tiny_run(*SETTINGS), workspace, name="stormy", num_workers=NUM_WORKERS)

    assert (folder / "history.jsonl").read_bytes() == (calm.folder / "history.jsonl").read_bytes()
    assert_equal_weights(stormy, calm)
    assert stormy.metrics == calm.metrics
    best, last = stormy.best_checkpoint.name, f"checkpoint-{NUM_KILLS:05d}"
    assert {path.name for path in folder.glob("*checkpoint-*")} == {best, last}


def _go_on(command, folder, num_checkpoints):
    """Wait for all workers, and then for so many checkpoints."""
    command.wait_until(lambda: len(command.workers()) == NUM_WORKERS)
    for _ in range(num_checkpoints):
        seen = newest_checkpoint(folder)
        command.wait_until(lambda seen=seen: newest_checkpoint(folder) != seen)
