"""Features of photos that calibration stores: category, f_cat, and frozen backbone features.

Letters: E word-vector dimensions, F pooled features.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from seje_ray.calibration.image_categorizer import (
    ImageCategorizer,
    category_word_vectors,
    image_category_vectors,
)
from seje_ray.calibration.word_vectors import WordVectors
from seje_ray.config import CATEGORIZER, BackboneConfig, RunConfig
from seje_ray.errors import ArtifactError
from seje_ray.features.model import (
    backbone_of,
    photos_of,
    pixels_of,
    stored_backbone,
    weights_source,
)
from seje_ray.models.backbone_weights import weights_hash
from seje_ray.models.image_backbone import ImageBackbone
from seje_ray.models.libraries import Published
from seje_ray.recipe1m.pixels import PixelSpec
from seje_ray.workspace import component_folder

BATCH_SIZE = 64  # photos in one forward pass
CPU_BATCH_SIZE = 8  # there few photos are quicker: what layers hand on stays in the caches


@dataclass(frozen=True, slots=True)
class PhotoFeatures:
    """Stored features of n photos."""

    probabilities: np.ndarray  # (n, K) float32, of the categorizer's classes
    category_ids: np.ndarray  # (n,) int32, the categorizer's likeliest class
    category_vectors: np.ndarray  # (n, E) float32, f_cat
    pooled: np.ndarray | None  # (n, F) float32, where calibration stores features; of all views


class SeenPhotos(NamedTuple):
    """Views of photos by the networks of a calibration."""

    categorizer: Published
    stored: Published | None  # the one whose features are stored, where one is
    weights_hash: str | None = None  # of the latter, where it was read or downloaded


@dataclass(frozen=True, slots=True)
class PhotoNetworks:
    """The networks of a fitted calibrator, on the CPU, and what they see of a photo."""

    categorizer: ImageCategorizer
    pixels: PixelSpec  # of the categorizer
    stored: ImageBackbone | None  # the one whose features calibration stores
    views: tuple[PixelSpec, ...]  # of the latter
    are_one: bool  # what the categorizer's backbone gives, the other gives of one of its views

    @classmethod
    def load(cls, run: RunConfig, calibrator: Path, seen: SeenPhotos) -> "PhotoNetworks":
        """Read the categorizer, and the network whose features ``run`` stores.

        Args:
            run: The run of the calibration.
            calibrator: Folder of the fitted parts.
            seen: How calibration saw photos.

        Raises:
            ArtifactError: If the weights of a network are not those of the stored features.
        """
        config, stored = run.calibrate.image_categorizer, stored_backbone(run)
        backbone = backbone_of(config.backbone, load_weights=False, photos=seen.categorizer)
        folder = component_folder(calibrator, "image_categorizer")
        categorizer = ImageCategorizer.load(folder, backbone)
        pixels = pixels_of(config.backbone, seen.categorizer)[0]
        if stored is None:
            return cls(categorizer, pixels, None, (), are_one=False)
        is_own = stored.weights == CATEGORIZER
        network = backbone if is_own else _seeded(stored, run.seed, seen)
        views = pixels_of(stored, seen.stored)
        are_one = (
            pixels in views
            and config.backbone.name == stored.name
            and config.backbone.flip == stored.flip
            and config.backbone.scales == stored.scales
            and seen.categorizer == seen.stored
            and _have_equal_weights(backbone, network)
        )
        return cls(categorizer, pixels, network, views, are_one)


class PhotoExtractor:
    """Computes ``PhotoFeatures`` with the networks of a fitted calibrator."""

    def __init__(
        self,
        run: RunConfig,
        calibrator: Path,
        device: torch.device,
        num_threads: int = 2,
        seen: SeenPhotos | None = None,
    ) -> None:
        """Load the categorizer, and the network whose features ``run`` stores.

        Args:
            run: The run of the calibration.
            calibrator: Folder of the fitted parts.
            device: Where the networks compute.
            num_threads: That decode.
            seen: How calibration saw photos; None for what the networks' libraries publish.
        """
        networks = PhotoNetworks.load(run, calibrator, seen or seen_photos(run))
        self._categorizer = networks.categorizer.to(device)
        self.class_names = networks.categorizer.names
        self._pixels, self._views = networks.pixels, networks.views
        words = WordVectors.load(component_folder(calibrator, "word_vectors"))
        self._vectors = category_word_vectors(self.class_names, words)
        self._mode = run.calibrate.image_categorizer.vector
        self._device, self._num_threads = device, num_threads
        self._batch_size = CPU_BATCH_SIZE if device.type == "cpu" else BATCH_SIZE
        self._stored = None if networks.stored is None else networks.stored.to(device)
        self._are_one = networks.are_one
        if self._are_one:
            self._categorizer.backbone = nn.Identity()  # it is given the stored one's features

    @torch.inference_mode()
    def extract(self, jpegs: Sequence[bytes]) -> PhotoFeatures:
        """Features of at least one photo, in order."""
        found: list[Tensor] = []
        pooled: list[Tensor] = []
        for view in self._views:
            assert self._stored is not None
            features: list[Tensor] = []
            for pixels in self._decoded(jpegs, view):
                features.append(self._stored(pixels))
                if view == self._pixels:
                    seen = features[-1] if self._are_one else pixels
                    found.append(self._categorizer.predict(seen).cpu())
            pooled.append(torch.cat(features))
        if not found:
            batches = self._decoded(jpegs, self._pixels)
            found = [self._categorizer.predict(pixels).cpu() for pixels in batches]
        probabilities = torch.cat(found).numpy()
        return PhotoFeatures(
            probabilities,
            probabilities.argmax(axis=1).astype(np.int32),
            image_category_vectors(probabilities, self._vectors, self._mode).astype(np.float32),
            torch.cat(pooled, dim=1).float().cpu().numpy() if pooled else None,
        )

    def _decoded(self, jpegs: Sequence[bytes], pixels: PixelSpec) -> Iterator[Tensor]:
        """Batches of one view; each thread decodes one batch ahead of the network."""

        def batch(start: int) -> Tensor:
            crops = [pixels.crop_of(jpeg, None) for jpeg in jpegs[start : start + self._batch_size]]
            return torch.from_numpy(pixels.stack(crops))

        waiting: deque[Future[Tensor]] = deque()
        with ThreadPoolExecutor(self._num_threads) as decoders:
            for start in range(0, len(jpegs), self._batch_size):
                waiting.append(decoders.submit(batch, start))
                if len(waiting) > self._num_threads:
                    yield waiting.popleft().result().to(self._device)
            while waiting:
                yield waiting.popleft().result().to(self._device)


def seen_photos(run: RunConfig) -> SeenPhotos:
    """Views of photos by the networks of ``run``, as their libraries publish them today."""
    stored = stored_backbone(run)
    return SeenPhotos(
        photos_of(run.calibrate.image_categorizer.backbone),
        None if stored is None else photos_of(weights_source(run, stored)),
    )


def _seeded(config: BackboneConfig, seed: int, seen: SeenPhotos) -> ImageBackbone:
    """A frozen backbone; without weights it is random, once for all.

    Raises:
        ArtifactError: If its weights are not those of the stored features.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        backbone = backbone_of(config, photos=seen.stored).eval()
    if seen.weights_hash is not None and weights_hash(backbone.network) != seen.weights_hash:
        raise ArtifactError(
            f"{config.name}: the weights of backbone.weights {config.weights} are not those whose "
            "features are stored; put them back, or run `seje-ray calibrate` again"
        )
    return backbone


def _have_equal_weights(backbone: nn.Module, other: nn.Module) -> bool:
    """Whether two networks of one architecture are the same."""
    weights = other.state_dict()
    return all(torch.equal(value, weights[name]) for name, value in backbone.state_dict().items())
