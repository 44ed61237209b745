"""Photos of a batch, decoded beside the caller: by threads, or in processes of any machine."""

from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from seje_ray.config.train import Augmentation
from seje_ray.recipe1m.pixels import PixelSpec, channels_first

TASKS_PER_THREAD = 4  # of a batch's photos: a task costs some, and the last ones end apart
PHOTOS_PER_TASK = 16  # elsewhere, where a task costs its caller as much as decoding one or two
Photo = tuple[bytes, np.random.Generator | None]  # a JPEG, and what draws its crop; None: no draw


def decode_into(
    room: np.ndarray, spec: PixelSpec, augmentation: Augmentation, photos: Sequence[Photo]
) -> None:
    """Put the crops of photos, augmented where they are drawn, into ``room``.

    Args:
        room: Shape (number of photos, height, width, 3), uint8.
        spec: What of a photo is seen.
        augmentation: Random changes of a crop that is drawn.
        photos: To decode.
    """
    for row, (jpeg, generator) in enumerate(photos):
        crop = spec.crop_of(jpeg, generator)
        if generator is None or augmentation == "crop_flip":
            room[row] = crop
            continue
        from seje_ray.features.augmentation import augmented  # torchvision: only where needed

        pixels = torch.from_numpy(np.array(crop))  # a copy: Pillow locks its own
        room[row] = augmented(pixels.permute(2, 0, 1), augmentation, generator).permute(1, 2, 0)


def decoded(spec: PixelSpec, augmentation: Augmentation, *photos: Photo) -> np.ndarray:
    """The crops that ``decode_into`` puts into a room, (number of photos, height, width, 3)."""
    room = spec.room(len(photos))
    decode_into(room, spec, augmentation, photos)
    return room


@dataclass(frozen=True, slots=True)
class Decoders:
    """What decodes the photos of a loader."""

    spec: PixelSpec
    augmentation: Augmentation
    num_threads: int
    elsewhere: Callable[[], Executor] | None = None  # in other processes; None: by threads

    def pool(self) -> Executor:
        """What ``begin`` gives its work to."""
        return ThreadPoolExecutor(self.num_threads) if self.elsewhere is None else self.elsewhere()

    def begin(self, photos: Sequence[Photo], pool: Executor) -> Callable[[], Tensor]:
        """Let photos be decoded; what is returned waits for them and gives the crops in order.

        They are (number of photos, 3, height, width), uint8, the channels last in memory. Threads
        write into the batch. From elsewhere come crops that are copied there.
        """
        told, room = (self.spec, self.augmentation), self.spec.room(len(photos))
        size = PHOTOS_PER_TASK
        if self.elsewhere is None:
            size = photos_per_task(len(photos), self.num_threads)
        parts = parts_of(len(photos), size)
        tasks: list[Future[Any]]
        if self.elsewhere is None:
            tasks = [pool.submit(decode_into, room[part], *told, photos[part]) for part in parts]
        else:
            tasks = [pool.submit(decoded, *told, *photos[part]) for part in parts]

        def finished() -> Tensor:
            for part, task in zip(parts, tasks, strict=True):
                crops = task.result()
                if crops is not None:
                    room[part] = crops
            return torch.from_numpy(channels_first(room))

        return finished


def photos_per_task(count: int, num_threads: int) -> int:
    """Photos of a batch that a task of so many threads takes."""
    return max(1, count // (TASKS_PER_THREAD * num_threads))


def parts_of(count: int, size: int) -> list[slice]:
    """Parts of a batch, of ``size`` photos each; the last may be smaller."""
    return [slice(start, start + size) for start in range(0, count, size)]
