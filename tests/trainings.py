"""What tests read of finished trainings, to compare them."""

import json

from safetensors.torch import load_file

from seje_ray.pipeline.runs import TrainedRun


def history_of(trained: TrainedRun) -> list[dict[str, float]]:
    """Metrics by epoch."""
    lines = (trained.folder / "history.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def assert_equal_weights(one: TrainedRun, other: TrainedRun) -> None:
    """The last weights of both are the same, bit by bit."""
    first, second = _last_weights(one), _last_weights(other)
    assert first.keys() == second.keys()
    for name, value in first.items():
        assert value.equal(second[name]), name


def _last_weights(trained):
    return load_file(max(trained.folder.glob("checkpoint-*")) / "model.safetensors")
