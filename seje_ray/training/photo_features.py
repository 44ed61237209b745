"""Features of photos that calibration stores: category, f_cat, and frozen backbone features.

Letters: E word-vector dimensions, F pooled features.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from seje_ray.calibration.image_categorizer import (
    ImageCategorizer,
    category_word_vectors,
    image_category_vectors,
)
from seje_ray.calibration.word_vectors import WordVectors
from seje_ray.config import CATEGORIZER, RunConfig
from seje_ray.recipe1m.pixels import PixelSpec
from seje_ray.training.build import backbone_of, pixels_of, stored_backbone

BATCH_SIZE = 64  # photos in one forward pass


@dataclass(frozen=True, slots=True)
class PhotoFeatures:
    """What is stored of n photos."""

    probabilities: np.ndarray  # (n, K) float32, of the categorizer's classes
    category_ids: np.ndarray  # (n,) int32, the categorizer's likeliest class
    category_vectors: np.ndarray  # (n, E) float32, f_cat
    pooled: np.ndarray | None  # (n, F) float32, where calibration stores features


class PhotoExtractor:
    """Computes ``PhotoFeatures`` with the networks of a fitted calibrator."""

    def __init__(
        self, run: RunConfig, calibrator: Path, device: torch.device, num_threads: int = 2
    ) -> None:
        """Load the categorizer, and the frozen image backbone where ``run`` has one."""
        config = run.calibrate.image_categorizer
        backbone = backbone_of(config.backbone, load_weights=False)
        categorizer = ImageCategorizer.load(calibrator / "image_categorizer", backbone)
        self._categorizer = categorizer.to(device)
        self.class_names = categorizer.names
        self._pixels = pixels_of(config.backbone, backbone)
        words = WordVectors.load(calibrator / "word_vectors")
        self._vectors = category_word_vectors(categorizer.names, words)
        self._mode = config.vector
        self._device, self._num_threads = device, num_threads
        self._frozen, self._frozen_pixels = None, self._pixels
        stored = stored_backbone(run)
        self._keeps_own = stored is not None and stored.weights == CATEGORIZER
        self._own: list[Tensor] = []  # what the categorizer's backbone gave in this call
        if self._keeps_own:
            categorizer.backbone.register_forward_hook(lambda *given: self._own.append(given[-1]))
        elif stored is not None:
            with torch.random.fork_rng(devices=[]):  # without weights it is random: once for all
                torch.manual_seed(run.seed)
                self._frozen = backbone_of(stored).to(device).eval()
            self._frozen_pixels = pixels_of(stored, self._frozen)

    @torch.inference_mode()
    def extract(self, jpegs: Sequence[bytes]) -> PhotoFeatures:
        """Features of at least one photo, in order."""
        self._own.clear()
        probabilities = np.concatenate(
            [self._probabilities(x) for x in self._decoded(jpegs, self._pixels)]
        )
        pooled = None
        if self._keeps_own:
            pooled = torch.cat(self._own).float().cpu().numpy()
        if self._frozen is not None:
            batches = [self._frozen(x) for x in self._decoded(jpegs, self._frozen_pixels)]
            pooled = torch.cat(batches).float().cpu().numpy()
        return PhotoFeatures(
            probabilities,
            probabilities.argmax(axis=1).astype(np.int32),
            image_category_vectors(probabilities, self._vectors, self._mode).astype(np.float32),
            pooled,
        )

    def _probabilities(self, pixels: Tensor) -> np.ndarray:
        probabilities: np.ndarray = self._categorizer.predict(pixels).cpu().numpy()
        if self._keeps_own and not self._categorizer.is_fitted:
            self._categorizer.backbone(pixels)  # predict had no use for it
        return probabilities

    def _decoded(self, jpegs: Sequence[bytes], pixels: PixelSpec) -> Iterator[Tensor]:
        """Batches of centre crops; each thread decodes one batch ahead of the network."""

        def batch(start: int) -> Tensor:
            crops = [pixels.crop_of(jpeg, None) for jpeg in jpegs[start : start + BATCH_SIZE]]
            return torch.from_numpy(pixels.normalise(crops))

        waiting: deque[Future[Tensor]] = deque()
        with ThreadPoolExecutor(self._num_threads) as decoders:
            for start in range(0, len(jpegs), BATCH_SIZE):
                waiting.append(decoders.submit(batch, start))
                if len(waiting) > self._num_threads:
                    yield waiting.popleft().result().to(self._device)
            while waiting:
                yield waiting.popleft().result().to(self._device)
