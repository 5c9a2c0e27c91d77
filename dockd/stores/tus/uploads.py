"""Uploads as the protocol has them: created, grown at their end, asked how far they are.

The server's offset is always the truth, from a reply as from a question: what is sent next begins
there, be it further than was thought or less. A lock is waited out (tus 1.0, "Core Protocol").
"""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final
from urllib.parse import urljoin

from dockd.errors import (
    StoreBucketMissing,
    StoreBusy,
    StoreChecksumMismatch,
    StoreRejected,
    StoreUnreachable,
    UploadVanished,
)
from dockd.ports.clock import Clock
from dockd.ports.store import Outgoing
from dockd.stores.http.body import SpoolRange
from dockd.stores.http.replies import Reply, retry_after_s
from dockd.stores.tus import addresses
from dockd.stores.tus.client import VERSION, Ask, TusClient
from dockd.stores.tus.headers import (
    Capabilities,
    capabilities_of,
    checksum_header,
    metadata_header,
)

# How long a lock is waited out before the clip goes back into its queue: half a minute, longer than
# servers keep one for a connection that is half open (FACTS.md 3).
LOCK_WAITS_S: Final = (1.0, 2.0, 3.0, 5.0, 8.0, 11.0)
GONE: Final = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.GONE})
_CHECKSUM_MISMATCH: Final = 460
_NO_CREATION: Final = GONE | {HTTPStatus.METHOD_NOT_ALLOWED}
# Each of them can mean that what was sent is there already.
_LOOK_AGAIN: Final = GONE | {HTTPStatus.FORBIDDEN, HTTPStatus.CONFLICT, HTTPStatus.LOCKED}
_CONTENT: Final = {"content-type": "application/offset+octet-stream"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Created:
    """A new upload: its path at the store, and how far it is."""

    upload: str
    offset: int


class Uploads:
    """The protocol's verbs."""

    def __init__(self, client: TusClient, *, clock: Clock) -> None:
        self._client: Final = client
        self._clock: Final = clock
        self._capabilities: Capabilities | None = None

    async def capabilities(self, *, fresh: bool = False) -> Capabilities:
        """Return what the server can do; it is asked once, and again when that is wanted.

        Raises:
            StoreUnreachable: no tus server creates uploads there.
        """
        if self._capabilities is None or fresh:
            url = self._client.options.url
            target = addresses.question_target(url)
            ask = Ask(method="OPTIONS", target=target, about="the server")
            reply = await self._client.ask(ask)
            found = capabilities_of(reply)
            if found is None:
                if not reply.good:
                    raise self._client.trouble(reply, ask)
                raise StoreUnreachable(
                    f"{ask}: what answers does not speak tus {VERSION} or creates no uploads",
                    owner="operations",
                    next_step="Correct the store's url, or look for a captive portal.",
                    status=reply.status,
                )
            self._capabilities = found
        return self._capabilities

    async def create(
        self,
        key: str,
        *,
        size_bytes: int,
        metadata: Mapping[str, str],
        body: SpoolRange | None = None,
    ) -> Created:
        """Create an upload, with all of its content where ``body`` is given.

        Raises:
            StoreRejected: it is larger than the server takes.
            StoreUnreachable: the server put it where nothing of ours goes.
        """
        await self._check_size(size_bytes)
        target = addresses.creation_target(self._client.options.url, key=key)
        headers = {"upload-length": str(size_bytes), **metadata_header({"key": key, **metadata})}
        if body is not None:
            headers |= _CONTENT
        ask = Ask(method="POST", target=target, about=f"an upload of {key}", headers=headers)
        try:
            reply = await self._client.ask(ask, body=body)
        except StoreUnreachable:
            if body is not None and body.taken_bytes:
                # The answer may have been lost with the body: a question without one brings it.
                await self.capabilities(fresh=True)
            raise
        if reply.status in _NO_CREATION:
            raise StoreBucketMissing(
                f"{ask}: the store answered {reply.status}: no uploads are created there",
                next_step="Correct the store's url in the configuration and reload.",
                status=reply.status,
            )
        if not reply.good:
            raise self._client.error(reply, ask)
        asked = urljoin(self._client.options.url, target)
        upload = addresses.upload_target(reply.headers.get("location", ""), asked=asked)
        if body is None:
            return Created(upload=upload, offset=0)
        arrived = reply.number("upload-offset")
        if arrived is None or arrived > size_bytes:
            arrived = await self.offset(upload, key=key, size_bytes=size_bytes)
        return Created(upload=upload, offset=arrived)

    async def offset(self, upload: str, *, key: str, size_bytes: int) -> int:
        """Return how many bytes of an upload the server has.

        Raises:
            UploadVanished: it has no such upload, or one that cannot be ours.
            StoreBusy: it is locked, and stays so.
        """
        reply = await self._head(upload, key=key)
        if reply.status in GONE:
            raise UploadVanished(f"the store does not know the upload of {key}", key=key)
        arrived, length = reply.number("upload-offset"), reply.number("upload-length")
        if arrived is None:
            raise StoreUnreachable(f"the store does not say how far the upload of {key} is")
        if arrived > size_bytes or length not in {None, size_bytes}:
            reason = f"the upload of {key} has {arrived} of {length} bytes, the clip {size_bytes}"
            raise UploadVanished(reason, key=key)
        expires = reply.moment("upload-expires")
        if arrived < size_bytes and expires is not None and expires <= self._client.now():
            raise UploadVanished(f"the upload of {key} expired before it was whole", key=key)
        return arrived

    async def knows(self, upload: str, *, key: str) -> bool:
        """Return whether the server can be asked for an upload at all."""
        return (await self._head(upload, key=key)).status not in GONE

    async def extend(
        self, outgoing: Outgoing, upload: str, *, offset: int, end: int, sha256: str | None
    ) -> None:
        """Send what is missing between ``offset``, where the server is, and ``end``.

        With ``sha256``, hex, of exactly that range, it counts only as a whole and only when the
        server confirms the checksum.

        Raises:
            UploadVanished
            StoreChecksumMismatch: the server got other bytes than were meant.
            StoreBusy: it takes nothing of what is sent.
        """
        fruitless = 0
        while True:
            reached = await self._patch(outgoing, upload, offset=offset, end=end, sha256=sha256)
            if reached >= end:
                return
            if sha256 is not None and reached != offset:
                raise UploadVanished(
                    f"the store kept bytes of {outgoing.expected.key} that no checksum confirmed"
                )
            if reached <= offset:
                if fruitless == len(LOCK_WAITS_S):
                    raise StoreBusy(
                        f"the store takes nothing of {outgoing.expected.key}: its offset is "
                        f"{reached} after {offset}"
                    )
                await self._clock.sleep(LOCK_WAITS_S[fruitless])
                fruitless += 1
            offset = reached

    async def write(self, key: str, content: bytes, *, metadata: Mapping[str, str]) -> str:
        """Upload something small that is in hand and return the upload's path."""
        created = await self.create(key, size_bytes=len(content), metadata=metadata)
        await self.append(created.upload, content, key=key, sha256=None)
        return created.upload

    async def append(self, upload: str, content: bytes, *, key: str, sha256: str | None) -> None:
        """Send the first bytes of an upload, out of hand.

        Raises:
            StoreChecksumMismatch: it was told another checksum, and noticed.
        """
        ask = Ask(
            method="PATCH",
            target=upload,
            about=key,
            headers=_CONTENT | {"upload-offset": "0"} | checksum_header(sha256),
            payload=content,
        )
        reply = await self._client.ask(ask)
        if reply.status == _CHECKSUM_MISMATCH:
            raise StoreChecksumMismatch(f"{ask}: the store got other bytes than were meant")
        if not reply.good:
            raise self._client.error(reply, ask)
        if reply.number("upload-offset") != len(content):
            raise StoreUnreachable(f"{ask}: the store does not say that it has all of it")

    async def terminate(self, upload: str, *, key: str) -> None:
        """Throw an upload away, where the server offers that."""
        if "termination" not in (await self.capabilities()).extensions:
            return
        ask = Ask(method="DELETE", target=upload, about=f"the upload of {key}")
        reply = await self._client.ask(ask)
        if not reply.good and reply.status not in GONE:
            raise self._client.error(reply, ask)

    async def _check_size(self, size_bytes: int) -> None:
        if (await self.capabilities()).takes(size_bytes):
            return
        # A limit that was raised meanwhile must not refuse anything.
        now = await self.capabilities(fresh=True)
        if not now.takes(size_bytes):
            most = now.max_size_bytes
            raise StoreRejected(
                f"the store takes uploads of {most} bytes at most, and this one has {size_bytes}"
            )

    async def _head(self, upload: str, *, key: str) -> Reply:
        """Ask for an upload, as long as it is locked; return a good reply or that it is gone."""
        ask = Ask(method="HEAD", target=upload, about=f"the upload of {key}")
        reply = await self._client.ask(ask)
        for least_s in LOCK_WAITS_S:
            if reply.status != HTTPStatus.LOCKED:
                break
            asked_s = retry_after_s(reply, now=self._client.now()) or 0.0
            await self._clock.sleep(max(least_s, min(asked_s, LOCK_WAITS_S[-1])))
            reply = await self._client.ask(ask)
        if not reply.good and reply.status not in GONE:
            raise self._client.trouble(reply, ask)
        return reply

    async def _patch(
        self, outgoing: Outgoing, upload: str, *, offset: int, end: int, sha256: str | None
    ) -> int:
        """Send a range once and return where the server is then."""
        expected = outgoing.expected
        ask = Ask(
            method="PATCH",
            target=upload,
            about=expected.key,
            headers=_CONTENT | {"upload-offset": str(offset)} | checksum_header(sha256),
        )
        body = SpoolRange(outgoing, offset=offset, size_bytes=end - offset)
        try:
            reply = await self._client.ask(ask, body=body)
        except StoreUnreachable:
            if not body.taken_bytes:
                raise
            # The answer may have been lost with the body: a question without one brings it.
            reached = await self.offset(upload, key=expected.key, size_bytes=expected.size_bytes)
            if reached <= offset:
                raise
            return self._unconfirmed(reached, sha256, key=expected.key)
        if reply.good:
            return _reached(reply, ask, end=end)
        if reply.status == _CHECKSUM_MISMATCH:
            raise StoreChecksumMismatch(f"{ask}: the store got other bytes than were meant")
        if reply.status not in _LOOK_AGAIN:
            raise self._client.error(reply, ask)
        reached = await self.offset(upload, key=expected.key, size_bytes=expected.size_bytes)
        if reached == offset and offset < end:
            return self._refused(reply, ask, offset=offset)
        return self._unconfirmed(reached, sha256, key=expected.key)

    def _refused(self, reply: Reply, ask: Ask, *, offset: int) -> int:
        """Return the offset where the refusal may pass by itself."""
        if reply.status in {HTTPStatus.CONFLICT, HTTPStatus.LOCKED}:
            return offset
        gone = reply.status in GONE
        raise self._client.error(reply, ask, kind=UploadVanished if gone else None)

    def _unconfirmed(self, reached: int, sha256: str | None, *, key: str) -> int:
        if sha256 is not None:
            raise UploadVanished(f"the store has bytes of {key} that no checksum confirmed")
        return reached


def _reached(reply: Reply, ask: Ask, *, end: int) -> int:
    reached = reply.number("upload-offset")
    if reached is None:
        raise StoreUnreachable(f"{ask}: the store said yes without an Upload-Offset")
    if reached > end:
        raise UploadVanished(
            f"{ask}: the store says it has {reached} bytes of {end} that were sent"
        )
    return reached
