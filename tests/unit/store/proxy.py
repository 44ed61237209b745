"""A proxy before a server that fails as networks and stores do."""

import http.client
import select
import socket
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType

Fault = Callable[["Request"], "int | str | None"]
"""The status to answer with, alone or with a code of S3 as its reason; CUT; None to pass it on."""
CUT = -1  # half of the answer, then a closed connection
HOP = ("connection", "transfer-encoding", "keep-alive", "content-length")


class Request:
    """One request, as a fault sees it, and what it was answered."""

    def __init__(self, number: int, method: str, path: str) -> None:
        self.number, self.method, self.path = number, method, path
        self.num_bytes = 0  # of the answer, without its headers; of one that nobody takes, none


class FaultyProxy:
    """Forwards each request to a server, unless ``fault`` says otherwise."""

    def __init__(self, host: str, port: int) -> None:
        self.fault: Fault = lambda request: None
        self.requests: list[Request] = []
        self.num_failed = 0
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self, host, port))
        self._server.daemon_threads = True
        self._server.block_on_close = False  # a client keeps its connections open
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    def __enter__(self) -> "FaultyProxy":
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def judged(self, method: str, path: str) -> tuple[Request, int | str | None]:
        """The next request, and what becomes of it."""
        with self._lock:
            request = Request(len(self.requests) + 1, method, path)
            self.requests.append(request)
            status = self.fault(request)
            self.num_failed += status is not None
        return request, status


def _handler(proxy: FaultyProxy, host: str, port: int) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # a body that follows its head does not wait 40 ms

        def handle_one(self) -> None:
            body = self._body()
            request, status = proxy.judged(self.command, self.path)
            if status is not None and status != CUT:
                number, _, code = str(status).partition(" ")
                reason = f"<Error><Code>{code}</Code></Error>" if code else ""
                self._answer(int(number), [], reason.encode())  # to HEAD there is never a body
                return
            server = http.client.HTTPConnection(host, port)
            headers = {k: v for k, v in self.headers.items() if k.lower() not in HOP}
            server.request(self.command, self.path, body, headers | {"Content-Length": len(body)})
            found = server.getresponse()
            data = found.read()
            server.close()
            if self._is_left():
                return
            request.num_bytes = 0 if self.command == "HEAD" else len(data)
            self._answer(found.status, found.getheaders(), data, is_cut=status == CUT)

        def _is_left(self) -> bool:
            """Whether the client waits no longer, as after many seconds on a busy machine."""
            can_read = select.select([self.connection], [], [], 0)[0]
            self.close_connection = bool(can_read) and not self.connection.recv(1, socket.MSG_PEEK)
            return self.close_connection

        do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = handle_one  # noqa: N815  # http.server's

        def _body(self) -> bytes:
            if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
                parts = []
                while size := int(self.rfile.readline().partition(b";")[0], 16):
                    parts.append(self.rfile.read(size))
                    self.rfile.readline()
                while self.rfile.readline().strip():
                    pass
                return b"".join(parts)
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))

        def _answer(
            self, status: int, headers: list[tuple[str, str]], data: bytes, *, is_cut: bool = False
        ) -> None:
            self.send_response_only(status)
            length = str(len(data))
            for name, value in headers:
                if name.lower() == "content-length" and self.command == "HEAD":
                    length = value  # of what is not sent
                elif name.lower() not in HOP:
                    self.send_header(name, value)
            self.send_header("Content-Length", length)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(data[: len(data) // 2] if is_cut else data)
            self.wfile.flush()
            self.close_connection = is_cut

        def log_message(self, format: str, *args: object) -> None:
            """Stay silent."""

    return Handler
