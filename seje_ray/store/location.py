"""URIs of object stores, and the folder of this machine that mirrors what lies at one.

The folder's name is the URI, percent-encoded, so any process on any node knows by a path alone
which object it stands for: nothing has to be configured, sent along or looked up.
"""

import functools
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from seje_ray.errors import WorkspaceError

CACHE = "SEJE_RAY_CACHE"  # environment variable: the folder of all mirrors
MIRRORS = "seje_ray-mirrors"
MAX_NAME = 200  # bytes of a mirror's name; file systems take 255
_URI = re.compile(r"(s3|gs|gcs|abfss?):(?:/+([^/].*)|/*)")
_MARK = "%3A%2F%2F"  # :// in a mirror's name
_MIRROR = re.compile(rf".*?/{MIRRORS}/([a-z0-9]+{_MARK}[^/\s:;,`'\"]+)")
_SCHEMES, _BOOLEANS = ("http", "https"), ("true", "false")
_Values = dict[str, tuple[str, ...] | None]  # of each option; None: any
_ENDPOINT: _Values = {"endpoint_override": None, "scheme": _SCHEMES}
_OPTIONS: dict[str, _Values] = {  # of a URI of each scheme; none holds a secret
    "s3": {"anonymous": _BOOLEANS, **_ENDPOINT, "region": None},
    "gs": _ENDPOINT,
    "gcs": _ENDPOINT,
    "abfs": _ENDPOINT,
    "abfss": _ENDPOINT,
}
_HINT = "credentials come from the provider's own chain: environment, profile, or the machine"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a mirrored path lies in its store."""

    uri: str  # of the mirror's root
    key: str  # below it; empty for the root itself


def as_uri(text: str) -> str | None:
    """The URI of an object store that a person typed, also through ``Path``; None if it is none.

    Raises:
        WorkspaceError: If it names no bucket, holds credentials, or options or values of them that
            are not known, or is too long.
    """
    found = _URI.fullmatch(text)
    if found is None:
        return None
    if found[2] is None:
        raise WorkspaceError(f"{text}: expected a bucket, as in {found[1]}://BUCKET/PATH")
    uri = f"{found[1]}://{found[2]}"
    parts = urlsplit(uri)
    shown = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}".rstrip("/")
    if ":" in parts.netloc.rpartition("@")[0]:
        raise WorkspaceError(f"{shown}: expected no credentials in a URI; {_HINT}")
    _require_options(shown, parts.scheme, parse_qsl(parts.query, keep_blank_values=True))
    path = "/".join(name for name in parts.path.split("/") if name)
    if any(name in (".", "..") for name in path.split("/")):
        raise WorkspaceError(f"{shown}: expected no . or .. in a URI; name the place itself")
    query = f"?{parts.query}" if parts.query else ""
    uri = f"{parts.scheme}://{parts.netloc}{'/' if path else ''}{path}{query}"
    if len(_name(uri)) > MAX_NAME:
        raise WorkspaceError(f"{shown}: the URI is too long; choose a shorter path")
    return uri


def _require_options(shown: str, scheme: str, options: Sequence[tuple[str, str]]) -> None:
    """Refuse options that the store does not take, or takes otherwise.

    Raises:
        WorkspaceError: What is wrong with them.
    """
    known = _OPTIONS[scheme]
    unknown = [name for name, _ in options if name not in known]
    if unknown:
        raise WorkspaceError(
            f"{shown}: expected no options but {', '.join(known)} in a URI of {scheme}, found "
            f"{', '.join(unknown)}; {_HINT}"
        )
    twice = {name for name, _ in options if [one for one, _ in options].count(name) > 1}
    if twice:
        raise WorkspaceError(f"{shown}: expected each option once, found {min(twice)} twice")
    for name, value in options:
        values = known[name]
        if not value or (values is not None and value not in values):
            expected = "a value" if values is None else " or ".join(values)
            raise WorkspaceError(f"{shown}: expected {expected} for option {name}, found {value!r}")


def mirror_folder(uri: str) -> Path:
    """Folder of this machine for what lies at a URI that ``as_uri`` gave."""
    given = os.environ.get(CACHE) or os.path.join(
        os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "seje_ray"
    )
    return Path(given).absolute() / MIRRORS / _name(uri)


@functools.lru_cache(maxsize=10_000)
def place_of(path: Path) -> Place | None:
    """Where a path lies in a store; None if it is a plain path of this machine."""
    text = str(path)
    if _MARK not in text:
        return None
    found = _MIRROR.match(text)
    if found is None:
        return None
    return Place(unquote(found[1]), text[found.end() :].strip("/"))


def cache_of(text: str) -> Path | None:
    """The folder of all mirrors that a path or a URI is mirrored in; None for a plain path."""
    uri = as_uri(text)
    path = Path(text) if uri is None else mirror_folder(uri) / "any"
    if place_of(path) is None:
        return None
    return next(folder.parent for folder in path.parents if folder.name == MIRRORS)


def uri_of(path: Path) -> str | None:
    """The URI that a path stands for, options included; None for a plain path."""
    place = place_of(path)
    if place is None or not place.key:
        return None if place is None else place.uri
    uri, mark, options = place.uri.partition("?")
    return f"{uri}/{place.key}{mark}{options}"


def mirrored_path(uri: str) -> Path:
    """Path of this machine for a folder or a file at a URI; what lies beside it has a path, too."""
    plain, mark, options = uri.partition("?")
    above, _, name = plain.rpartition("/")
    if above.endswith("/"):  # a bucket
        return mirror_folder(uri)
    return mirror_folder(f"{above}{mark}{options}") / name


def parent_of(path: Path) -> Path:
    """The folder that holds what a path stands for, also where its mirror begins with that."""
    place = place_of(path)
    if place is None or place.key:
        return path.parent
    plain, mark, options = place.uri.partition("?")
    return path.with_name(_name(f"{plain.rpartition('/')[0]}{mark}{options}"))


def shown(text: str) -> str:
    """A text for people: paths of mirrors in it are the URIs that they stand for."""
    return _MIRROR_IN_TEXT.sub(lambda found: without_options(unquote(found[1])), text)


_MIRROR_IN_TEXT = re.compile(rf"(?:/[^\s:;,`'\"]*)?/{MIRRORS}/([a-z0-9]+{_MARK}[^/\s:;,`'\"]+)")


def without_options(uri: str) -> str:
    """A URI that a path may follow."""
    return uri.partition("?")[0]


def only_local(uri: str) -> str:
    """Why a URI is refused where a path of this machine is expected."""
    return (
        f"{uri}: expected a path of this machine, where this is read or written and nowhere else; "
        "copy from or to object storage with e.g. `aws s3 sync` (docs/storage.md)"
    )


def _name(uri: str) -> str:
    return quote(uri, safe="")
