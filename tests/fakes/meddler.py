"""A proxy before a real S3 server that meddles with what is said, by a script that may change."""

import http.client
import re
import socket
import ssl
import struct
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Final
from urllib.parse import parse_qs, urlsplit

from tests.fakes.broken_s3 import Answer, Heard, Reset, Silence

_HOP_BY_HOP: Final = {"connection", "transfer-encoding", "content-length", "keep-alive"}


@dataclass(frozen=True)
class Reply:
    """What the real server said."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Pass:
    """Let the real server answer, and change its reply on the way."""

    change: Callable[[Reply], Reply] = lambda reply: reply


@dataclass(frozen=True)
class Lose:
    """Let the real server act, and hang up without its reply."""


Meddling = Callable[[Heard], Answer | Reset | Silence | Pass | Lose]


def honest(_: Heard) -> Pass:
    """Leave everything as it is."""
    return Pass()


@dataclass
class Meddler:
    """The running proxy; ``script`` may be replaced at any time."""

    endpoint: str
    script: Meddling = honest
    heard: list[str] = field(default_factory=list)
    ended: Event = field(default_factory=Event)


@contextmanager
def meddler(upstream: str, *, tls: ssl.SSLContext | None = None) -> Iterator[Meddler]:
    """Run a proxy before the server at ``upstream`` (host and port), over TLS where it is given."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    server.block_on_close = False
    if tls is not None:
        # The handshake is made by whoever reads first, in a thread of its own.
        server.socket = tls.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
    scheme = "http" if tls is None else "https"
    state = Meddler(f"{scheme}://127.0.0.1:{server.server_address[1]}")
    server.meddler = state  # type: ignore[attr-defined]  # what its handlers are to know
    server.upstream = upstream  # type: ignore[attr-defined]  # set on the server by us
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        state.ended.set()
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's own name
        """Say nothing."""

    def handle(self) -> None:
        """Serve one connection; a client that hangs up is its own affair."""
        try:
            super().handle()
        except OSError:
            return

    def _serve(self) -> None:
        state: Meddler = self.server.meddler  # type: ignore[attr-defined]  # set on the server by us
        parts = urlsplit(self.path)
        query = {n: v[0] for n, v in parse_qs(parts.query, keep_blank_values=True).items()}
        headers = {name.lower(): value for name, value in self.headers.items()}
        heard = Heard(self.command, parts.path, query, headers)
        state.heard.append(heard.about)
        match state.script(heard):
            case Reset():
                self._reset()
            case Silence():
                state.ended.wait()
                self._reset()
            case Answer() as answer:
                self._body()
                self._say(Reply(answer.status, answer.headers, answer.body))
            case Lose():
                self._ask_upstream()
                self._reset()
            case Pass(change=change):
                self._say(change(self._ask_upstream()))

    # What http.server looks for.
    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = do_PATCH = do_OPTIONS = _serve  # noqa: N815 - the library's own names

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("content-length", "0")))

    def _ask_upstream(self) -> Reply:
        body = self._body()
        upstream: str = self.server.upstream  # type: ignore[attr-defined]  # set on the server by us
        connection = http.client.HTTPConnection(upstream, timeout=60)
        try:
            connection.putrequest(
                self.command, self.path, skip_host=True, skip_accept_encoding=True
            )
            # Signed as they are, the host too, so that the real server believes them.
            for name, value in self.headers.items():
                if name.lower() not in {"expect", "connection"}:
                    connection.putheader(name, value)
            connection.endheaders(body)
            response = connection.getresponse()
            kept = {n: v for n, v in response.getheaders() if n.lower() not in _HOP_BY_HOP}
            if self.command == "HEAD":
                kept["Content-Length"] = response.getheader("Content-Length", "0")
            return Reply(response.status, kept, response.read())
        finally:
            connection.close()

    def _say(self, reply: Reply) -> None:
        self.send_response_only(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if not any(name.lower() == "content-length" for name in reply.headers):
            self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(reply.body)

    def _reset(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True


def without(header: str) -> Callable[[Reply], Reply]:
    """Return a change that drops a header and its element in the body."""
    element = re.compile(rb"<%b>[^<]*</%b>" % (header.encode(), header.encode()))

    def change(reply: Reply) -> Reply:
        kept = {n: v for n, v in reply.headers.items() if n.lower() != header.lower()}
        return Reply(reply.status, kept, element.sub(b"", reply.body))

    return change
