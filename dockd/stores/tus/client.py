"""One request to a tus server and its reply."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

from dockd.errors import DockdError, StoreRejected, StoreUnreachable
from dockd.ports.clock import Clock
from dockd.stores.http.body import SpoolRange
from dockd.stores.http.client import REPLY_BODY_BYTES, HttpClient
from dockd.stores.http.replies import Reply, error_of, kind_of
from dockd.stores.http.rereading import RereadFile
from dockd.stores.http.sending import Request
from dockd.stores.tus.options import TusOptions

VERSION: Final = "1.0.0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One request: ``target`` is a path with its query; ``about`` is what it is about, for people.

    ``payload`` is the body, unless it is a range of the spool, which is handed in beside this.
    """

    method: str
    target: str
    about: str
    headers: Mapping[str, str] = field(default_factory=dict)
    payload: bytes = b""

    def __str__(self) -> str:
        """Return the request for a person; an upload's address may be a secret and is left out."""
        return f"{self.method} {self.about}"


class TusClient:
    """Says who we are and what is spoken; the shared client does the rest."""

    def __init__(self, options: TusOptions, *, clock: Clock) -> None:
        self.options = options
        self._http = HttpClient(options.way, clock=clock)
        self._token = None if options.credentials is None else bearer_token(options.credentials)

    @property
    def authentic(self) -> bool:
        """Whether a reply is the store's at all."""
        return self._http.authentic

    @property
    def clock_offset_s(self) -> float | None:
        """How far the store's clock is ahead of ours by its last reply, or None before one."""
        return self._http.clock_offset_s

    @property
    def server(self) -> str | None:
        """The last reply's ``Server`` header."""
        return self._http.server

    def now(self) -> datetime:
        """Return the store's time in UTC as far as it is known, else the station's."""
        return self._http.now()

    async def ask(
        self, ask: Ask, *, body: SpoolRange | None = None, limit_bytes: int = REPLY_BODY_BYTES
    ) -> Reply:
        """Send a request and return the reply, whatever it says.

        Raises:
            StoreUnreachable: no whole reply came.
            StoreRefusedCredentials: the file with the token cannot be used.
        """
        if body is None:
            return await self._http.ask(
                self._request(ask, size_bytes=len(ask.payload)), limit_bytes=limit_bytes
            )
        return await self._http.send(self._request(ask, size_bytes=body.size_bytes), body)

    @asynccontextmanager
    async def stream(self, ask: Ask) -> AsyncIterator[tuple[Reply, AsyncIterator[bytes]]]:
        """Send a request and give its reply with the body still to come."""
        async with self._http.stream(self._request(ask, size_bytes=0)) as given:
            yield given

    def error(self, reply: Reply, ask: Ask, *, kind: type[DockdError] | None = None) -> DockdError:
        """Return the error that a reply is: ``kind``, or what its status says."""
        said = f"{ask}: the store answered {reply.status}"
        return error_of(reply, said=said, now=self.now(), kind=kind)

    def trouble(self, reply: Reply, ask: Ask) -> DockdError:
        """Return the error that a refused question is: the store's trouble, and never a clip's."""
        final = kind_of(reply.status) is StoreRejected
        return self.error(reply, ask, kind=StoreUnreachable if final else None)

    async def close(self) -> None:
        """Close every connection."""
        await self._http.close()

    def _request(self, ask: Ask, *, size_bytes: int) -> Request:
        headers = {
            "host": self._http.host,
            "tus-resumable": VERSION,
            "user-agent": "dockd",
            "accept-encoding": "identity",
            **ask.headers,
        }
        if ask.method in {"POST", "PATCH"}:
            headers["content-length"] = str(size_bytes)
        if self._token is not None:
            headers["authorization"] = f"Bearer {self._token.current()}"
        return Request(
            method=ask.method,
            path=ask.target,
            headers=headers,
            what=str(ask),
            payload=ask.payload,
        )


def bearer_token(path: Path) -> RereadFile[str]:
    """Return the token in a file, as it is whenever it is asked for (RFC 6750 section 2.1)."""
    return RereadFile(path, parse=_parsed)


def _parsed(text: str) -> str:
    token = text.strip()
    if not token or not all("!" <= character <= "~" for character in token):
        raise ValueError("it is not one bearer token")
    return token
