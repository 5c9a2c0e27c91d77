"""One signed request to an S3 endpoint and its reply."""

import hashlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from dockd.ports.clock import Clock
from dockd.stores.http.body import SpoolRange
from dockd.stores.http.client import HttpClient
from dockd.stores.http.sending import Request
from dockd.stores.s3.credentials import credentials_file
from dockd.stores.s3.options import S3Options
from dockd.stores.s3.replies import S3Reply, error_of, skewed
from dockd.stores.s3.sigv4 import Unsigned, encoded_path, encoded_query, signed_headers


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One request: ``key`` is None for the bucket itself.

    ``payload`` is the body, unless it is a range of the spool, which is handed in beside this.
    ``read_timeout_s`` replaces the usual deadline for the reply's next bytes.
    """

    method: str
    key: str | None = None
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    payload: bytes = b""
    read_timeout_s: float | None = None

    def __str__(self) -> str:
        """Return the request for a person: method, subresource and key."""
        what = "?" + "&".join(self.query) if self.query else ""
        return f"{self.method} {self.key or 'the bucket'}{what}"


class S3Client:
    """Signs what the shared client sends, and corrects a clock that the store refuses."""

    def __init__(self, options: S3Options, *, clock: Clock) -> None:
        self.options = options
        self._clock = clock
        self._credentials = credentials_file(options.credentials)
        self._signing_offset_s = 0.0
        self._http = HttpClient(options.way, clock=clock)

    @property
    def authentic(self) -> bool:
        """Whether a reply is the store's at all."""
        return self._http.authentic

    @property
    def clock_offset_s(self) -> float | None:
        """How far the store's clock is ahead of ours by its last reply, or None."""
        return self._http.clock_offset_s

    @property
    def server(self) -> str | None:
        """The last reply's ``Server`` header."""
        return self._http.server

    def now(self) -> datetime:
        """Return the store's time in UTC as far as it is known, else the station's."""
        return self._http.now()

    async def ask(
        self, ask: Ask, *, body: SpoolRange | None = None, body_sha256: str = ""
    ) -> S3Reply:
        """Send a request and return the reply, whatever it says.

        A refused clock is corrected from the refusal and the request sent once more.

        Raises:
            StoreUnreachable: no whole reply came.
            StoreRefusedCredentials: the credentials file cannot be used.
        """
        reply = await self._once(ask, body=body, body_sha256=body_sha256)
        if skewed(reply, now=self._signing_time()) and reply.date is not None:
            self._signing_offset_s = (reply.date - self._clock.now()).total_seconds()
            reply = await self._once(ask, body=body, body_sha256=body_sha256)
        return reply

    def checked(self, reply: S3Reply, request: str) -> S3Reply:
        """Return a good reply as it is; ``request`` says what was asked.

        Raises:
            TransientError, PermanentError: what the reply means, see `error_of`.
        """
        if not reply.ok:
            raise error_of(reply, request=request, now=self.now())
        return reply

    @asynccontextmanager
    async def stream(self, ask: Ask) -> AsyncIterator[tuple[S3Reply, AsyncIterator[bytes]]]:
        """Send a request and give its reply with the body still to come.

        Raises:
            StoreUnreachable: no reply came.
        """
        async with self._http.stream(self._with_payload(ask)) as (reply, content):
            yield S3Reply.of(reply), content

    async def close(self) -> None:
        """Close every connection."""
        await self._http.close()

    async def _once(self, ask: Ask, *, body: SpoolRange | None, body_sha256: str) -> S3Reply:
        if body is None:
            return S3Reply.of(await self._http.ask(self._with_payload(ask)))
        length = {"content-length": str(body.size_bytes)}
        request = self._signed(ask, payload_sha256=body_sha256, more=length)
        return S3Reply.of(await self._http.send(request, body))

    def _with_payload(self, ask: Ask) -> Request:
        has_body = ask.method in {"PUT", "POST"}
        length = {"content-length": str(len(ask.payload))} if has_body else {}
        sha256 = hashlib.sha256(ask.payload).hexdigest()
        return self._signed(ask, payload_sha256=sha256, more=length)

    def _signed(self, ask: Ask, *, payload_sha256: str, more: Mapping[str, str]) -> Request:
        """Return the request as it goes out; ``more`` headers are not signed.

        Raises:
            StoreRefusedCredentials: the credentials file cannot be used.
        """
        path = encoded_path(f"/{self.options.bucket}" + (f"/{ask.key}" if ask.key else ""))
        headers = signed_headers(
            Unsigned(
                method=ask.method,
                path=path,
                query=ask.query,
                headers={"host": self._http.host, **ask.headers},
                payload_sha256=payload_sha256,
            ),
            credentials=self._credentials.current(),
            region=self.options.region,
            when=self._signing_time(),
        )
        query = encoded_query(ask.query)
        return Request(
            method=ask.method,
            path=path + (f"?{query}" if query else ""),
            headers={**headers, "user-agent": "dockd", "accept-encoding": "identity", **more},
            what=str(ask),
            payload=ask.payload,
            read_timeout_s=ask.read_timeout_s,
        )

    def _signing_time(self) -> datetime:
        return self._clock.now() + timedelta(seconds=self._signing_offset_s)
