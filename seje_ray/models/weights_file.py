"""Files of published weights: read without running code, and brought to a network's own names."""

import pickle
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from seje_ray import limits
from seje_ray.conversion import checkpoint_to_safetensors
from seje_ray.errors import first_line
from seje_ray.models.libraries import BackboneError

PICKLED = (".pth", ".pt", ".bin", ".ckpt", ".tar")  # as torch.save writes them
SUFFIXES = (".safetensors", *PICKLED)
HOLDERS = ("state_dict", "model_state_dict", "model", "teacher", "student", "net", "module")
"""Keys under which a checkpoint of a training holds the weights, the likeliest first."""
LOADING = (
    pickle.UnpicklingError,
    RuntimeError,
    EOFError,
    ValueError,
    LookupError,
    AttributeError,
    TypeError,
    OSError,
    MemoryError,
    zipfile.BadZipFile,
)


def read_weights(path: str) -> dict[str, Tensor]:
    """Weights of a .safetensors file, or of one that ``torch.save`` has written.

    No code of a file is run: it is read with ``weights_only=True``.

    Raises:
        BackboneError: If there is none, or it holds something else.
    """
    if not path.endswith(SUFFIXES):
        raise BackboneError(
            f"backbone.weights {path!r}: expected null, download, or the path of a file of weights "
            f"({', '.join(SUFFIXES)})"
        )
    if not Path(path).is_file():
        raise BackboneError(
            f"backbone.weights {path!r}: there is no such file (looked from {Path.cwd()}); give "
            "the path of a .safetensors or .pth file, download, or null"
        )
    if path.endswith(PICKLED):
        return _tensors(path, _loaded(path))
    try:
        return load_file(path)
    except (SafetensorError, OSError, ValueError, MemoryError) as error:
        raise BackboneError(f"{path}: not a safetensors file ({first_line(error):.160})") from error


def _require_stored(path: str) -> None:
    """Refuse what ``torch.save`` never writes: packed numbers, of which few bytes make many.

    Raises:
        ValueError: If it is such a file.
    """
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as file:
            size = sum(member.file_size for member in file.infolist())
        if size > limits.MAX_WEIGHTS_GROWTH * Path(path).stat().st_size:
            raise ValueError(f"it unpacks to {size:,} bytes")


def _loaded(path: str) -> Any:
    try:
        _require_stored(path)
        return torch.load(path, map_location="cpu", weights_only=True)
    except LOADING as error:
        target = str(Path(path).with_suffix(".safetensors"))
        raise BackboneError(
            f"{path}: expected weights alone, as torch.save(network.state_dict()) writes them, "
            "found what cannot be read without running code of the file, or damage "
            f"({first_line(error):.160}); if you trust it, convert it once: "
            f"{checkpoint_to_safetensors(path, target)}"
        ) from error


def _tensors(path: str, content: Any) -> dict[str, Tensor]:
    """The weights, also where a checkpoint holds them beside other things."""
    candidates = [content]
    if isinstance(content, Mapping):
        candidates += [content[key] for key in HOLDERS if isinstance(content.get(key), Mapping)]
    for one in candidates:
        if isinstance(one, Mapping):
            found = {str(key): value for key, value in one.items() if isinstance(value, Tensor)}
            if found and 2 * len(found) > len(one):
                return found
    shown = ", ".join(map(str, list(content)[:5])) if isinstance(content, Mapping) else ""
    raise BackboneError(
        f"{path}: expected tensors by name, or under one of {', '.join(HOLDERS)}, found "
        f"{type(content).__name__}{f' of {shown}' if shown else ''}; save network.state_dict()"
    )


def without_prefix(
    found: Mapping[str, Tensor], wanted: Iterable[str], *, source: str
) -> tuple[dict[str, Tensor], str]:
    """Weights under a network's own names, and the prefix that a training put before them.

    ``module.``, ``backbone.``, ``_orig_mod.`` and the like are taken away where all names that
    are wanted are there behind one of them; otherwise the weights stay as they are.

    Raises:
        BackboneError: If several networks of this kind are in the file.
    """
    names = list(wanted)
    missing = [name for name in names if name not in found]
    if not missing:
        return dict(found), ""
    ends = (key[: -len(missing[0])] for key in found if key.endswith(f".{missing[0]}"))
    prefixes = [p for p in ends if all(f"{p}{name}" in found for name in names)]
    if not prefixes:
        return dict(found), ""
    if len(prefixes) > 1:
        raise BackboneError(
            f"{source}: expected the weights of one network, found several behind "
            f"{', '.join(sorted(prefixes)[:4])}; keep those of one"
        )
    [prefix] = prefixes
    kept = {key[len(prefix) :]: v for key, v in found.items() if key.startswith(prefix)}
    return kept, prefix


def require_finite(found: Mapping[str, Tensor], *, source: str) -> None:
    """Refuse weights that are no numbers.

    Raises:
        BackboneError: If one is NaN or infinite; names it.
    """
    for key, value in found.items():
        if value.is_floating_point() and not torch.isfinite(value).all():
            raise BackboneError(
                f"{source}: expected finite weights, found NaN or infinite ones in {key}; the "
                "training that wrote them has failed, or the file is damaged: take another"
            )
