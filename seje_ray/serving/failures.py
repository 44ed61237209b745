"""Errors of the API: a status, and JSON of type, message and hint."""

import json
import math
from dataclasses import dataclass

from seje_ray.errors import SejeError, first_line
from seje_ray.features.encoder import QueryError
from seje_ray.retrieval.index.arithmetic import TermError
from seje_ray.retrieval.index.filters import FilterError


@dataclass(eq=False)
class ApiError(Exception):
    """A request that is not answered as asked."""

    status: int
    type: str  # a snake_case word that programs read
    message: str
    hint: str = ""
    retry_after_s: float | None = None

    def body(self) -> bytes:
        """The answer, JSON."""
        told = {"type": self.type, "message": self.message, "hint": self.hint}
        return json.dumps(told).encode()

    def headers(self) -> list[tuple[bytes, bytes]]:
        """Headers of the answer."""
        found = [(b"content-type", b"application/json")]
        if self.retry_after_s is not None:
            found.append((b"retry-after", b"%d" % max(1, math.ceil(self.retry_after_s))))
        if self.status == 401:
            found.append((b"www-authenticate", b"Bearer"))
        return found


def not_found(what: str, hint: str = "") -> ApiError:
    """There is no such thing here."""
    return ApiError(404, "not_found", what, hint)


def bad_query(message: str, hint: str = "") -> ApiError:
    """A field of a request is wrong."""
    return ApiError(422, "bad_query", message, hint)


def busy(message: str, retry_after_s: float = 1.0) -> ApiError:
    """More is asked for than the server takes at once."""
    return ApiError(503, "busy", message, "ask again a little later", retry_after_s)


def refused(error: SejeError) -> ApiError | None:
    """What a client may know of an error of ours; None for one that is the server's own affair."""
    told = first_line(error).removeprefix("--")
    match error:
        case TermError():
            return ApiError(422, "unknown_term", told, "leave it out, or take another word")
        case FilterError():
            return ApiError(422, "unknown_filter", told, "leave it out, or take another one")
        case QueryError():
            return bad_query(told)
        case _:
            return None
