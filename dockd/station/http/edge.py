"""The edge of the application: who may ask what on which listener, and the Date of the answer."""

import hmac
import http
from collections.abc import Awaitable, Callable, MutableMapping
from email.utils import format_datetime
from pathlib import Path
from typing import Any, Final

from dockd.errors import Refused, RequestInvalid
from dockd.ports.clock import Clock
from dockd.station.http.refusals import refusal

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]

_READING: Final = frozenset({"GET", "HEAD"})


class OrdersBySocketOnly(RequestInvalid):
    """An order came over TCP, where nobody knows who gives it."""

    slug = "orders-by-socket-only"
    next_step = "Use the dockd command on the station, as a member of the group dockd-admin."


class TokenRefused(Refused):
    """A reader showed no bearer token, or a wrong one."""

    slug = "token-refused"
    next_step = "Send `Authorization: Bearer ...` with the token of the station's token_file."


class BearerToken:
    """The token that readers beyond the station show; its file is read again when it changes."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._seen_mtime_ns = -1
        self._token = b""

    def matches(self, authorization: bytes) -> bool:
        """Return whether this is the header that the token asks for; never with an empty token."""
        scheme, _, shown = authorization.partition(b" ")
        wanted = self._current()
        return (
            bool(wanted)
            and scheme.lower() == b"bearer"
            and hmac.compare_digest(shown.strip(), wanted)
        )

    def _current(self) -> bytes:
        try:
            mtime_ns = self._file.stat().st_mtime_ns
            if mtime_ns != self._seen_mtime_ns:
                self._token = self._file.read_bytes().strip()
                self._seen_mtime_ns = mtime_ns
        except OSError:
            return b""
        return self._token


class Edge:
    """Wraps the application: everything passes here first, on either listener."""

    def __init__(self, app: Application, *, clock: Clock, token: BearerToken | None) -> None:
        """``token`` is asked for on TCP; on the socket the kernel vouches for the peer."""
        self._app = app
        self._clock = clock
        self._token = token

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request (ASGI 3)."""

        async def send_dated(message: Message) -> None:
            if message["type"] == "http.response.start":
                date = format_datetime(self._clock.now(), usegmt=True)
                message["headers"] = [*message.get("headers", ()), (b"date", date.encode())]
            await send(message)

        await self._admitted(scope)(scope, receive, send_dated)

    def _admitted(self, scope: Message) -> Application:
        """Return who answers this request: the application, or a refusal."""
        if scope["type"] != "http" or scope.get("state", {}).get("peer") is not None:
            return self._app
        if self._token is not None and not self._token.matches(_authorization(scope)):
            return refusal(
                TokenRefused("this listener asks for a bearer token"),
                status=http.HTTPStatus.UNAUTHORIZED,
                headers={"www-authenticate": "Bearer"},
            )
        if scope["method"] not in _READING:
            return refusal(
                OrdersBySocketOnly("orders are taken on the station's Unix socket only"),
                status=http.HTTPStatus.METHOD_NOT_ALLOWED,
                headers={"allow": "GET"},
            )
        return self._app


def _authorization(scope: Message) -> bytes:
    shown: bytes = next(
        (value for name, value in scope["headers"] if name == b"authorization"), b""
    )
    return shown
