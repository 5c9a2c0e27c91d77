"""One signed request to an S3 endpoint and its reply, read safely."""

import hashlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http import HTTPStatus
from ipaddress import ip_address
from typing import Any, Final

import httpx2

from dockd.errors import StoreUnreachable
from dockd.ports.clock import Clock
from dockd.stores.s3.body import SpoolRange
from dockd.stores.s3.connections import Connections
from dockd.stores.s3.credentials import CredentialsFile
from dockd.stores.s3.options import S3Options
from dockd.stores.s3.patient import tune
from dockd.stores.s3.replies import ERROR_BODY_BYTES, Reply, error_of, skewed
from dockd.stores.s3.sending import Request, Sender
from dockd.stores.s3.sigv4 import Unsigned, encoded_path, encoded_query, signed_headers
from dockd.stores.s3.tls import TlsFiles

REPLY_BODY_BYTES: Final = 8 * 1024 * 1024
# TLS trouble after the handshake comes as the plain ssl.SSLError, an OSError.
_TROUBLE: Final = (httpx2.TransportError, OSError)
_LIMITS: Final = httpx2.Limits(max_connections=32, max_keepalive_connections=8, keepalive_expiry=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One request: ``key`` is None for the bucket itself.

    ``payload`` is the body, unless it is a range of the spool, which is handed in beside this.
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
        server: The last reply's ``Server`` header.
    """

    def __init__(self, options: S3Options, *, clock: Clock) -> None:
        self.options = options
        self._store_time_less_ours_s: float | None = None
        self.server: str | None = None
        self._clock = clock
        self._credentials = CredentialsFile(options.credentials)
        self._signing_offset_s = 0.0
        self._endpoint = httpx2.URL(options.endpoint)
        self._tls = TlsFiles(
            ca_file=options.ca_file, cert=options.client_cert, key=options.client_key
        )
        self._connections = Connections(
            options.endpoint,
            tls=self._tls.context,
            connect_s=options.patience.connect_s,
            monotonic_s=clock.monotonic_s,
        )
        self._sender = Sender(self._connections, progress_s=options.patience.progress_s)
        self._tuned = _tuning(silence_s=options.patience.progress_s)
        self._http = _http(self._tls.context, proxy_url=self._connections.proxy_url)

    @property
    def clock_offset_s(self) -> float | None:
        """How far the store's clock is ahead of ours by its last reply, or None before one.

        Its clock is followed by the monotonic one: when ours is set the offset is another at once.
        """
        if self._store_time_less_ours_s is None:
            return None
        store_s = self._store_time_less_ours_s + self._clock.monotonic_s()
        return store_s - self._clock.now().timestamp()

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
        response = await self._send(ask)
        try:
            error = not response.is_success
            body, cut = await _read_some(response, ERROR_BODY_BYTES) if error else (b"", False)
            yield self._noted(_reply(response, body=body, cut=cut)), response
        finally:
            await response.aclose()

    async def close(self) -> None:
        """Close every connection."""
        self._sender.close()
        await self._http.aclose()

    async def _once(self, ask: Ask, *, body: SpoolRange | None, body_sha256: str) -> Reply:
        if body is not None:
            return self._noted(
                await self._sender.send(self._with_body(ask, body, body_sha256), body)
            )
        response = await self._send(ask)
        try:
            limit = REPLY_BODY_BYTES if response.is_success else ERROR_BODY_BYTES
            content, cut = await _read_some(response, limit)
        except _TROUBLE as error:
            raise _unreachable(ask, error) from error
        finally:
            await response.aclose()
        return self._noted(_reply(response, body=content, cut=cut))

    async def _send(self, ask: Ask) -> httpx2.Response:
        path, headers = self._signed(ask, payload_sha256=hashlib.sha256(ask.payload).hexdigest())
        if ask.method in {"PUT", "POST"}:
            headers["content-length"] = str(len(ask.payload))
        # Made here and not by the client, which would add headers and cookies of its own.
        request = httpx2.Request(
            ask.method,
            self._endpoint.copy_with(raw_path=path.encode()),
            headers=headers,
            stream=httpx2.ByteStream(ask.payload),
            extensions={"timeout": self._timeout(ask).as_dict(), "trace": self._tuned},
        )
        try:
            return await self._http.send(request, stream=True)
        except _TROUBLE as error:
            raise _unreachable(ask, error) from error

    def _with_body(self, ask: Ask, body: SpoolRange, body_sha256: str) -> Request:
        path, headers = self._signed(ask, payload_sha256=body_sha256)
        headers["content-length"] = str(body.size_bytes)
        return Request(method=ask.method, path=path, headers=headers, what=str(ask))

    def _signed(self, ask: Ask, *, payload_sha256: str) -> tuple[str, dict[str, str]]:
        """Return the path with its query, and all headers but the body's length.

        Raises:
            StoreUnreachable: there is no way to the store that we could take.
            StoreRefusedCredentials: the credentials file cannot be used.
        """
        self._connections.check_proxy()
        self._tls.refresh()
        path = encoded_path(f"/{self.options.bucket}" + (f"/{ask.key}" if ask.key else ""))
        headers = signed_headers(
            Unsigned(
                method=ask.method,
                path=path,
                query=ask.query,
                headers={"host": self._endpoint.netloc.decode(), **ask.headers},
                payload_sha256=payload_sha256,
            ),
            credentials=self._credentials.current(),
            region=self.options.region,
            when=self._signing_time(),
        )
        query = encoded_query(ask.query)
        more = {"user-agent": "dockd", "accept-encoding": "identity"}
        return path + (f"?{query}" if query else ""), {**headers, **more}

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

    def _noted(self, reply: Reply) -> Reply:
        if reply.date is not None:
            self._store_time_less_ours_s = reply.date.timestamp() - self._clock.monotonic_s()
        if reply.status < HTTPStatus.INTERNAL_SERVER_ERROR:
            # A 502 comes from whatever stands before the store and says nothing about it.
            self.server = reply.headers.get("server", "")
        return reply


def _reply(response: httpx2.Response, *, body: bytes, cut: bool) -> Reply:
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Reply(status=response.status_code, headers=headers, body=body, cut=cut)


async def _read_some(response: httpx2.Response, limit_bytes: int) -> tuple[bytes, bool]:
    """Return the body up to a limit, and whether there was more."""
    content = bytearray()
    async for chunk in response.aiter_raw():
        content += chunk
        if len(content) > limit_bytes:
            return bytes(content[:limit_bytes]), True
    return bytes(content), False


def _http(tls: ssl.SSLContext, *, proxy_url: str | None) -> httpx2.AsyncClient:
    """Return the client for questions; it goes the way that bodies go, and looks for no other."""
    # One that cannot be used is refused before anything is sent.
    proxy = httpx2.Proxy(proxy_url) if proxy_url and proxy_url.startswith("http://") else None
    return httpx2.AsyncClient(
        verify=tls, limits=_LIMITS, follow_redirects=False, proxy=proxy, trust_env=False
    )


def _tuning(*, silence_s: float) -> Callable[[str, Mapping[str, Any]], Awaitable[None]]:
    """Return what tunes a new connection, through a proxy or not (httpcore2's "trace")."""

    async def tuned(event: str, info: Mapping[str, Any]) -> None:
        if event == "connection.connect_tcp.complete":
            tune(info["return_value"].get_extra_info("socket"), silence_s=silence_s)

    return tuned


def _unreachable(ask: Ask, error: Exception) -> StoreUnreachable:
    kind = type(error).__name__
    silent = isinstance(error, httpx2.ReadTimeout | httpx2.WriteTimeout)
    return StoreUnreachable(
        f"{ask}: {str(error) or kind}",
        error=kind,
        silent=silent,
        connected=not isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout),
    )
