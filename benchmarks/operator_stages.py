"""What the plain loops of ``benchmarks.operators`` run on photos: torch, and nothing of ours."""

import numpy as np
import pyarrow as pa
import torch

from seje_ray.calibration.image_categorizer import ImageCategorizer
from seje_ray.config import RunConfig
from seje_ray.features.model import backbone_of, pixels_of
from seje_ray.pipeline.stage import Item
from seje_ray.workspace import Workspace


class BarePhotos:
    """A bare torch loop: decode, normalise, forward; what comes out is dropped.

    Args:
        run: The run.
        workspace: Where the categorizer lies.
        batch_size: Photos in one forward pass.
        memory_format: Of pixels and weights.
    """

    def __init__(
        self,
        run: RunConfig,
        workspace: Workspace,
        batch_size: int,
        memory_format: torch.memory_format,
    ) -> None:
        config = run.calibrate.image_categorizer
        backbone = backbone_of(config.backbone, load_weights=False)
        folder = workspace.component("image_categorizer")
        self._model = ImageCategorizer.load(folder, backbone).to(memory_format=memory_format)
        self._pixels = pixels_of(config.backbone)[0]
        self._batch_size, self._memory_format = batch_size, memory_format

    @torch.inference_mode()
    def __call__(self, item: Item, table: pa.Table) -> None:
        """Classify the photos of one shard."""
        jpegs = [image["jpeg"] for images in table["images"].to_pylist() for image in images]
        for start in range(0, len(jpegs), self._batch_size):
            crops = [
                self._pixels.crop_of(jpeg, None) for jpeg in jpegs[start : start + self._batch_size]
            ]
            batch = torch.from_numpy(self._pixels.stack(crops))
            scores = self._model(batch.contiguous(memory_format=self._memory_format))
            np.asarray(torch.softmax(scores, dim=1))
