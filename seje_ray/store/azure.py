"""Azure's store: how it is opened, and objects there that appear as a whole.

pyarrow's stream makes an empty object, over one that is there, and gives it its bytes when it is
closed: a lock that is beaten or a manifest that is replaced would be empty meanwhile. So bytes go
to an object of no name first, which Azure copies in one step; what is larger than it copies so
goes straight to its place, and an empty object counts as not there until its bytes are.
"""

import os
import shutil
import uuid
from collections.abc import Callable
from contextlib import suppress
from typing import IO, Any
from urllib.parse import parse_qsl, urlsplit

from seje_ray.errors import StoreError
from seje_ray.store.location import without_options

SENDING = ".sending"  # folder of objects whose bytes are on their way
MOST_COPIED = 256 * 2**20  # bytes of an object that the store copies in one step
PIECE = 8 * 2**20  # bytes
KEY, TOKEN = "AZURE_STORAGE_KEY", "AZURE_STORAGE_SAS_TOKEN"  # environment variables, as az's


def is_azure(uri: str) -> bool:
    """Whether a URI is one of Azure's store."""
    return uri.startswith(("abfs:", "abfss:"))


def opened(uri: str) -> tuple[Any, str]:
    """The file system of a URI, and the path of its root there.

    Without a key or a token in the environment the credentials are those of Azure's own chain.

    Raises:
        StoreError: If the URI names no container or no account.
    """
    from pyarrow import fs

    parts = urlsplit(uri)
    options = dict(parse_qsl(parts.query))
    account, _, rest = (parts.hostname or "").partition(".")
    domain = rest.partition(".")[2]  # without the service: dfs or blob
    endpoint = options.get("endpoint_override")
    if not parts.username or not (account and (domain or endpoint)):
        raise StoreError(
            f"{without_options(uri)}: expected a container and an account, as in "
            f"{parts.scheme}://CONTAINER@ACCOUNT.dfs.core.windows.net/PATH"
        )
    key = os.environ.get(KEY) or None
    scheme = options.get("scheme", "https")
    files = fs.AzureFileSystem(
        account,
        account_key=key,
        sas_token=None if key else os.environ.get(TOKEN) or None,
        blob_storage_authority=endpoint or f".blob.{domain}",
        dfs_storage_authority=endpoint or f".dfs.{domain}",
        blob_storage_scheme=scheme,
        dfs_storage_scheme=scheme,
    )
    return files, f"{parts.username}{parts.path}".rstrip("/")


def send(files: Any, base: str, path: str, size: int, fill: Callable[[IO[bytes]], object]) -> None:
    """Make or replace an object of ``size`` bytes, which ``fill`` writes into a stream."""
    if size > MOST_COPIED:
        with files.open_output_stream(path) as stream:
            fill(stream)
        return
    folder = f"{base}/{SENDING}/{uuid.uuid4().hex}"
    try:
        with files.open_output_stream(f"{folder}/object") as stream:
            fill(stream)
        files.copy_file(f"{folder}/object", path)
    finally:
        with suppress(OSError):
            files.delete_dir(folder)  # in one request, where deleting a file takes five


def copy(files: Any, source: str, target: str) -> None:
    """Copy an object; a large one goes through this machine."""
    if files.get_file_info(source).size <= MOST_COPIED:
        files.copy_file(source, target)
        return
    with files.open_input_stream(source) as read, files.open_output_stream(target) as written:
        shutil.copyfileobj(read, written, PIECE)
