"""Several gloo processes on this machine, for tests of what workers do together."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

OnWorkers = Callable[[str, int], list[dict[str, object]]]


@pytest.fixture(scope="module")
def on_workers(tmp_path_factory: pytest.TempPathFactory) -> OnWorkers:
    """Run a test file as a script on W workers; give what each of them saved.

    The script gets its rank, W and a folder; it joins by ``file://FOLDER/sync`` and saves
    ``FOLDER/RANK.pt``.
    """

    def run(script: str, num_workers: int) -> list[dict[str, object]]:
        folder = tmp_path_factory.mktemp("workers")
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"}
        workers = [
            subprocess.Popen(
                [sys.executable, script, str(rank), str(num_workers), str(folder)],
                env=environment,
                stderr=subprocess.PIPE,
                text=True,
            )
            for rank in range(num_workers)
        ]
        try:
            errors = [worker.communicate(timeout=120)[1] for worker in workers]
        finally:
            for worker in workers:
                worker.kill()
        for worker, error in zip(workers, errors, strict=True):
            assert worker.returncode == 0, error
        return [_load(folder / f"{rank}.pt") for rank in range(num_workers)]

    return run


def _load(path: Path) -> dict[str, object]:
    saved: dict[str, object] = torch.load(path, weights_only=True)
    return saved
