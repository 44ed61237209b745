"""Photos of a batch, decoded on the device of a training worker: a GPU's by nvJPEG."""

from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Any

import numpy as np
import torch
from torch import Tensor

from seje_ray.config.train import Augmentation
from seje_ray.errors import ResourceError, first_line
from seje_ray.recipe1m.pixels import PixelSpec
from seje_ray.training.decoding import Photo, parts_of

INSTALL = "pip install 'seje-ray[gpu]'"


def jpeg_decoder() -> Any:
    """TorchCodec's function, which takes JPEGs and a device.

    Raises:
        ResourceError: If it is not installed, or not for this torch.
    """
    try:
        from torchcodec.decoders import decode_jpeg  # an extra
    except (ImportError, OSError, RuntimeError) as error:
        raise ResourceError(
            f"train.decode device: expected torchcodec, found {first_line(error)}; {INSTALL}, or "
            "train with --set train.decode=worker"
        ) from error
    return decode_jpeg


class DeviceDecoders:
    """What decodes the photos of a loader where its batches are needed.

    A photo shows what ``PixelSpec.crop_of`` shows of it, but that a window that is scaled begins
    and ends at whole pixels of the photo, and that other libraries round.
    """

    def __init__(
        self, spec: PixelSpec, augmentation: Augmentation, device: torch.device, num_threads: int
    ) -> None:
        """Look for what decodes.

        Args:
            spec: What of a photo is seen.
            augmentation: Random changes of a crop that is drawn.
            device: Where photos are decoded.
            num_threads: That decode on a CPU; a GPU is given whole batches by one.

        Raises:
            ResourceError: If torchcodec is not installed.
        """
        self._decode = jpeg_decoder()
        self._spec, self._augmentation, self._device = spec, augmentation, device
        self._num_threads = num_threads if device.type == "cpu" else None
        self._stream = None
        if device.type != "cpu":
            self._stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]

    def pool(self) -> Executor:
        """What ``begin`` gives its work to."""
        return ThreadPoolExecutor(self._num_threads or 1)

    def begin(self, photos: Sequence[Photo], pool: Executor) -> Callable[[], Tensor]:
        """Let photos be decoded; what is returned waits for them and gives the crops in order.

        They are (number of photos, 3, height, width), uint8, the channels last in memory, on the
        device.
        """
        parts = [slice(None)]
        if photos and self._num_threads is not None:
            parts = parts_of(len(photos), self._num_threads)
        tasks = [pool.submit(self._decoded, photos[part]) for part in parts]
        return lambda: torch.cat([task.result() for task in tasks])

    def _decoded(self, photos: Sequence[Photo]) -> Tensor:
        if self._stream is None:
            return self._crops(photos)
        with torch.cuda.stream(self._stream):  # beside the training's own
            crops = self._crops(photos)
        self._stream.synchronize()  # this thread alone waits
        crops.record_stream(torch.cuda.current_stream(self._device))  # its memory stays till then
        return crops

    def _crops(self, photos: Sequence[Photo]) -> Tensor:
        width, height = self._spec.size
        crops = torch.empty(
            (len(photos), 3, height, width),
            dtype=torch.uint8,
            device=self._device,
            memory_format=torch.channels_last,
        )
        if photos:  # no call of nvJPEG's without one
            images = self._decode([jpeg for jpeg, _ in photos], device=self._device)
            for crop, image, (_, generator) in zip(crops, images, photos, strict=True):
                crop.copy_(self._crop(image, generator))
        return crops

    def _crop(self, image: Tensor, generator: np.random.Generator | None) -> Tensor:
        """What the network sees of a photo (3, height, width)."""
        from torchvision.transforms.v2 import functional as F  # slow to import

        from seje_ray.features.augmentation import augmented

        window = self._spec.window(generator)
        height, width = image.shape[-2:]
        left, top, right, bottom = (round(edge) for edge in window.box(width, height))
        crop: Tensor = F.resized_crop(
            image,
            top,
            left,
            max(1, bottom - top),
            max(1, right - left),
            list(window.size[::-1]),
            F.InterpolationMode(self._spec.interpolation),
            antialias=True,
        )
        if window.is_flipped:
            crop = crop.flip(-1)
        return crop if generator is None else augmented(crop, self._augmentation, generator)
