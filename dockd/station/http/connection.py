"""One connection: who is at its other end, and how long that one may keep the station waiting.

uvicorn waits for ever for a request to be completed and for an answer to be read.
"""

import asyncio
import socket
from typing import Any, Final

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from dockd.station.http.limits import Limits
from dockd.station.http.peers import peer_of

EVENTS_PATH: Final = "/v1/events"
PIECE_BYTES: Final = 1024


class LimitedProtocol(H11Protocol):
    """HTTP/1.1 that knows who is at the other end of a Unix socket, and hangs up on who dawdles."""

    def __init__(self, *args: Any, limits: Limits, **settings: Any) -> None:  # noqa: ANN401 - uvicorn's
        """Begin one connection; what is not ``limits`` is uvicorn's."""
        super().__init__(*args, **settings)
        self._limits = limits
        self._request_due: asyncio.TimerHandle | None = None
        self._reading_due: asyncio.TimerHandle | None = None
        self.gone: asyncio.Future[None] = self.loop.create_future()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # a stream of the kernel is always a Transport
        """Note the peer's credentials before the first byte is read."""
        connection = transport.get_extra_info("socket")
        if connection is not None and connection.family == socket.AF_UNIX:
            self.app_state = {**self.app_state, "peer": peer_of(connection)}
        super().connection_made(transport)
        # Whatever the peer has not taken counts as waiting. Not 0: TLS would wait for nothing. Over
        # TLS something waits already, the session tickets, so that this pauses at once.
        transport.set_write_buffer_limits(high=1, low=0)
        self._request_due = self._due(self._limits.request_within_s)

    def data_received(self, data: bytes) -> None:
        """Take in what came; the deadline runs from a request's first byte to its last header."""
        # h11 bounds only headers that are not complete yet: piece by piece none grows beyond that.
        for begin in range(0, len(data), PIECE_BYTES):
            super().data_received(data[begin : begin + PIECE_BYTES])
            if self.transport.is_closing():
                break
        if not self._is_owed_more():
            self._forget_request()
        elif self._request_due is None:
            self._request_due = self._due(self._limits.request_within_s)

    def _is_owed_more(self) -> bool:
        """Whether nothing goes on until the peer sends the rest of something."""
        if self.conn.their_state is h11.IDLE:
            return True
        return self.conn.our_state is h11.DONE and self.conn.their_state is h11.SEND_BODY

    def pause_writing(self) -> None:
        """The peer does not take what is sent as fast as it comes."""
        super().pause_writing()
        if self._reading_due is None:
            self._reading_due = self._due(self._limits.read_within_s)

    def resume_writing(self) -> None:
        """It has taken everything."""
        super().resume_writing()
        self._forget_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the deadlines."""
        self._forget_request()
        self._forget_reading()
        super().connection_lost(exc)
        # Whoever waits for it may have been cancelled, and with it this.
        if not self.gone.done():
            self.gone.set_result(None)

    def shutdown(self) -> None:
        """End; an answer that never does is not waited for."""
        super().shutdown()
        # There is no cycle before the first request, whatever uvicorn's types say.
        if getattr(self.cycle, "scope", {}).get("path") == EVENTS_PATH:
            self.transport.close()

    def _due(self, within_s: float) -> asyncio.TimerHandle:
        return self.loop.call_later(within_s, self.transport.abort)

    def _forget_request(self) -> None:
        if self._request_due is not None:
            self._request_due.cancel()
            self._request_due = None

    def _forget_reading(self) -> None:
        if self._reading_due is not None:
            self._reading_due.cancel()
            self._reading_due = None
