"""Central's list of holds on loopback, signed or not, from a server that does as it is told."""

import base64
import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from dockd.station.clock import SystemClock

Hold = Mapping[str, str]


@dataclass(frozen=True)
class Reply:
    """What to answer; with ``stalls`` the body never ends before the server does."""

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    stalls: bool = False


class Central:
    """The far side: a key of its own, the list that it serves, and how it misbehaves."""

    def __init__(self) -> None:
        self.key = Ed25519PrivateKey.generate()
        self.lies: Callable[[str], Reply | None] = lambda _: None
        self.asked: list[str] = []
        # What each look finds in a list that was signed just then.
        self.anew: Sequence[Hold] | None = None
        self.over = threading.Event()
        self.port = 0
        self._document = b""
        self._signature = b""

    @property
    def public_key(self) -> bytes:
        return self.key.public_key().public_bytes_raw()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/holds.json"

    def toml(self) -> str:
        """Return the table ``[holds]``."""
        key = base64.b64encode(self.public_key).decode()
        return f'[holds]\nurl = "{self.url}"\npublic_key = "{key}"\n'

    def issue(self, holds: Sequence[Hold], *, issued: datetime) -> None:
        """Sign a list and serve it from now on."""
        self.sign(
            json.dumps(
                {
                    "format": "dockd-shared-holds/1",
                    "issued": f"{issued:%Y-%m-%dT%H:%M:%SZ}",
                    "holds": list(holds),
                }
            ).encode()
        )

    def sign(self, document: bytes, *, key: Ed25519PrivateKey | None = None) -> None:
        """Serve a document, whatever it is, with a signature."""
        self._document = document
        self._signature = base64.b64encode((key or self.key).sign(document)) + b"\n"

    def reply(self, path: str) -> Reply:
        self.asked.append(path)
        if self.anew is not None and path == "/holds.json":
            self.issue(self.anew, issued=SystemClock().now())
        lie = self.lies(path)
        if lie is not None:
            return lie
        served = {"/holds.json": self._document, "/holds.json.sig": self._signature}
        found = served.get(path)
        return Reply(found) if found else Reply(status=404)


@contextmanager
def central() -> Iterator[Central]:
    """Run a server for the length of a test."""
    far = Central()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            reply = far.reply(self.path)
            self.send_response(reply.status)
            length = len(reply.body) + (1 if reply.stalls else 0)
            for name, value in {"Content-Length": str(length), **reply.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            try:
                self.wfile.write(reply.body)
                if reply.stalls:
                    far.over.wait()
            except OSError:
                self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  its own name
            del format, args

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    far.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, name="central", daemon=True)
    thread.start()
    try:
        yield far
    finally:
        far.over.set()
        server.shutdown()
        server.server_close()
        thread.join()
