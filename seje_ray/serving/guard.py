"""The door of a server: what is refused before the application sees it, and headers of all answers.

An ASGI application around another. Bodies are read here, counted and with a time limit, and kept
in memory alone.
"""

import asyncio
import hashlib
import hmac
import time
import traceback
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any

from seje_ray.log import event
from seje_ray.serving.clients import Clients
from seje_ray.serving.failures import ApiError, busy
from seje_ray.serving.limits import Limits
from seje_ray.serving.measures import Measures

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "connect-src 'self'; font-src 'self'; manifest-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
HEADERS = (
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"permissions-policy", b"camera=(self), geolocation=(), microphone=()"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"x-frame-options", b"DENY"),
)
API = "/v1/"
GUARDED = (API, "/metrics")  # by the token, where there is one
WITH_BODY = ("POST", "PUT", "PATCH", "DELETE")
READ_COST = 0.1  # of a search, that a GET counts
DISCONNECTED = 499  # status of what nobody waits for any more


class ClientGoneError(Exception):
    """Nobody waits for the answer."""


class Guard:
    """An application, guarded."""

    def __init__(
        self,
        app: App,
        limits: Limits,
        measures: Measures,
        *,
        token_hash: str | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Guard ``app``.

        Args:
            app: Answers what passes.
            limits: Bounds.
            measures: That count.
            token_hash: SHA-256 of the token that clients have to know, in hex; None for none.
            clock: Seconds.
        """
        self._app, self._limits, self._measures = app, limits, measures
        self._token_hash, self._clock = token_hash, clock
        self._clients = Clients(limits.client_rate, limits.client_burst, limits.clients, clock)
        self._under_way = self._held = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await self._answer(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1008})

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        start, answer = self._clock(), _Answer(send)
        try:
            await self._guarded(scope, receive, answer)
        except ApiError as error:
            await answer.fail(error)
        except ClientGoneError:
            answer.status = DISCONNECTED
        except Exception as error:  # noqa: BLE001 - a server answers, whatever happens
            where = traceback.format_tb(error.__traceback__)  # its text may hold what was asked for
            event("serve_failed", route=_route(scope), kind=type(error).__name__, where=where)
            told = "this server made an error; its log says which"
            await answer.fail(ApiError(500, "internal", told))
        self._measures.answered(_route(scope), answer.status, self._clock() - start)

    async def _guarded(self, scope: Scope, receive: Receive, answer: "_Answer") -> None:
        path, limits = scope["path"], self._limits
        self._require_token(scope)
        if not path.startswith(API):
            await self._app(scope, _nothing_more(b""), answer.send)
            return
        has_body = scope["method"] in WITH_BODY
        self._clients.take(_address(scope), 1.0 if has_body else READ_COST)
        with self._counted():
            body = bytearray()
            try:
                if has_body:
                    await self._read(scope, receive, body)
                try:
                    async with asyncio.timeout(limits.answer_s):
                        await self._app(scope, _nothing_more(bytes(body)), answer.send)
                except TimeoutError as error:
                    told = f"no answer within {limits.answer_s:g} s"
                    raise ApiError(504, "timeout", told, "ask for less, or later") from error
            finally:
                self._hold(-len(body))

    @contextmanager
    def _counted(self) -> Iterator[None]:
        """One more request under way; refuse it where there are too many."""
        if self._under_way >= self._limits.requests:
            raise busy(f"{self._under_way} requests are under way already")
        self._under_way += 1
        self._measures.under_way.set(self._under_way)
        try:
            yield
        finally:
            self._under_way -= 1
            self._measures.under_way.set(self._under_way)

    async def _read(self, scope: Scope, receive: Receive, body: bytearray) -> None:
        """Read the body; what the header says of its size is believed only if it is too much."""
        limits = self._limits
        announced = _header(scope, b"content-length")
        if announced.isdigit() and (len(announced) > 18 or int(announced) > limits.upload_bytes):
            raise self._too_large()
        try:
            async with asyncio.timeout(limits.upload_s):
                more = True
                while more:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise ClientGoneError
                    chunk, more = message.get("body", b""), message.get("more_body", False)
                    if len(body) + len(chunk) > limits.upload_bytes:
                        raise self._too_large()
                    self._hold(len(chunk))
                    body += chunk
        except TimeoutError as error:
            told = f"the upload took more than {limits.upload_s:g} s"
            raise ApiError(408, "too_slow", told, "send a smaller photo") from error

    def _hold(self, num_bytes: int) -> None:
        """Count bytes of bodies in memory."""
        if num_bytes > 0 and self._held + num_bytes > self._limits.held_bytes:
            raise busy("too many uploads at once", 2.0)
        self._held += num_bytes
        self._measures.held_bytes.set(self._held)

    def _too_large(self) -> ApiError:
        most = self._limits.upload_bytes
        return ApiError(
            413, "too_large", f"a request has at most {most:,} bytes", "make the photo smaller"
        )

    def _require_token(self, scope: Scope) -> None:
        if self._token_hash is None or not scope["path"].startswith(GUARDED):
            return
        scheme, _, token = _header(scope, b"authorization").partition(b" ")
        found = hashlib.sha256(token.strip()).hexdigest()
        if scheme.lower() != b"bearer" or not hmac.compare_digest(found, self._token_hash):
            raise ApiError(
                401, "unauthorized", "expected the token of this server", "Authorization: Bearer"
            )


class _Answer:
    """What is sent, with the headers of every answer."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.status, self._has_begun = 500, False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status, self._has_begun = message["status"], True
            known = {name.lower() for name, _ in message.get("headers", ())}
            added = [(name, value) for name, value in HEADERS if name not in known]
            message = {**message, "headers": [*message.get("headers", ()), *added]}
        await self._send(message)

    async def fail(self, error: ApiError) -> None:
        """Answer with an error, if nothing was sent yet."""
        if self._has_begun:
            return
        body = error.body()
        headers = [*error.headers(), (b"content-length", b"%d" % len(body))]
        await self.send({"type": "http.response.start", "status": error.status, "headers": headers})
        await self.send({"type": "http.response.body", "body": body})


def _nothing_more(body: bytes) -> Receive:
    """Gives a body that was read already, once."""
    messages = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        if messages:
            return messages.pop()
        await asyncio.Event().wait()  # whoever asks on learns only that the answer was sent
        raise AssertionError

    return receive


def _header(scope: Scope, name: bytes) -> bytes:
    found: bytes = next((value for key, value in scope["headers"] if key.lower() == name), b"")
    return found


def _address(scope: Scope) -> str:
    """Of the connection; what a header says of another one is anyone's to write."""
    client = scope.get("client")
    return str(client[0]) if client else ""


def _route(scope: Scope) -> str:
    """The route that answered, of which there are few; never a path that a client made up."""
    route = scope.get("route")
    return str(getattr(route, "path", "other"))
