"""What a store refuses for good, told in one line, and what is tried again."""

import errno
import random
import re
import time
from collections.abc import Callable
from typing import TypeVar

from seje_ray.errors import OutageError, StoreError

TRIES = 8
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 20.0
FINAL = {  # words of a provider's answer -> what it is, and what to do
    ("NO_SUCH_BUCKET", "NoSuchBucket", "ContainerNotFound"): (
        "there is no such bucket",
        "create it, or mend the name",
    ),
    ("ACCESS_DENIED", "AccessDenied", "HTTP status 403", "PERMISSION_DENIED"): (
        "no permission",
        "ask for the rights to list, read, write and delete there",
    ),
    ("AuthorizationPermissionMismatch",): (  # of Azure
        "no permission",
        "ask for the role Storage Blob Data Contributor there",
    ),
    (
        "INVALID_ACCESS_KEY_ID",
        "SIGNATURE_DOES_NOT_MATCH",
        "INVALID_SIGNATURE",
        "UNAUTHENTICATED",
        "AuthenticationFailed",  # and the next: of Azure
        "AuthorizationFailure",
    ): (
        "the credentials are refused",
        "set those of the provider's own chain: environment, profile, or the machine's role",
    ),
    # Of Google's and of Azure's library, where they find none.
    ("Could not create a OAuth2 access token", "Failed to get token from"): (
        "there are no credentials",
        "set those of the provider's own chain: environment, profile, or the machine's role",
    ),
    ("EXPIRED_TOKEN", "ExpiredToken", "TOKEN_REFRESH_REQUIRED", "TokenRefreshRequired"): (
        "the credentials have expired",
        "renew them",
    ),
    ("REQUEST_TIME_TOO_SKEWED", "RequestTimeTooSkewed", "REQUEST_EXPIRED"): (
        "the clock of this machine is wrong",
        "set it",
    ),
    ("HTTP status 507", "InsufficientStorage", "StorageFull", "QuotaExceeded"): (
        "the store is full",
        "make room",
    ),
    ("HTTP status 301", "PermanentRedirect"): (
        "it lies in another region",
        "set AWS_REGION to it",
    ),
}
OF_THIS_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG, errno.EIO}
# S3 to HEAD, also where credentials have expired or a clock is wrong.
NO_REASON = re.compile("(HTTP status 400|ACCESS_DENIED|HTTP status 403).*No response body")
Result = TypeVar("Result")


def patient(
    where: str,
    function: Callable[[], Result],
    tries: int = TRIES,
    ask: Callable[[], object] | None = None,
) -> Result:
    """What ``function`` gives, tried again with growing, random pauses while that may help.

    Args:
        where: The URI, for errors.
        function: May be called several times.
        tries: In all.
        ask: Is answered with a reason where ``function`` is refused without one.

    Raises:
        FileNotFoundError: If there is no such object.
        OSError: If a disk of this machine has no room for it, or takes nothing.
        OutageError: If the store does not answer.
        StoreError: If it refuses.
    """
    pause = FIRST_PAUSE_S
    for tries_left in reversed(range(tries)):
        try:
            return function()
        except FileNotFoundError:
            raise
        except _refusals() as error:
            if isinstance(error, OSError) and error.errno in OF_THIS_DISK:
                raise
            text = str(error)
            if ask is not None and NO_REASON.search(text):
                text = _reason(ask) or text
            known = next((line for words, line in FINAL.items() if _has(text, words)), None)
            if known is not None:
                what, advice = known
                raise StoreError(f"{where}: {what}; {advice}, and repeat the command") from None
            if tries_left == 0:
                raise OutageError(
                    f"{where}: the store does not answer as it should, {tries} times in turn "
                    f"({_kind(text)}); look whether it can be reached, and repeat the command: "
                    "what is finished is kept"
                ) from None
        time.sleep(random.uniform(0, pause))  # all of them: many workers do not knock as one
        pause = min(LONGEST_PAUSE_S, 2 * pause)
    raise AssertionError


def _refusals() -> tuple[type[Exception], ...]:
    """What pyarrow raises where a store refuses or does not answer."""
    from pyarrow import ArrowException

    return OSError, ArrowException


def _reason(ask: Callable[[], object]) -> str | None:
    """What a store says to a question that it answers in words; None where it grants that."""
    try:
        ask()
    except _refusals() as error:
        return str(error)
    return None


def _has(text: str, words: tuple[str, ...]) -> bool:
    return any(word in text for word in words)


def _kind(text: str) -> str:
    """The part of a provider's answer that names no request and no key."""
    _, mark, after = text.partition("AWS Error ")
    return (mark + after if mark else text).partition(" (Request ID")[0][:200]
