"""Two workers of Ray Train that share a GPU train as one that has it; or the CPU, where none is."""

import pytest
import torch

pytest.importorskip("transformers", reason="needs the extra text")

from benchmarks.gpu_workers import two_beside_one
from tests.devices import CUDA

HAS_CUDA = torch.cuda.is_available()


@pytest.mark.ray
@pytest.mark.slow
@pytest.mark.parametrize(
    "device",
    [
        pytest.param("cpu", marks=pytest.mark.skipif(HAS_CUDA, reason="is done on the GPU")),
        CUDA,
    ],
)
def test_two_workers_on_one_gpu_train_as_one_does(shared_ray, tmp_path, device):
    """Half a GPU each, over gloo, since NCCL refuses two on one; the one alone takes NCCL."""
    one, two, apart = two_beside_one(tmp_path)

    assert (one["device"], two["device"]) == (device, device)
    assert (one["gpu_each"], two["gpu_each"]) == ((1.0, 0.5) if device == "cuda" else (0.0, 0.0))
    assert two["backend"] == "gloo"
    assert max(apart["numbers"], apart["gradients"]) < 1e-3
