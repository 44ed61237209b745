"""What W workers give together, against what one gives alone."""

import torch


def assert_workers_equal_one(found, expected):
    """Parts of a loss average to its value; gradients and weights are the same on each.

    ``found`` holds one mapping from name to tensor per worker; names of weights begin with
    ``state``, and those of gradients hold ``gradient``.
    """
    assert found[0].keys() == expected.keys()
    for name, value in expected.items():
        parts = [worker[name] for worker in found]
        if not name.startswith("state") and "gradient" not in name:
            parts = [sum(parts) / len(parts)]
        for part in parts:
            torch.testing.assert_close(
                part, value, rtol=1e-4, atol=1e-5, msg=lambda text, name=name: f"{name}: {text}"
            )
