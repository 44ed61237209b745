"""What the plain loops of ``benchmarks.operators`` run: the same functions without Ray."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import torch

from seje_ray.calibration.image_categorizer import ImageCategorizer
from seje_ray.calibration.sentence_encoder.skip_instructions import SkipInstructions
from seje_ray.calibration.sentence_encoder.transformer import TransformerEncoder
from seje_ray.config import run_from_json
from seje_ray.features.model import backbone_of, pixels_of
from seje_ray.on_ray.transform import ragged_array


class PlainSentences:
    """As ``AddSentenceVectors``, which asks Ray for its share of the cores."""

    def __init__(self, calibrator: str, run: str) -> None:
        config = run_from_json(run, "the benchmark's run").calibrate
        self._max_sentences = config.sentence_encoder.max_sentences
        folder = Path(calibrator) / "sentence_encoder"
        is_text_model = config.sentence_encoder.backend == "transformer"
        self._encoder = (TransformerEncoder if is_text_model else SkipInstructions).load(folder)

    def __call__(self, table: pa.Table) -> pa.Table:
        """Append the column to one shard."""
        recipes = [steps[: self._max_sentences] for steps in table["instructions"].to_pylist()]
        vectors = self._encoder.encode([step for steps in recipes for step in steps])
        column = ragged_array(vectors, [len(steps) for steps in recipes])
        return table.append_column("sentence_vectors", column)


class BarePhotos:
    """A bare torch loop: decode, normalise, forward; what comes out is dropped.

    Args:
        calibrator: Folder of the categorizer.
        run: As JSON.
        batch_size: Photos in one forward pass.
        memory_format: Of pixels and weights.
    """

    def __init__(
        self, calibrator: str, run: str, batch_size: int, memory_format: torch.memory_format
    ) -> None:
        config = run_from_json(run, "the benchmark's run").calibrate.image_categorizer
        backbone = backbone_of(config.backbone, load_weights=False)
        folder = Path(calibrator) / "image_categorizer"
        self._model = ImageCategorizer.load(folder, backbone).to(memory_format=memory_format)
        self._pixels = pixels_of(config.backbone)
        self._batch_size, self._memory_format = batch_size, memory_format

    @torch.inference_mode()
    def __call__(self, table: pa.Table) -> None:
        """Classify the photos of one shard."""
        jpegs = [image["jpeg"] for images in table["images"].to_pylist() for image in images]
        for start in range(0, len(jpegs), self._batch_size):
            crops = [
                self._pixels.crop_of(jpeg, None) for jpeg in jpegs[start : start + self._batch_size]
            ]
            batch = torch.from_numpy(self._pixels.stack(crops))
            scores = self._model(batch.contiguous(memory_format=self._memory_format))
            np.asarray(torch.softmax(scores, dim=1))
