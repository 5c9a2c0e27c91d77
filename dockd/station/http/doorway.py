"""Who is let in at a listener: so many at once, TLS not yet agreed on or long since.

asyncio's own server holds everybody who connects for a minute until TLS is agreed on, and only then
tells of them: whoever says nothing would cost memory without being counted.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable
from typing import Final

from dockd.ports.clock import Clock
from dockd.station.http.connection import LimitedProtocol
from dockd.station.http.limits import Limits

# What the kernel has no room for now it may have then.
_AGAIN_S: Final = 1.0


class Doorway:
    """Takes in connections at a bound listener, and counts them from then until they end."""

    def __init__(
        self, listener: socket.socket, *, tls: ssl.SSLContext | None, limits: Limits, clock: Clock
    ) -> None:
        """Nobody is let in yet."""
        self._listener = listener
        self._tls = tls
        self._limits = limits
        self._clock = clock
        self._inside = 0

    async def run(self, protocol: Callable[[], LimitedProtocol]) -> None:
        """Let peers in until cancelled; whoever has agreed on TLS by then is not thrown out."""
        self._listener.settimeout(0)
        async with asyncio.TaskGroup() as group:
            while True:
                connection = await self._next()
                if connection is None:
                    await self._clock.sleep(_AGAIN_S)
                elif self._inside >= self._limits.connections:
                    connection.close()
                else:
                    self._inside += 1
                    group.create_task(self._stay(connection, protocol), name="http connection")
                # One that waits already is taken without a pause, and everything else has to go on.
                await asyncio.sleep(0)

    async def _next(self) -> socket.socket | None:
        """Return whoever comes next; None when the kernel cannot let anybody in."""
        loop = asyncio.get_running_loop()
        while True:
            try:
                connection, _ = await loop.sock_accept(self._listener)
            except ConnectionError:
                continue
            except OSError as error:
                loop.call_exception_handler({"message": "cannot accept", "exception": error})
                return None
            return connection

    async def _stay(
        self, connection: socket.socket, protocol: Callable[[], LimitedProtocol]
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
            self._inside -= 1
