"""Models of Hugging Face's hub: whether one can be had, without minutes of waiting."""

import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from huggingface_hub import _CACHED_NO_EXIST, hf_hub_download, hf_hub_url, try_to_load_from_cache
from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

from seje_ray.errors import SejeError, first_line

CONNECT_S = 5.0  # seconds without an answer after which the hub counts as unreachable
HOW = "`pip install 'seje-ray[text]'`"
MODEL = (
    "a folder of config.json and model.safetensors, or the name of a hub model that can be "
    "downloaded"
)


class PublishedModelError(SejeError):
    """A published model is not there, or cannot be read; says why."""


@contextmanager
def reading_model(
    name: str, *, source: str | None = None, expected: str = MODEL, otherwise: str = "name another"
) -> Iterator[None]:
    """Within: what is wrong with a model is an error of one line.

    Args:
        name: Of the model, or what else the error is to name.
        source: The local folder or the hub name, which has to be there; None if nothing is read.
        expected: What it should be, for the error.
        otherwise: What a user can do, for the error.

    Raises:
        PublishedModelError: If a package, the folder or its safetensors weights are missing.
    """
    try:
        if source is not None:
            require_source(source)
        yield
    except ImportError as error:
        raise PublishedModelError(
            f"{name}: needs a package that is missing ({_short(error)}); run {HOW}"
        ) from error
    except (OSError, ValueError) as error:
        raise PublishedModelError(
            f"{name}: expected {expected} ({_short(error)}); {otherwise}"
        ) from error


def require_source(source: str, file: str = "config.json") -> None:
    """Look for a model.

    Args:
        source: A local folder, or the name of a hub model.
        file: Of it, which is in the hub's cache once it was downloaded.

    Raises:
        OSError: If it is neither a folder, nor cached, nor does the hub answer.
    """
    if Path(source).is_dir():
        return
    if not 1 <= len(source.split("/")) <= 2 or source.startswith((".", "~", "/")):
        raise FileNotFoundError(f"there is no such folder, looked from {Path.cwd()}")
    try:
        require_hub(source, file)
    except OSError as error:
        raise OSError(f"no such folder, and no answer from the hub: {error}") from error


def require_hub(model: str, file: str) -> None:
    """Look for a file of a hub model; the hub's own client would try again for half a minute.

    Raises:
        OSError: If it is not cached, and the hub does not answer.
    """
    if isinstance(try_to_load_from_cache(model, file), str):
        return
    request = urllib.request.Request(hf_hub_url(model, file), method="HEAD")
    try:
        urllib.request.urlopen(request, timeout=CONNECT_S).close()
    except urllib.error.HTTPError as answer:
        answer.close()  # the hub answers; its client will report what it says about this model


def model_file(source: str, file: str) -> Path | None:
    """A file of a model, from its folder, the hub's cache or the hub; None where it has no such.

    Raises:
        OSError: If that cannot be known: it is not cached, and the hub does not answer.
    """
    if Path(source).is_dir():
        path = Path(source) / file
        return path if path.is_file() else None
    cached = try_to_load_from_cache(source, file)
    if isinstance(cached, str):
        return Path(cached)
    if cached is _CACHED_NO_EXIST:
        return None
    require_source(source, file)
    try:
        return Path(hf_hub_download(source, file))
    except LocalEntryNotFoundError:  # nothing is known of it
        raise
    except EntryNotFoundError:
        return None


def _short(error: Exception) -> str:
    return first_line(error)[:200]
