"""One request to a store and its reply, read safely; what it says is for the family to know."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from http import HTTPStatus
from ipaddress import ip_address
from typing import Any, Final

import httpx2

from dockd.errors import StoreUnreachable
from dockd.ports.clock import Clock
from dockd.stores.http.body import SpoolRange
from dockd.stores.http.connections import Connections
from dockd.stores.http.endpoint import Endpoint
from dockd.stores.http.patient import tune
from dockd.stores.http.replies import ERROR_BODY_BYTES, Reply
from dockd.stores.http.sending import Request, Sender
from dockd.stores.http.tls import TlsFiles

REPLY_BODY_BYTES: Final = 8 * 1024 * 1024
_AT_LEAST_BYTES: Final = 64 * 1024
# TLS trouble after the handshake comes as the plain ssl.SSLError, an OSError.
_TROUBLE: Final = (httpx2.TransportError, OSError)
_LIMITS: Final = httpx2.Limits(max_connections=32, max_keepalive_connections=8, keepalive_expiry=30)


class HttpClient:
    """Sends and reads; knows the store's clock and what software it says it runs.

    Attributes:
        server: The last reply's ``Server`` header.
    """

    def __init__(self, endpoint: Endpoint, *, clock: Clock) -> None:
        self._store_time_less_ours_s: float | None = None
        self.server: str | None = None
        self._patience: Final = endpoint.patience
        self._clock: Final = clock
        self._url: Final = httpx2.URL(endpoint.url)
        self._tls: Final = TlsFiles(
            ca_file=endpoint.ca_file, cert=endpoint.client_cert, key=endpoint.client_key
        )
        self._connections: Final = Connections(
            endpoint.url,
            tls=self._tls.context,
            connect_s=endpoint.patience.connect_s,
            monotonic_s=clock.monotonic_s,
        )
        self._sender: Final = Sender(
            self._connections,
            progress_s=endpoint.patience.progress_s,
            reply_s=endpoint.patience.reply_s,
        )
        self._tuned: Final = _tuning(silence_s=endpoint.patience.progress_s)
        self._http: Final = _http(self._tls.context, proxy_url=self._connections.proxy_url)

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
    def host(self) -> str:
        """What the ``Host`` header says."""
        return self._url.netloc.decode()

    @property
    def authentic(self) -> bool:
        """Whether a reply is the store's at all: it came over TLS, or never left this machine."""
        if self._url.scheme == "https":
            return True
        if self._connections.proxy_url is not None:
            # What is loopback there is the proxy's to say.
            return False
        if self._url.host == "localhost":
            return True
        try:
            return ip_address(self._url.host).is_loopback
        except ValueError:
            return False

    def now(self) -> datetime:
        """Return the store's time in UTC as far as it is known, else the station's."""
        return self._clock.now() + timedelta(seconds=self.clock_offset_s or 0.0)

    async def ask(self, request: Request, *, limit_bytes: int = REPLY_BODY_BYTES) -> Reply:
        """Send a request whose body is in hand and return the reply, whatever it says.

        Of a good reply's body ``limit_bytes`` are read, of an error's `ERROR_BODY_BYTES`.

        Raises:
            StoreUnreachable: no whole reply came.
        """
        async with self._whole_in_time(request):
            response = await self._send(request)
            try:
                limit = limit_bytes if response.is_success else ERROR_BODY_BYTES
                content, cut = await _read_some(response, limit)
            finally:
                await response.aclose()
        return self._noted(_reply(response, body=content, cut=cut))

    async def send(self, request: Request, body: SpoolRange) -> Reply:
        """Send a request whose body is a range of the spool and return the reply.

        Raises:
            StoreUnreachable: no whole reply came.
            StoreChecksumMismatch: the spool's copy cannot be read.
        """
        self._refresh()
        return self._noted(await self._sender.send(request, body))

    @asynccontextmanager
    async def stream(self, request: Request) -> AsyncIterator[tuple[Reply, AsyncIterator[bytes]]]:
        """Send a request and give its reply with the body still to come, as it is on the wire.

        Raises:
            StoreUnreachable: no reply came, or, from the body, it broke off.
        """
        async with self._whole_in_time(request):
            response = await self._send(request)
        try:
            async with self._whole_in_time(request):
                error = not response.is_success
                body, cut = await _read_some(response, ERROR_BODY_BYTES) if error else (b"", False)
            content = _content(request, response, reply_s=self._patience.reply_s)
            yield self._noted(_reply(response, body=body, cut=cut)), content
        finally:
            await response.aclose()

    async def close(self) -> None:
        """Close every connection."""
        self._sender.close()
        await self._http.aclose()

    async def _send(self, request: Request) -> httpx2.Response:
        self._refresh()
        # Made here and not by the client, which would add headers and cookies of its own.
        built = httpx2.Request(
            request.method,
            self._url.copy_with(raw_path=request.path.encode()),
            headers=dict(request.headers),
            stream=httpx2.ByteStream(request.payload),
            extensions={"timeout": self._timeout(request).as_dict(), "trace": self._tuned},
        )
        try:
            return await self._http.send(built, stream=True)
        except _TROUBLE as error:
            raise _unreachable(request, error) from error

    @asynccontextmanager
    async def _whole_in_time(self, request: Request) -> AsyncIterator[None]:
        """Give up a reply that comes byte by byte: each is in time, and the last one never comes.

        Raises:
            StoreUnreachable
        """
        within_s = (request.read_timeout_s or self._patience.progress_s) + self._patience.reply_s
        deadline = asyncio.timeout(within_s)
        try:
            async with deadline:
                yield
        except _TROUBLE as error:
            late = TimeoutError(f"no whole reply within {within_s:.0f} s")
            raise _unreachable(request, late if deadline.expired() else error) from error

    def _refresh(self) -> None:
        """Look at what may have changed since the last request.

        Raises:
            StoreUnreachable: there is no way to the store that we could take.
        """
        self._connections.check_proxy()
        self._tls.refresh()

    def _timeout(self, request: Request) -> httpx2.Timeout:
        return httpx2.Timeout(
            self._patience.progress_s,
            connect=self._patience.connect_s,
            read=request.read_timeout_s or self._patience.progress_s,
            # Waiting for one of our own connections is no sign of trouble.
            pool=None,
        )

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


async def _content(
    request: Request, response: httpx2.Response, *, reply_s: float
) -> AsyncIterator[bytes]:
    time_s = asyncio.get_running_loop().time
    until_s, came_bytes = time_s() + reply_s, 0
    try:
        async for chunk in response.aiter_raw():
            yield chunk
            came_bytes += len(chunk)
            if came_bytes >= _AT_LEAST_BYTES:
                until_s, came_bytes = time_s() + reply_s, 0
            elif time_s() > until_s:
                raise TimeoutError(f"less than {_AT_LEAST_BYTES} bytes came in {reply_s:.0f} s")
    except _TROUBLE as error:
        raise _unreachable(request, error) from error


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


def _unreachable(request: Request, error: Exception) -> StoreUnreachable:
    kind = type(error).__name__
    return StoreUnreachable(
        f"{request.what}: {str(error) or kind}",
        error=kind,
        silent=isinstance(error, httpx2.ReadTimeout | httpx2.WriteTimeout),
        connected=not isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout),
    )
