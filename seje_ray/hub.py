"""Models of Hugging Face's hub: whether one can be had, without minutes of waiting."""

import urllib.error
import urllib.request
from pathlib import Path

from huggingface_hub import hf_hub_url, try_to_load_from_cache

CONNECT_S = 5.0  # seconds without an answer after which the hub counts as unreachable


def require_source(source: str, file: str = "config.json") -> None:
    """Look for a model; the hub's own client would try again for half a minute.

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
    if isinstance(try_to_load_from_cache(source, file), str):
        return
    request = urllib.request.Request(hf_hub_url(source, file), method="HEAD")
    try:
        urllib.request.urlopen(request, timeout=CONNECT_S).close()
    except urllib.error.HTTPError as answer:
        answer.close()  # the hub answers; its client will report what it says about this model
    except OSError as error:
        raise OSError(f"no such folder, and no answer from the hub: {error}") from error
