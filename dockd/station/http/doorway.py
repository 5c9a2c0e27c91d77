"""Who is let in at a listener: so many at once and of one address, before TLS and after it.

asyncio's own server holds everybody who connects for a minute until TLS is agreed on, and only then
tells of them: whoever says nothing would cost memory without being counted.
"""

import asyncio
import socket
import ssl
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from dockd.ports.clock import Clock
from dockd.station.http.connection import LimitedProtocol
from dockd.station.http.limits import Limits

# What the kernel has no room for now it may have then.
_AGAIN_S: Final = 1.0


class Doorway:
    """Takes in connections at a bound listener, and counts them from then until they end."""

    def __init__(
        self,
        listener: socket.socket,
        *,
        tls: ssl.SSLContext | None,
        tells_apart: bool,
        limits: Limits,
        clock: Clock,
    ) -> None:
        """Nobody is let in yet; ``tells_apart``: peers have addresses that are their own."""
        self._listener = listener
        self._tls = tls
        self._tells_apart = tells_apart
        self._limits = limits
        self._clock = clock
        self._inside: Counter[str] = Counter()

    async def run(self, protocol: Callable[[], LimitedProtocol]) -> None:
        """Let peers in until cancelled; whoever has agreed on TLS by then is not thrown out."""
        self._listener.settimeout(0)
        async with asyncio.TaskGroup() as group:
            while True:
                try:
                    connection, host = await self._next()
                except OSError as error:
                    told = {"message": "no connection can be accepted", "exception": error}
                    asyncio.get_running_loop().call_exception_handler(told)
                    await self._clock.sleep(_AGAIN_S)
                    continue
                if self._has_room_for(host):
                    staying = self._stay(connection, host, protocol)
                    self._inside[host] += 1
                    group.create_task(staying, name="http connection")
                else:
                    connection.close()
                # One that waits already is taken without a pause, and everything else has to go on.
                await asyncio.sleep(0)

    async def _next(self) -> tuple[socket.socket, str]:
        """Return whoever comes next, and from where."""
        while True:
            with suppress(ConnectionError):
                connection, address = await asyncio.get_running_loop().sock_accept(self._listener)
                return connection, address[0] if self._tells_apart else ""

    def _has_room_for(self, host: str) -> bool:
        limits = self._limits
        if self._tells_apart and self._inside[host] >= limits.connections_per_peer:
            return False
        return self._inside.total() < limits.connections

    async def _stay(
        self, connection: socket.socket, host: str, protocol: Callable[[], LimitedProtocol]
    ) -> None:
        loop = asyncio.get_running_loop()
        within_s = None if self._tls is None else self._limits.handshake_within_s
        try:
            _, inside = await loop.connect_accepted_socket(
                protocol,
                connection,
                ssl=self._tls,
                ssl_handshake_timeout=within_s,
                ssl_shutdown_timeout=within_s,
            )
        except OSError:
            # TLS that nobody agreed on, in time or at all: the peer's affair.
            pass
        except Exception as error:  # noqa: BLE001 - whatever one of them causes, others are let in
            loop.call_exception_handler({"message": "a connection failed", "exception": error})
        else:
            await inside.gone
        finally:
            self._inside[host] -= 1
            if not self._inside[host]:
                del self._inside[host]
