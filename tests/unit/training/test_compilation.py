"""torch.compile: the same numbers, or one line that says why not."""

import os
import subprocess
import sys

import pytest
import torch

from seje_ray.training.loaders import Loaders
from seje_ray.training.loop import Trainer
from seje_ray.training.pairs import PairLoader
from seje_ray.training.worker import LocalWorker
from tests.unit.training.tiny_data import origin, tiny_run, write_shards

pytestmark = pytest.mark.slow


@pytest.mark.filterwarnings("ignore:The .grad attribute:UserWarning")  # torch hides its own anew
def test_a_compiled_model_trains_as_one_that_is_not(tmp_path):
    """One step: losses and gradients before it; Adam moves every weight by at most the rate."""
    found = {}
    for is_compiled in (False, True):
        folder = tmp_path / str(is_compiled)
        folder.mkdir()
        loaders = Loaders(
            *(
                PairLoader(
                    write_shards(folder, partition, [8]),
                    None,
                    global_batch_size=8,
                    rank=0,
                    world_size=1,
                    seed=0,
                )
                for partition in ("train", "val")
            )
        )
        worker = LocalWorker(folder)
        run = tiny_run(num_epochs=1, learning_rate=1e-3, compile=is_compiled)
        trainer = Trainer(run, origin(), loaders, worker)
        trainer.fit()
        found[is_compiled] = worker.reports, trainer.state.model.state_dict()

    ((plain,), weights), ((compiled,), compiled_weights) = found[False], found[True]
    numbers = {key: value for key, value in plain.items() if key.startswith("train/")}
    assert {key: compiled[key] for key in numbers} == pytest.approx(numbers, rel=1e-4)
    assert numbers["train/gradient_norm/all"] > 0
    assert weights.keys() == compiled_weights.keys()  # a checkpoint does not tell
    for name, value in weights.items():
        torch.testing.assert_close(compiled_weights[name], value, rtol=1e-3, atol=2.1e-3)


def test_a_machine_without_a_compiler_is_told_so(tmp_path):
    """One line with the cure, before anything is trained."""
    program = (
        "import torch\n"
        "from seje_ray.training.compilation import CompilationError, compile_parts\n"
        "try:\n"
        "    compile_parts(torch.nn.Sequential(torch.nn.Linear(2, 2)), torch.device('cpu'))\n"
        "except CompilationError as error:\n"
        "    print(error)\n"
    )
    environment = {
        **os.environ,
        "CXX": str(tmp_path / "no-compiler"),
        "TORCHINDUCTOR_CACHE_DIR": str(tmp_path / "cache"),
    }
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True
    )

    assert done.returncode == 0, done.stderr
    (line,) = done.stdout.splitlines()
    assert line.startswith("train.compile: torch.compile fails on this machine (")
    assert line.endswith("or set train.compile to false")
