"""Both encoders as ONNX files.

Letters: n photos or recipes, K terms of the longest, S steps of the longest, E word-vector
dimensions, D joint dimensions.
"""

import contextlib
import io
import logging
import warnings
from collections.abc import Collection, Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from seje_ray.calibration.image_categorizer import CategoryLayer
from seje_ray.config import RunConfig
from seje_ray.export.photo_side import PhotoParts
from seje_ray.export.recipe_side import ExportError
from seje_ray.features.encoder import EncoderParts
from seje_ray.models.recipe_encoder import Bags, RecipeEncoder, RecipeInputs

IMAGE, RECIPE = "image_encoder.onnx", "recipe_encoder.onnx"
OUTPUT = "embeddings"
HOW = "run `pip install 'seje-ray[export]'`"
OPSET = 20


class ImageOnnx(nn.Module):
    """From views of photos to unit rows.

    Args:
        parts: Networks that a photo goes through.
        head: From features and f_cat to unit rows.
        word_dim: E.
        mode: How f_cat is made of the categories: hard or soft.
    """

    def __init__(self, parts: PhotoParts, head: nn.Module, word_dim: int, mode: str) -> None:
        super().__init__()
        self.image, self.head = parts.image.backbone, head
        own = None if parts.category is None or parts.are_one else parts.category.backbone
        self.category, self._word_dim, self._mode = own, word_dim, mode
        self.layer: CategoryLayer | None = None
        if parts.category is not None:
            assert parts.layer is not None
            weight, bias = parts.layer
            self.layer = CategoryLayer(weight.shape[1], weight.shape[0])
            self.layer.load_state_dict({"weight": weight, "bias": bias})
            self.register_buffer("vectors", parts.category_vectors)
            self._shared = parts.image.views.index(parts.category.views[0]) if own is None else 0

    def forward(self, *views: Tensor) -> Tensor:
        """Unit rows (n, D) of float32 pixels in 0..255, (n, 3, height, width) of each view."""
        own = views if self.category is None else views[:-1]
        features = [self.image(view) for view in own]
        vectors = features[0].new_zeros(features[0].shape[0], self._word_dim)
        if self.layer is not None:
            seen = features[self._shared] if self.category is None else self.category(views[-1])
            scores: Tensor = self.layer(seen)
            known: Any = self.vectors
            is_hard = self._mode == "hard"
            vectors = known[scores.argmax(1)] if is_hard else scores.softmax(1) @ known
        found: Tensor = self.head(torch.cat(features, dim=1), vectors)
        return found


class RecipeOnnx(nn.Module):
    """From the features of recipes to unit rows, by position: f_sent, f_term, the bag.

    Args:
        encoder: The recipe side.
    """

    def __init__(self, encoder: RecipeEncoder) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, *inputs: Tensor) -> Tensor:
        """Unit rows (n, D) of the inputs that ``recipe_input_names`` names."""
        left = list(inputs)
        tower = () if self.encoder.tower is None else (left.pop(0), left.pop(0))
        key_terms = None if self.encoder.key_terms is None else left.pop(0)
        bags = None if self.encoder.lexical is None else Bags(*left)
        found: Tensor = self.encoder(RecipeInputs(tower, key_terms, bags))
        return found


def require_onnx(run: RunConfig, members: Collection[str] = ()) -> None:
    """Refuse what ONNX cannot hold.

    Args:
        run: Of the training.
        members: Names of the trainings, where it is an ensemble.

    Raises:
        ExportError: If the recipe side has a tower whose shapes depend on the texts, photos are
            seen in several scales, it is an ensemble, or a package is missing.
    """
    if members:
        raise ExportError(
            "--onnx: an ensemble has a network per member; leave --onnx out, or export one of "
            f"{', '.join(members)}"
        )
    if run.model.recipe_encoder in ("transformer", "text"):
        raise ExportError(
            f"--onnx: model.recipe_encoder {run.model.recipe_encoder} reads texts by a network "
            "whose shape depends on them, which is not written as ONNX; leave --onnx out"
        )
    scales = [*run.model.backbone.scales, *run.calibrate.image_categorizer.backbone.scales]
    if any(scale != 1 for scale in scales):
        raise ExportError(
            "--onnx: model.backbone.scales other than [1] need a way of scaling that ONNX does not "
            "have; leave --onnx out"
        )
    for name in ("onnx", "onnxscript", "onnxruntime"):
        if find_spec(name) is None:
            raise ExportError(f"--onnx: needs the package {name}; {HOW}")


def write_onnx(
    folder: Path,
    parts: EncoderParts,
    found: PhotoParts,
    photo: Mapping[str, np.ndarray],
    recipe: Mapping[str, np.ndarray],
) -> None:
    """Write both encoders for any number of photos and recipes.

    Args:
        folder: Where.
        parts: Of the training.
        found: Networks of its photos.
        photo: Inputs of a photo, by name.
        recipe: Inputs of a recipe, by name.

    Raises:
        ExportError: If a package is missing.
    """
    run, model = parts.run, parts.trained.single
    word_dim = parts.trained.origin.facts["word_dim"]
    mode = run.calibrate.image_categorizer.vector
    images = ImageOnnx(found, model.image_head, word_dim, mode)
    write_encoder(folder / IMAGE, images, photo, lengths={})
    lengths = {"sentence_vectors": "steps", "terms": "num_terms", "weights": "num_terms"}
    write_encoder(folder / RECIPE, RecipeOnnx(model.recipe_encoder), recipe, lengths)


def write_encoder(
    path: Path, module: nn.Module, example: Mapping[str, np.ndarray], lengths: Mapping[str, str]
) -> None:
    """Write one encoder.

    Args:
        path: Of the file.
        module: From tensors to unit rows.
        example: Inputs of one photo or recipe, by name.
        lengths: Inputs whose second dimension is free, too, and what it counts.
    """
    sizes = {name: torch.export.Dim(name) for name in {"n", *lengths.values()}}
    shapes = tuple(
        {0: sizes["n"], **({1: sizes[lengths[name]]} if name in lengths else {})}
        for name in example
    )
    two = tuple(torch.from_numpy(np.concatenate([value, value])) for value in example.values())
    with _quiet():
        torch.onnx.export(
            module.eval(),
            two,
            str(path),
            input_names=list(example),
            output_names=[OUTPUT],
            opset_version=OPSET,
            dynamo=True,
            dynamic_shapes=(shapes,),
            external_data=False,
            verbose=False,
        )


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Within: the exporter says nothing of its steps."""
    loggers = [logging.getLogger(name) for name in ("onnxscript", "onnx_ir", "torch.onnx")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def run_onnx(path: Path, inputs: Mapping[str, np.ndarray]) -> np.ndarray:
    """Embeddings (n, D) by the file, on the CPU."""
    from onnxruntime import InferenceSession  # an extra

    session = InferenceSession(str(path), providers=["CPUExecutionProvider"])
    [found] = session.run([OUTPUT], dict(inputs))
    embeddings: np.ndarray = found
    return embeddings
