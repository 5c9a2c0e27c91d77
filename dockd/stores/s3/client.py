"""One signed request to an S3 endpoint and its reply, read safely."""

import hashlib
import socket
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from ipaddress import ip_address
from typing import Any, Final

import httpx2

from dockd.errors import StoreUnreachable
from dockd.ports.clock import Clock
from dockd.stores.s3.body import SpoolRange
from dockd.stores.s3.credentials import CredentialsFile
from dockd.stores.s3.options import S3Options
from dockd.stores.s3.replies import Reply, error_of, skewed
from dockd.stores.s3.sigv4 import Unsigned, encoded_path, encoded_query, signed_headers

ERROR_BODY_BYTES: Final = 64 * 1024
REPLY_BODY_BYTES: Final = 8 * 1024 * 1024
# Linux: how much unsent data a socket takes before it counts as full. Without it megabytes sit
# in the kernel and a slow link looks like a dead one (FACTS.md 4).
_TCP_NOTSENT_LOWAT: Final = 25
_UNSENT_BYTES: Final = 512 * 1024
# TLS trouble after the handshake comes as the plain ssl.SSLError, an OSError.
_TROUBLE: Final = (httpx2.TransportError, OSError)
_LIMITS: Final = httpx2.Limits(max_connections=32, max_keepalive_connections=8, keepalive_expiry=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One request: ``key`` is None for the bucket itself.

    ``payload`` is the body, or its range of the spool with ``payload_sha256`` known beforehand.
    ``read_timeout_s`` replaces the usual deadline for the reply's next bytes.
    """

    method: str
    key: str | None = None
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    payload: bytes = b""
    read_timeout_s: float | None = None

    def __str__(self) -> str:
        """Return the request for a person: method, subresource and key."""
        what = "?" + "&".join(self.query) if self.query else ""
        return f"{self.method} {self.key or 'the bucket'}{what}"


class S3Client:
    """Signs, sends and reads; knows the store's clock and what software it says it runs.

    Attributes:
        clock_offset_s: How far the store's clock is ahead of ours by its last reply, or None.
        server: The last reply's ``Server`` header.
    """

    def __init__(self, options: S3Options, *, clock: Clock) -> None:
        self.options = options
        self.clock_offset_s: float | None = None
        self.server: str | None = None
        self._clock = clock
        self._credentials = CredentialsFile(options.credentials)
        self._signing_offset_s = 0.0
        self._endpoint = httpx2.URL(options.endpoint)
        self._http = httpx2.AsyncClient(
            verify=_tls(options), limits=_LIMITS, follow_redirects=False
        )

    @property
    def authentic(self) -> bool:
        """Whether a reply is the store's at all: it came over TLS, or never left this machine."""
        if self._endpoint.scheme == "https" or self._endpoint.host == "localhost":
            return True
        try:
            return ip_address(self._endpoint.host).is_loopback
        except ValueError:
            return False

    def now(self) -> datetime:
        """Return the store's time in UTC as far as it is known, else the station's."""
        return self._clock.now() + timedelta(seconds=self.clock_offset_s or 0.0)

    async def ask(
        self, ask: Ask, *, body: SpoolRange | None = None, body_sha256: str = ""
    ) -> Reply:
        """Send a request and return the reply, whatever it says.

        A refused clock is corrected from the refusal and the request sent once more.

        Raises:
            StoreUnreachable: no whole reply came.
            StoreRefusedCredentials: the credentials file cannot be used.
        """
        reply = await self._once(ask, body=body, body_sha256=body_sha256)
        if skewed(reply, now=self._signing_time()) and reply.date is not None:
            self._signing_offset_s = (reply.date - self._clock.now()).total_seconds()
            if body is not None:
                body.taken_bytes = 0
            reply = await self._once(ask, body=body, body_sha256=body_sha256)
        return reply

    def checked(self, reply: Reply, request: str) -> Reply:
        """Return a good reply as it is; ``request`` says what was asked.

        Raises:
            TransientError, PermanentError: what the reply means, see `error_of`.
        """
        if not reply.ok:
            raise error_of(reply, request=request, now=self.now())
        return reply

    @asynccontextmanager
    async def stream(self, ask: Ask) -> AsyncIterator[tuple[Reply, httpx2.Response]]:
        """Send a request and give its reply with the body still to come.

        Raises:
            StoreUnreachable: no reply came.
        """
        response = await self._send(ask, body=None, body_sha256="")
        try:
            error = not response.is_success
            body, cut = await _read_some(response, ERROR_BODY_BYTES) if error else (b"", False)
            yield self._noted(response, body=body, cut=cut), response
        finally:
            await response.aclose()

    async def close(self) -> None:
        """Close every connection."""
        await self._http.aclose()

    async def _once(self, ask: Ask, *, body: SpoolRange | None, body_sha256: str) -> Reply:
        response = await self._send(ask, body=body, body_sha256=body_sha256)
        try:
            limit = REPLY_BODY_BYTES if response.is_success else ERROR_BODY_BYTES
            content, cut = await _read_some(response, limit)
        except _TROUBLE as error:
            raise _unreachable(ask, error) from error
        finally:
            await response.aclose()
        return self._noted(response, body=content, cut=cut)

    async def _send(
        self, ask: Ask, *, body: SpoolRange | None, body_sha256: str
    ) -> httpx2.Response:
        request = self._request(ask, body=body, body_sha256=body_sha256)
        try:
            return await self._http.send(request, stream=True)
        except _TROUBLE as error:
            raise _unreachable(ask, error) from error

    def _request(self, ask: Ask, *, body: SpoolRange | None, body_sha256: str) -> httpx2.Request:
        path = encoded_path(f"/{self.options.bucket}" + (f"/{ask.key}" if ask.key else ""))
        headers = signed_headers(
            Unsigned(
                method=ask.method,
                path=path,
                query=ask.query,
                headers={"host": self._endpoint.netloc.decode(), **ask.headers},
                payload_sha256=body_sha256 or hashlib.sha256(ask.payload).hexdigest(),
            ),
            credentials=self._credentials.current(),
            region=self.options.region,
            when=self._signing_time(),
        )
        if ask.method in {"PUT", "POST"}:
            size_bytes = len(ask.payload) if body is None else body.size_bytes
            headers["content-length"] = str(size_bytes)
        query = encoded_query(ask.query)
        target = path + (f"?{query}" if query else "")
        # Made here and not by the client, which would add headers and cookies of its own.
        return httpx2.Request(
            ask.method,
            self._endpoint.copy_with(raw_path=target.encode()),
            headers={**headers, "user-agent": "dockd", "accept-encoding": "identity"},
            stream=httpx2.ByteStream(ask.payload) if body is None else body,
            extensions={"timeout": self._timeout(ask).as_dict(), "trace": _tuned},
        )

    def _timeout(self, ask: Ask) -> httpx2.Timeout:
        patience = self.options.patience
        return httpx2.Timeout(
            patience.progress_s,
            connect=patience.connect_s,
            read=ask.read_timeout_s or patience.progress_s,
            # Waiting for one of our own connections is no sign of trouble.
            pool=None,
        )

    def _signing_time(self) -> datetime:
        return self._clock.now() + timedelta(seconds=self._signing_offset_s)

    def _noted(self, response: httpx2.Response, *, body: bytes, cut: bool) -> Reply:
        reply = Reply(
            status=response.status_code,
            headers={name.lower(): value for name, value in response.headers.items()},
            body=body,
            cut=cut,
        )
        if reply.date is not None:
            self.clock_offset_s = (reply.date - self._clock.now().astimezone(UTC)).total_seconds()
        if reply.status < HTTPStatus.INTERNAL_SERVER_ERROR:
            # A 502 comes from whatever stands before the store and says nothing about it.
            self.server = reply.headers.get("server", "")
        return reply


async def _read_some(response: httpx2.Response, limit_bytes: int) -> tuple[bytes, bool]:
    """Return the body up to a limit, and whether there was more."""
    content = bytearray()
    async for chunk in response.aiter_raw():
        content += chunk
        if len(content) > limit_bytes:
            return bytes(content[:limit_bytes]), True
    return bytes(content), False


def _tls(options: S3Options) -> ssl.SSLContext:
    # The system's certificates, which an administrator can add to, unless a file is named.
    context = ssl.create_default_context(cafile=options.ca_file)
    if options.client_cert is not None:
        context.load_cert_chain(options.client_cert, options.client_key)
    return context


async def _tuned(event: str, info: Mapping[str, Any]) -> None:
    """Tune a new connection's socket, through a proxy or not (httpcore2's "trace" extension)."""
    if event == "connection.connect_tcp.complete":
        sock = info["return_value"].get_extra_info("socket")
        sock.setsockopt(socket.IPPROTO_TCP, _TCP_NOTSENT_LOWAT, _UNSENT_BYTES)


def _unreachable(ask: Ask, error: Exception) -> StoreUnreachable:
    kind = type(error).__name__
    return StoreUnreachable(
        f"{ask}: {str(error) or kind}",
        error=kind,
        connected=not isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout),
    )
