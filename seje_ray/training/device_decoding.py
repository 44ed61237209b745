"""Photos of a batch, decoded on the device of a training worker: a GPU's by nvJPEG."""

import io
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from seje_ray.config.train import Augmentation
from seje_ray.errors import ResourceError, first_line
from seje_ray.recipe1m.pixels import PixelSpec
from seje_ray.training.decoding import Decoders, Photo, parts_of, photos_per_task

INSTALL = "pip install 'seje-ray[gpu]'"


def decoders_of(
    spec: PixelSpec,
    augmentation: Augmentation,
    num_threads: int,
    elsewhere: Callable[[], Executor] | None,
    device: torch.device | None,
) -> "Decoders | DeviceDecoders":
    """What decodes by threads, or in one of two other places; see both classes."""
    assert elsewhere is None or device is None
    if device is None:
        return Decoders(spec, augmentation, num_threads, elsewhere)
    return DeviceDecoders(spec, augmentation, device, num_threads)


def jpeg_decoder() -> Any:
    """TorchCodec's function, which takes JPEGs and a device.

    Raises:
        ResourceError: If it is not installed, or not for this torch.
    """
    try:
        from torchcodec.decoders import decode_jpeg  # an extra
    except (ImportError, OSError, RuntimeError) as error:
        raise _useless(error) from error
    return decode_jpeg


def _useless(error: Exception) -> ResourceError:
    return ResourceError(
        f"train.decode device: expected TorchCodec for this torch and device, found "
        f"{first_line(error)}; {INSTALL}, or train with --set train.decode=worker"
    )


def _smallest() -> bytes:
    """A JPEG by which a device is tried."""
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, "JPEG")
    return buffer.getvalue()


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
            ResourceError: If TorchCodec is not installed, or cannot decode there.
        """
        self._decode = jpeg_decoder()
        self._spec, self._augmentation, self._device = spec, augmentation, device
        self._num_threads, self._stream = num_threads, None
        if device.type != "cpu":
            self._num_threads = 1
            self._stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        try:
            self._decoded([(_smallest(), None)])
        except RuntimeError as error:  # of another CUDA, or of none
            raise _useless(error) from error

    def pool(self) -> Executor:
        """What ``begin`` gives its work to."""
        return ThreadPoolExecutor(self._num_threads)

    def begin(self, photos: Sequence[Photo], pool: Executor) -> Callable[[], Tensor]:
        """Let photos be decoded; what is returned waits for them and gives the crops in order.

        They are (number of photos, 3, height, width), uint8, the channels last in memory, on the
        device.
        """
        size = len(photos)
        if self._stream is None:
            size = photos_per_task(size, self._num_threads)
        first, *others = parts_of(len(photos), size) if photos else [slice(0)]
        tasks = [pool.submit(self._decoded, photos[part]) for part in (first, *others)]

        def finished() -> Tensor:
            crops = [task.result() for task in tasks]
            return torch.cat(crops) if others else crops[0]

        return finished

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
            # copies: given bytes, TorchCodec changes the warnings of the process, not its thread's
            jpegs = [torch.frombuffer(bytearray(jpeg), dtype=torch.uint8) for jpeg, _ in photos]
            images = self._decode(jpegs, device=self._device)
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
