"""Who may read beyond the station: whoever shows the token, or logged in with it before.

A browser's EventSource sends no headers of the page's choosing, so that a page lives on a cookie.
"""

import hashlib
import hmac
import re
from collections.abc import Callable, Iterator, MutableMapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs

from fastapi import Response

from dockd.config import LEAST_TOKEN_BYTES
from dockd.ports.clock import Clock
from dockd.station.http import page

# Whoever guesses has to wait for each answer, with one of few connections.
_WRONG_TOKEN_S: Final = 1.0
_COOKIE: Final = "dockd-session"
# A rack's own screen is logged in once and then left alone; a new token ends every session.
_SESSION_S: Final = 90 * 86_400
_TIME: Final = re.compile(r"[0-9]{1,12}")


class BearerToken:
    """The token that readers beyond the station show; its file is read again when it changes.

    One that is too short is none.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._seen_mtime_ns = -1
        self._token = b""

    def matches(self, authorization: bytes) -> bool:
        """Return whether this is the header that the token asks for; never with an empty token."""
        scheme, _, shown = authorization.partition(b" ")
        return scheme.lower() == b"bearer" and self.is_it(shown)

    def is_it(self, shown: bytes) -> bool:
        """Return whether somebody has shown the token itself; an empty one is none."""
        wanted = self._current()
        return bool(wanted) and hmac.compare_digest(shown.strip(), wanted)

    def session(self, *, until_s: int) -> str:
        """Return what stands for the token until a time (of the wall clock); not the token."""
        proof = hmac.new(self._current(), b"dockd session %d" % until_s, hashlib.sha256)
        return f"{until_s}.{proof.hexdigest()}"

    def is_session(self, shown: str, *, now_s: float) -> bool:
        """Return whether this is a session of the token of now, and not over."""
        until, _, _ = shown.partition(".")
        if not self._current() or not _TIME.fullmatch(until):
            return False
        is_ours = hmac.compare_digest(shown.encode(), self.session(until_s=int(until)).encode())
        return is_ours and now_s < int(until)

    def _current(self) -> bytes:
        try:
            mtime_ns = self._file.stat().st_mtime_ns
            if mtime_ns != self._seen_mtime_ns:
                token = self._file.read_bytes().strip()
                self._token = token if len(token) >= LEAST_TOKEN_BYTES else b""
                self._seen_mtime_ns = mtime_ns
        except OSError:
            return b""
        return self._token


class Access:
    """Lets readers in by header or by cookie, and gives the cookie to whoever shows the token."""

    def __init__(self, token: BearerToken, *, clock: Clock, guessed: Callable[[str], None]) -> None:
        """Sessions end by ``clock``; ``guessed`` is told who showed a wrong token."""
        self._token = token
        self._clock = clock
        self._guessed = guessed

    def admits(self, scope: MutableMapping[str, Any]) -> bool:
        """Return whether who sent this request may read."""
        if self._token.matches(header(scope, b"authorization")):
            return True
        now_s = self._clock.now().timestamp()
        return any(
            self._token.is_session(shown, now_s=now_s)
            for shown in _sessions_in(header(scope, b"cookie"))
        )

    async def begrudge(self, scope: MutableMapping[str, Any]) -> None:
        """Have whoever showed a wrong token wait for the answer, and tell of it."""
        self._guessed((scope.get("client") or ("",))[0])
        await self._clock.sleep(_WRONG_TOKEN_S)

    async def log_in(self, scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:  # noqa: ANN401 - ASGI's
        """Answer the login page's form: to the station's page with a cookie, or back."""
        if not self._token.is_it(_shown_in((await receive()).get("body", b""))):
            await self.begrudge(scope)
            await page.redirect(f"{page.LOGIN_PATH}#refused")(scope, receive, send)
            return
        answer: Response = page.redirect("/")
        answer.set_cookie(
            _COOKIE,
            self._token.session(until_s=int(self._clock.now().timestamp()) + _SESSION_S),
            max_age=_SESSION_S,
            httponly=True,
            samesite="strict",
            secure=scope["scheme"] == "https",
        )
        await answer(scope, receive, send)


def _sessions_in(cookies: bytes) -> Iterator[str]:
    """Yield what is shown as a session; whatever else stands there is somebody else's.

    The standard library's own reader gives up at the first cookie that is not as it should be, and
    browsers show a host's cookies at each of its ports (RFC 6265, sections 5.4 and 8.5).
    """
    for cookie in cookies.decode("latin-1").split(";"):
        name, _, value = cookie.partition("=")
        if name.strip() == _COOKIE:
            yield value.strip()


def _shown_in(form: bytes) -> bytes:
    """Return the token in the login page's form; empty for what is no such form."""
    try:
        fields = parse_qs(form.decode(errors="replace"), max_num_fields=4)
    except ValueError:
        return b""
    # A browser's form is UTF-8, as the token's file is.
    return fields.get("token", [""])[0].encode()


def header(scope: MutableMapping[str, Any], name: bytes) -> bytes:
    """Return a header of a request, the first of that name; empty when there is none."""
    shown: bytes = next((value for key, value in scope["headers"] if key == name), b"")
    return shown
