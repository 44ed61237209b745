"""Pooled features of photos, where calibration has stored none. Letters: n photos, F features."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from seje_ray.calibration.image_categorizer import ImageCategorizer
from seje_ray.config import CATEGORIZER, RunConfig
from seje_ray.features.model import backbone_of, pixels_of
from seje_ray.models.image_backbone import ImageBackbone
from seje_ray.recipe1m.pixels import PixelSpec
from seje_ray.workspace import component_folder


@dataclass(frozen=True, slots=True)
class PooledPhotos:
    """A network that nobody trains, and the views of a photo that it sees."""

    name: str
    network: ImageBackbone
    views: tuple[PixelSpec, ...]
    device: torch.device

    @classmethod
    def of(cls, run: RunConfig, calibrator: Path, device: torch.device) -> "PooledPhotos":
        """The run's backbone with its published weights; without them the image categorizer's.

        Args:
            run: The run.
            calibrator: Folder of the fitted parts.
            device: Where the network computes.
        """
        config = run.model.backbone
        if config.weights is not None and config.weights != CATEGORIZER:
            network = backbone_of(config)
            return cls(config.name, network.to(device).eval(), pixels_of(config), device)
        config = run.calibrate.image_categorizer.backbone
        network = backbone_of(config, load_weights=False)
        fitted = ImageCategorizer.load(component_folder(calibrator, "image_categorizer"), network)
        fitted.to(device).eval()
        return cls(f"{config.name} of the image categorizer", network, pixels_of(config), device)

    @torch.inference_mode()
    def features(self, jpegs: Sequence[bytes]) -> np.ndarray:
        """Features (n, F) of at least one photo, at once; those of its views one after another."""
        return np.concatenate([self._of_view(view, jpegs) for view in self.views], axis=1)

    def _of_view(self, view: PixelSpec, jpegs: Sequence[bytes]) -> np.ndarray:
        pixels = view.stack([view.crop_of(jpeg, None) for jpeg in jpegs])
        found = self.network(torch.from_numpy(pixels).to(self.device))
        features: np.ndarray = found.float().cpu().numpy()
        return features
