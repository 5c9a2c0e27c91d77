"""Connections for sending bodies, kept from one to the next: the standard library's HTTP client.

httpx2 copies every chunk of a body twice and crosses the loop for it; in a thread of its own, with
the buffer handed to the socket as it is, a body costs less than half of that CPU (measured).
"""

import select
import ssl
import threading
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTP_PORT, HTTPS_PORT, HTTPConnection, HTTPSConnection
from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

from dockd.errors import StoreUnreachable

_KEPT: Final = 8
_KEPT_S: Final = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A connection that waits for its next body, and since when (monotonic seconds)."""

    connection: HTTPConnection
    since_s: float


class Connections:
    """Connections to one endpoint; safe to use from any thread.

    ``https_proxy``, ``http_proxy``, ``all_proxy`` and ``no_proxy`` of the environment are honoured.

    Attributes:
        proxy_url: The proxy on the way to the endpoint, or None.
    """

    def __init__(
        self,
        endpoint: str,
        *,
        tls: ssl.SSLContext,
        connect_s: float,
        monotonic_s: Callable[[], float],
    ) -> None:
        self._url: Final = urlsplit(endpoint)
        self._tls: Final = tls
        self._connect_s: Final = connect_s
        self._monotonic_s: Final = monotonic_s
        self._kept: list[Kept] = []
        self._lock: Final = threading.Lock()
        self.proxy_url: Final = _proxy_of(self._url)
        self._proxy: Final = urlsplit(self.proxy_url) if self.proxy_url else None

    def check_proxy(self) -> None:
        """Refuse a proxy that is spoken to in another way than plain HTTP: it is not known here.

        Raises:
            StoreUnreachable
        """
        if self._proxy is not None and self._proxy.scheme != "http":
            way = f"{self._proxy.scheme}://{self._proxy.hostname}"
            raise StoreUnreachable(
                f"the environment names the proxy {way}: only proxies of http:// can be used; "
                "name one, or the store's host in no_proxy",
                error="ProxyError",
                connected=False,
            )

    def take(self) -> HTTPConnection:
        """Return a connection that nobody else has; a new one is not connected yet."""
        now_s = self._monotonic_s()
        while True:
            with self._lock:
                if not self._kept:
                    return self._new()
                kept = self._kept.pop()
            sock = kept.connection.sock
            # Readable without a question: the other side has hung up, or talks out of turn.
            if now_s - kept.since_s < _KEPT_S and not select.select([sock], [], [], 0)[0]:
                return kept.connection
            kept.connection.close()

    def give_back(self, connection: HTTPConnection) -> None:
        """Keep a connection whose last reply was read to its end."""
        with self._lock:
            if len(self._kept) < _KEPT:
                self._kept.append(Kept(connection=connection, since_s=self._monotonic_s()))
                return
        connection.close()

    def close(self) -> None:
        """Close those that nobody has."""
        with self._lock:
            kept, self._kept = self._kept, []
        for one in kept:
            one.connection.close()

    def target(self, path: str) -> str:
        """Return what stands in the request line: the whole URL before a proxy for plain HTTP."""
        if self._proxy is not None and self._url.scheme == "http":
            return f"http://{self._url.netloc}{path}"
        return path

    def _new(self) -> HTTPConnection:
        via = self._proxy or self._url
        host, port = via.hostname or "", _port(via)
        if self._url.scheme == "http":
            return HTTPConnection(host, port, timeout=self._connect_s)
        connection = HTTPSConnection(host, port, timeout=self._connect_s, context=self._tls)
        if self._proxy is not None:
            connection.set_tunnel(self._url.hostname or "", _port(self._url), headers=self._pass())
        return connection

    def _pass(self) -> dict[str, str]:
        """Return what a proxy that wants a name and a password is shown (RFC 7617)."""
        if self._proxy is None or self._proxy.username is None:
            return {}
        pair = f"{unquote(self._proxy.username)}:{unquote(self._proxy.password or '')}"
        return {"proxy-authorization": "Basic " + b64encode(pair.encode()).decode()}


def _proxy_of(url: SplitResult) -> str | None:
    """Return what the environment names for a URL, by the rules of urllib and curl."""
    if proxy_bypass(url.hostname or ""):
        return None
    named = getproxies()
    proxy = named.get(url.scheme) or named.get("all")
    # A host and a port alone mean a proxy for plain HTTP, as with curl.
    return proxy if not proxy or "://" in proxy else f"http://{proxy}"


def _port(url: SplitResult) -> int:
    """Return the port, always: http.client looks for one that it is not told in the host itself."""
    return url.port or (HTTPS_PORT if url.scheme == "https" else HTTP_PORT)
