"""uvicorn on sockets that dockd bound, inside dockd's TaskGroup, without a pulse of its own.

uvicorn's own loop wakes ten times a second, takes the process's signals over and makes sockets
with mode 0666. Here it gets bound sockets, leaves signals alone, and sleeps until cancelled.
"""

import asyncio
import logging
import os
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import uvicorn

from dockd.config.values import ListenAddress
from dockd.ports.clock import Clock
from dockd.station.http import listeners
from dockd.station.http.access import Access, BearerToken
from dockd.station.http.connection import PIECE_BYTES, LimitedProtocol
from dockd.station.http.doorway import Doorway
from dockd.station.http.edge import Application, Edge
from dockd.station.http.limits import Limits

_GRACE_S: Final = 2
_KEEP_ALIVE_S: Final = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class TcpSettings:
    """Where TCP is listened on, and what is asked of readers there."""

    host: str
    port: int
    tls_cert: Path | None = None
    tls_key: Path | None = None
    client_ca: Path | None = None
    token_file: Path | None = None
    limits: Limits = field(default_factory=Limits)


class HttpServer:
    """The station's two listeners; `bind` first, then `run` in a TaskGroup."""

    def __init__(
        self,
        app: Application,
        *,
        clock: Clock,
        tcp: TcpSettings,
        unix: Path,
        guessed: Callable[[str], None] = lambda _: None,
    ) -> None:
        """``guessed`` is told the address of whoever shows a wrong token."""
        self._tcp = tcp
        self._unix = unix
        self._clock = clock
        # A line for each malformed request would let anybody flood the journal; mistakes of dockd's
        # own are errors, and are still told.
        logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
        access = None
        if tcp.token_file is not None:
            access = Access(BearerToken(tcp.token_file), clock=clock, guessed=guessed)
        self._is_loopback = ListenAddress(tcp.host, tcp.port).is_loopback
        self._app = Edge(
            app, clock=clock, access=access, is_loopback=self._is_loopback, limits=tcp.limits
        )
        self._sockets: list[socket.socket] = []
        self._unix_inode = 0

    @property
    def listen(self) -> str:
        """The address that TCP is bound to, as ``127.0.0.1:8470``; empty before `bind`."""
        if not self._sockets:
            return ""
        host, port = self._sockets[0].getsockname()[:2]
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    def bind(self) -> None:
        """Bind both sockets.

        Raises:
            ListenerRefused: one of them cannot be; neither stays bound.
        """
        tcp = listeners.bind_tcp(self._tcp.host, self._tcp.port)
        try:
            unix = listeners.bind_unix(self._unix)
        except BaseException:
            tcp.close()
            raise
        self._unix_inode = self._unix.lstat().st_ino
        self._sockets = [tcp, unix]

    async def run(self) -> None:
        """Answer until cancelled; what is being answered then has two seconds to finish."""
        tcp, unix = self._sockets
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._serve(tcp, **self._tls()), name="http tcp")
                group.create_task(self._serve(unix), name="http socket")
        finally:
            self.close()

    def close(self) -> None:
        """Close both sockets and remove the socket's file."""
        for listener in self._sockets:
            listener.close()
        listeners.remove_unix(self._unix, inode=self._unix_inode)

    async def _serve(self, listener: socket.socket, **tls: Any) -> None:  # noqa: ANN401 - uvicorn's
        limits = self._tcp.limits
        config = uvicorn.Config(
            self._app,
            http="h11",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            # Both would be refreshed by the loop that does not run here; the edge adds the Date.
            date_header=False,
            server_header=False,
            timeout_keep_alive=_KEEP_ALIVE_S,
            timeout_graceful_shutdown=_GRACE_S,
            h11_max_incomplete_event_size=limits.header_bytes - PIECE_BYTES,
            **tls,
        )
        config.load()
        server = uvicorn.Server(config)
        server.lifespan = config.lifespan_class(config)
        # Who is let in is decided here, before uvicorn hears of them.
        server.servers = []
        doorway = Doorway(
            listener,
            tls=config.ssl,
            tells_apart=listener.family != socket.AF_UNIX and not self._is_loopback,
            limits=limits,
            clock=self._clock,
        )

        def connection() -> LimitedProtocol:
            return LimitedProtocol(
                config=config, server_state=server.server_state, app_state={}, limits=limits
            )

        try:
            await doorway.run(connection)
        finally:
            await server.shutdown(sockets=[listener])

    def _tls(self) -> dict[str, Any]:
        if self._tcp.tls_cert is None or self._tcp.tls_key is None:
            return {}
        tls: dict[str, Any] = {
            "ssl_certfile": os.fspath(self._tcp.tls_cert),
            "ssl_keyfile": os.fspath(self._tcp.tls_key),
        }
        if self._tcp.client_ca is not None:
            tls["ssl_ca_certs"] = os.fspath(self._tcp.client_ca)
            tls["ssl_cert_reqs"] = ssl.CERT_REQUIRED
        return tls
