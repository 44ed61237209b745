"""What one photo costs one CPU core, or the GPU of this machine: for ``cluster/README.md``.

Photos are read, checked and resized as ``ingest`` does it; networks are run as calibration and
training run them, with random weights, on the GPU where there is one.
On a core it is CPU time that counts, which others on the machine change little.
``python -m benchmarks.sizing FOLDER_OF_PHOTOS``.
"""

import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import nn

from seje_ray.models.image_backbone import create_backbone
from seje_ray.recipe1m.images import load_image
from seje_ray.recipe1m.records import ImageFile

NUM_PHOTOS = 400
ROUNDS = 3
DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
BATCH_SIZE = 8 if DEVICE.type == "cpu" else 64
CLOCK = time.process_time if DEVICE.type == "cpu" else time.perf_counter
CROP = 224  # pixels


def main(folder: Path) -> None:
    """Print a line per cost."""
    torch.set_num_threads(1)
    paths = sorted(path for path in folder.rglob("*") if path.is_file())[:NUM_PHOTOS]
    files = [ImageFile(path.stem, str(path)) for path in paths]
    start = time.process_time()
    stored = [load_image(file, shorter_side=256) for file in files]
    seconds = time.process_time() - start
    sizes = [len(one) for one in stored if isinstance(one, bytes)]
    bytes_read = statistics.mean(path.stat().st_size for path in paths)
    print(
        f"photo read, checked, resized: {1e3 * seconds / len(files):.1f} ms; "
        f"{bytes_read / 1e3:.1f} KB -> {statistics.mean(sizes) / 1e3:.1f} KB ({len(files)} photos)"
    )
    for name in ("torchvision/resnet50", "torchvision/wide_resnet50_2"):
        backbone = create_backbone(name, weights=None, image_size=CROP)
        network = backbone.to(DEVICE)
        print(
            f"{name}, features: {1e3 * _per_photo(network, _features):.0f} ms a photo", flush=True
        )
        print(f"{name}, a step: {1e3 * _per_photo(network, _step):.0f} ms a photo", flush=True)


def _per_photo(network: nn.Module, run: Callable[[nn.Module, torch.Tensor], None]) -> float:
    """Seconds, the best of some rounds after one to warm up."""
    photos = torch.randint(256, (BATCH_SIZE, 3, CROP, CROP), dtype=torch.uint8, device=DEVICE)
    photos = photos.to(memory_format=torch.channels_last)
    return min(_times(network, run, photos)[1:]) / BATCH_SIZE


def _times(
    network: nn.Module, run: Callable[[nn.Module, torch.Tensor], None], photos: torch.Tensor
) -> Sequence[float]:
    times = []
    for _ in range(ROUNDS + 1):
        start = CLOCK()
        run(network, photos)
        if DEVICE.type == "cuda":
            torch.cuda.synchronize()
        times.append(CLOCK() - start)
    return times


def _features(network: nn.Module, photos: torch.Tensor) -> None:
    network.eval()
    with torch.inference_mode():
        network(photos)


def _step(network: nn.Module, photos: torch.Tensor) -> None:
    """Forward and backward; the optimiser and the heads are small beside it."""
    network.train()
    network.zero_grad()
    network(photos).sum().backward()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
