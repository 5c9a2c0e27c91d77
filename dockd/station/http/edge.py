"""The edge of the application: who may ask what on which listener, and what every answer has."""

import asyncio
import http
import re
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from email.utils import format_datetime
from typing import Any, Final

from dockd.config.values import ListenAddress
from dockd.errors import Refused, RequestInvalid
from dockd.ports.clock import Clock
from dockd.station.http import page
from dockd.station.http.access import Access, header
from dockd.station.http.limits import Limits
from dockd.station.http.refusals import refusal

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]

_READING: Final = frozenset({"GET", "HEAD"})
_HOST: Final = re.compile(r"\[?(?P<host>[^\[\]]+?)\]?(:[0-9]+)?")


class OrdersBySocketOnly(RequestInvalid):
    """An order came over TCP, where nobody knows who gives it."""

    slug = "orders-by-socket-only"
    next_step = "Use the dockd command on the station, as a member of the group dockd-admin."


class TokenRefused(Refused):
    """A reader showed no bearer token, or a wrong one."""

    slug = "token-refused"
    next_step = "Send `Authorization: Bearer ...` with the token of the station's token_file."


class NameRefused(RequestInvalid):
    """Somebody on the station itself asked under a name that is not the station's own."""

    slug = "host-refused"
    next_step = "Ask for http://127.0.0.1 or http://localhost, with the port of http.listen."


class BodyRefused(RequestInvalid):
    """A request's body is too large, or does not come."""

    slug = "body-refused"
    next_step = "Send at most 64 KiB, at once."


class Edge:
    """Wraps the application: everything passes here first, on either listener."""

    def __init__(
        self,
        app: Application,
        *,
        clock: Clock,
        access: Access | None,
        is_loopback: bool,
        limits: Limits,
    ) -> None:
        """``access`` is asked for on TCP; on the socket the kernel vouches for the peer.

        ``is_loopback``: TCP is for this machine only, so that a browser that comes under another
        name was sent by that name's owner (DNS rebinding).
        """
        self._app = app
        self._clock = clock
        self._access = access
        self._is_loopback = is_loopback
        self._limits = limits

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request (ASGI 3)."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        is_known = self._knows(scope)

        async def send_dated(message: Message) -> None:
            if message["type"] == "http.response.start":
                date = format_datetime(self._clock.now(), usegmt=True)
                # Names of cameras stand in answers as they are: no browser may take one for a page.
                added = [(b"date", date.encode()), (b"x-content-type-options", b"nosniff")]
                if not is_known:
                    # Nobody holds a connection who may not read: there are only so many.
                    added.append((b"connection", b"close"))
                message["headers"] = [*message.get("headers", ()), *added]
            await send(message)

        if scope["method"] not in _READING:
            try:
                receive = await _with_whole_body(receive, limits=self._limits)
            except BodyRefused as error:
                status = http.HTTPStatus.REQUEST_ENTITY_TOO_LARGE
                answer = refusal(error, status=status, headers={"connection": "close"})
                await answer(scope, receive, send_dated)
                return
        if self._access is not None and not is_known and header(scope, b"authorization"):
            await self._access.begrudge(scope)
        answers = self._admitted(scope, is_known=is_known)
        await answers(scope, self._while_known(scope, receive), send_dated)

    def _knows(self, scope: Message) -> bool:
        """Whether whoever asks may read here at all."""
        if scope.get("state", {}).get("peer") is not None:
            return True
        if self._is_loopback and not _is_for_us(scope):
            return False
        return self._access is None or self._access.admits(scope)

    def _while_known(self, scope: Message, receive: Receive) -> Receive:
        """Return a `receive` that ends with the right to read: an answer may go on for days."""

        async def received() -> Message:
            while True:
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._limits.key_again_s):
                        return await receive()
                if not self._knows(scope):
                    return {"type": "http.disconnect"}

        return received

    def _admitted(self, scope: Message, *, is_known: bool) -> Application:
        """Return who answers this request: the application, or a refusal."""
        if scope.get("state", {}).get("peer") is not None:
            return self._app
        if self._is_loopback and not _is_for_us(scope):
            return refusal(
                NameRefused("this listener is for the station itself, and not by that name"),
                status=http.HTTPStatus.MISDIRECTED_REQUEST,
            )
        if self._access is not None and scope["path"] == page.LOGIN_PATH:
            return self._app if scope["method"] in _READING else self._access.log_in
        if not is_known:
            return self._refused(scope)
        if scope["method"] not in _READING:
            return refusal(
                OrdersBySocketOnly("orders are taken on the station's Unix socket only"),
                status=http.HTTPStatus.METHOD_NOT_ALLOWED,
                headers={"allow": "GET"},
            )
        return self._app

    def _refused(self, scope: Message) -> Application:
        """Return what those get whom nobody knows: a page's own parts, a way in, or a refusal."""
        if scope["path"] in page.PUBLIC and scope["method"] in _READING:
            return self._app
        if scope["path"] == "/" and b"text/html" in header(scope, b"accept"):
            return page.redirect(page.LOGIN_PATH)
        return refusal(
            TokenRefused("this listener asks for a bearer token"),
            status=http.HTTPStatus.UNAUTHORIZED,
            headers={"www-authenticate": "Bearer"},
        )


def _is_for_us(scope: Message) -> bool:
    """Whether a request names this machine, at whichever port; no browser leaves the name out."""
    shown = header(scope, b"host").decode("latin-1")
    name = _HOST.fullmatch(shown)
    return not shown or (name is not None and ListenAddress(name["host"], 0).is_loopback)


async def _with_whole_body(receive: Receive, *, limits: Limits) -> Receive:
    """Return a `receive` that has the body already, so that it is bounded in size and time.

    Raises:
        BodyRefused: it is too large, or it does not come.
    """
    body = b""
    try:
        async with asyncio.timeout(limits.body_within_s):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    # Half an order may read like a whole one.
                    raise BodyRefused("the peer left before its body had come")
                body += message.get("body", b"")
                if len(body) > limits.body_bytes:
                    raise BodyRefused(f"the body is larger than {limits.body_bytes} bytes")
                if not message.get("more_body", False):
                    break
    except TimeoutError:
        raise BodyRefused(f"the body did not come within {limits.body_within_s:.0f} s") from None
    whole: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return whole.pop() if whole else await receive()

    return replay
