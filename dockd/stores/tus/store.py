"""The tus store: each step of a transfer as the resumable upload protocol has it (tus 1.0).

A server knows uploads and not keys, and an upload only grows at its end. So the ledger keeps the
upload's address from its creation on, parts go one after another, and each begins where the server
says that it is.
"""

from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Final, Literal

from dockd.core.receipt import Expected, Found, judge, whole_sha256
from dockd.errors import (
    ReceiptPending,
    StoreLostObject,
    StoreRejected,
    TransientError,
    UploadVanished,
)
from dockd.ports.clock import Clock
from dockd.ports.store import Outgoing, Probe, Proven
from dockd.stores.http.body import SpoolRange
from dockd.stores.tus.client import Ask, TusClient
from dockd.stores.tus.marks import CHECKED, FORGOTTEN, TOLD, Version
from dockd.stores.tus.options import TusOptions
from dockd.stores.tus.probe import prober
from dockd.stores.tus.receipts import Receipts
from dockd.stores.tus.uploads import GONE, Created, Uploads

# What is sent with its creation is sent again whole when that breaks off: only what is small is.
WITH_CREATION_BYTES: Final = 256 * 1024


class TusStore:
    """A tus 1.0 server."""

    kind: Literal["tus"] = "tus"
    in_order = True
    readable = False

    def __init__(self, options: TusOptions, *, clock: Clock) -> None:
        self._options = options
        self._client = TusClient(options, clock=clock)
        self._uploads = Uploads(self._client, clock=clock)
        template = options.receipt_url
        self._receipts = None if template is None else Receipts(template, self._client, clock=clock)
        self._prober = prober(self._client, self._uploads, receipts=self._receipts, clock=clock)
        self._begun: dict[str, str] = {}
        self._record: tuple[str, str] | None = None

    @property
    def name(self) -> str:
        """Its name in the configuration."""
        return self._options.name

    @property
    def clock_offset_s(self) -> float | None:
        """How far the store's clock is ahead of ours by its last reply, or None before one."""
        return self._client.clock_offset_s

    @property
    def authentic(self) -> bool:
        """Whether a reply is the store's at all."""
        return self._client.authentic

    async def probe(self) -> Probe:
        """Try the server with a small upload that is lied about."""
        return await self._prober.probe()

    async def find_object(self, outgoing: Outgoing) -> str | None:
        """Return "" where the store has a receipt for the clip's key, or None: nobody can tell."""
        if self._receipts is None or not self._receipts.by_key or not await self._is_believed():
            return None
        told = await self._receipts.of(outgoing.expected.key, upload="")
        return None if told is None else str(Version(upload=""))

    async def takes_whole(self, outgoing: Outgoing) -> bool:
        """Return whether the clip goes along with its creation, or has nothing to send."""
        size_bytes = outgoing.expected.size_bytes
        return not size_bytes or (
            size_bytes <= WITH_CREATION_BYTES and await self._creates_with_content()
        )

    async def create_upload(self, outgoing: Outgoing) -> str:
        """Open an upload for the clip's parts and return its path."""
        return (await self._create(outgoing, body=None)).upload

    async def find_upload(self, outgoing: Outgoing) -> str | None:
        """Return None: a server is never asked by key. What was left behind expires there."""
        del outgoing
        return None

    async def arrived_parts(self, outgoing: Outgoing, *, upload_id: str) -> Mapping[int, str]:
        """Return every part that lies wholly before the server's offset, by index.

        Where checksums count there are none: nothing says that what was not confirmed is right.

        Raises:
            UploadVanished
        """
        arrived = await self._offset(outgoing.expected, upload_id)
        if await self._checks():
            return {}
        ends = [sum(outgoing.extent(i)) for i in range(len(outgoing.expected.part_sha256))]
        return {index: TOLD for index, end in enumerate(ends) if end <= arrived}

    async def send_part(self, outgoing: Outgoing, *, upload_id: str, index: int) -> str:
        """Bring the upload to the end of one part and return what the server said to it.

        Raises:
            UploadVanished: also when it has bytes that had to be checked and were not.
            StoreChecksumMismatch
        """
        expected = outgoing.expected
        begin, size_bytes = outgoing.extent(index)
        end = begin + size_bytes
        sha256 = expected.part_sha256[index] if await self._checks() else None
        arrived = await self._offset(expected, upload_id)
        await self._bring(outgoing, upload_id, begin=begin, end=end, arrived=arrived, sha256=sha256)
        words = TOLD if sha256 is None else CHECKED
        if end == expected.size_bytes and not await self._keeps(upload_id, key=expected.key):
            words += f" {FORGOTTEN}"
        return words

    async def complete(
        self, outgoing: Outgoing, *, upload_id: str, etags: Mapping[int, str]
    ) -> str:
        """Make sure that the upload is whole, which is all that there is to an object here.

        Raises:
            UploadVanished
        """
        expected = outgoing.expected
        missing = [i for i in range(len(expected.part_sha256)) if i not in etags]
        if missing:
            raise UploadVanished(f"part {missing[0] + 1} never arrived", key=expected.key)
        version = Version.of_parts(upload_id, etags)
        if version.kept:
            arrived = await self._offset(expected, upload_id)
            if arrived < expected.size_bytes:
                raise UploadVanished(f"the store is back at {arrived} bytes", key=expected.key)
        if not version.checked and await self._checks():
            raise UploadVanished(f"{expected.key}: a part was never confirmed by its checksum")
        return str(version)

    async def put_whole(self, outgoing: Outgoing) -> str:
        """Send a clip along with its upload's creation where the server offers that."""
        expected = outgoing.expected
        known = await self.find_object(outgoing)
        if known is not None:
            return known
        upload, arrived = await self._begun_or_created(outgoing)
        end = expected.size_bytes
        sha256 = expected.sha256 if end and await self._checks() else None
        await self._bring(outgoing, upload, begin=0, end=end, arrived=arrived, sha256=sha256)
        del self._begun[expected.key]
        kept = await self._keeps(upload, key=expected.key)
        return str(Version(upload=upload, checked=sha256 is not None or not end, kept=kept))

    async def prove(self, outgoing: Outgoing, *, version: str) -> Proven:
        """Have the store say what it holds: by its receipt, or by the upload's size.

        Raises:
            StoreLostObject
            ReceiptPending: the upload is there, and the store has no receipt for it yet.
        """
        expected = outgoing.expected
        given = Version.parse(version)
        if self._receipts is None:
            await self._require(expected, given)
            # Checked part by part as it arrived; what can be asked today is whether it is there.
            proven = given.checked and given.kept
            checksum = whole_sha256(expected.sha256) if proven else None
            found = Found(size_bytes=expected.size_bytes, version=version, checksum=checksum)
        else:
            found = await self._told(self._receipts, expected, given)
        # Asked for after the object: had the server changed, its answer would have shown it.
        trust = await self._prober.trust()
        judgement = judge(found, expected=expected, trust=trust)
        return Proven(judgement=judgement, version=version, size_bytes=found.size_bytes)

    async def abort(self, outgoing: Outgoing, *, upload_id: str) -> None:
        """Throw an upload away that can never have been completed."""
        await self._uploads.terminate(upload_id, key=outgoing.expected.key)

    async def read_back(self, key: str, *, version: str) -> AsyncGenerator[bytes, None]:
        """Yield the content, where the server gives uploads back, which the protocol leaves open.

        Raises:
            StoreLostObject
            StoreRejected: it gives nothing back.
        """
        upload = Version.parse(version).upload
        if not upload:
            raise StoreLostObject("no upload of it is known", key=key)
        ask = Ask(method="GET", target=upload, about=key)
        async with self._client.stream(ask) as (reply, content):
            if reply.status in GONE:
                raise StoreLostObject("the store no longer has the upload", key=key)
            if not reply.good:
                raise self._client.error(reply, ask, kind=StoreRejected)
            async for chunk in content:
                yield chunk

    async def write_record(self, key: str, content: bytes) -> None:
        """Upload a small object; a former one is the store's to replace, by its key."""
        self._record = (key, await self._uploads.write(key, content, metadata={}))

    async def read_record(self, key: str) -> bytes | None:
        """Return None: nothing is read back."""
        del key
        return None

    async def records(self, prefix: str, *, after: str) -> Sequence[str]:
        """Return nothing: a tus server lists nothing."""
        del prefix, after
        return ()

    async def delete_record(self, key: str) -> None:
        """Delete the small object that was written last, where the server offers that."""
        if self._record is not None and self._record[0] == key:
            await self._uploads.terminate(self._record[1], key=key)
            self._record = None

    async def close(self) -> None:
        """Let go of connections."""
        await self._client.close()

    async def _checks(self) -> bool:
        """Return whether parts are sent with checksums: only where nothing better proves them."""
        return self._receipts is None and await self._is_believed()

    async def _is_believed(self) -> bool:
        """Return whether the server noticed when it was lied to."""
        return (await self._prober.trust()).refuses_wrong_checksums

    async def _creates_with_content(self) -> bool:
        offered = (await self._uploads.capabilities()).extensions
        # A checksum was only ever tried on a PATCH.
        return "creation-with-upload" in offered and not await self._checks()

    async def _create(self, outgoing: Outgoing, *, body: SpoolRange | None) -> Created:
        expected = outgoing.expected
        return await self._uploads.create(
            expected.key, size_bytes=expected.size_bytes, metadata=outgoing.metadata, body=body
        )

    async def _begun_or_created(self, outgoing: Outgoing) -> tuple[str, int]:
        """Return the upload of a clip that is put whole, and how far it is.

        One that was begun and broke off is gone on with: a lock or a lost reply is no reason for
        another.
        """
        expected = outgoing.expected
        begun = self._begun.get(expected.key)
        if begun is not None:
            try:
                return begun, await self._offset(expected, begun)
            except UploadVanished:
                del self._begun[expected.key]
        along = expected.size_bytes and await self.takes_whole(outgoing)
        body = SpoolRange(outgoing, offset=0, size_bytes=expected.size_bytes) if along else None
        created = await self._create(outgoing, body=body)
        self._begun[expected.key] = created.upload
        return created.upload, created.offset

    async def _bring(
        self,
        outgoing: Outgoing,
        upload: str,
        *,
        begin: int,
        end: int,
        arrived: int,
        sha256: str | None,
    ) -> None:
        """Bring an upload that has ``arrived`` bytes to ``end``; a checksum is of all behind it."""
        if sha256 is not None and arrived != begin:
            key = outgoing.expected.key
            raise UploadVanished(f"no checksum confirmed what the store has of {key}", key=key)
        # Nothing too is sent once: some servers make no file of what nothing was sent to.
        if arrived >= end > 0:
            return
        try:
            await self._uploads.extend(outgoing, upload, offset=arrived, end=end, sha256=sha256)
        except UploadVanished:
            # Its last reply was lost, and it was forgotten when it was whole: a receipt knows it.
            if self._receipts is None or await self._offset(outgoing.expected, upload) < end:
                raise

    async def _offset(self, expected: Expected, upload: str) -> int:
        """Return how far an upload is; one that was forgotten is whole if a receipt knows it."""
        try:
            return await self._uploads.offset(
                upload, key=expected.key, size_bytes=expected.size_bytes
            )
        except UploadVanished:
            if self._receipts is None or not await self._is_believed():
                raise
            if await self._receipts.of(expected.key, upload=upload) is None:
                raise
            return expected.size_bytes

    async def _keeps(self, upload: str, *, key: str) -> bool:
        """Return whether the server can be asked for what has just become whole."""
        try:
            return await self._uploads.knows(upload, key=key)
        except TransientError:
            # It arrived; that nobody says so again just now is no reason to send it again.
            return True

    async def _require(self, expected: Expected, given: Version) -> None:
        """Return when the upload is there whole, or cannot be asked for by its nature.

        Raises:
            StoreLostObject
        """
        if not given.kept:
            return
        try:
            arrived = await self._uploads.offset(
                given.upload, key=expected.key, size_bytes=expected.size_bytes
            )
        except UploadVanished as error:
            raise StoreLostObject(error.reason, key=expected.key) from error
        if arrived < expected.size_bytes:
            raise StoreLostObject(f"the store is back at {arrived} bytes", key=expected.key)

    async def _told(self, receipts: Receipts, expected: Expected, given: Version) -> Found:
        """Return what the store's receipt says.

        Raises:
            StoreLostObject
            ReceiptPending
        """
        told = await receipts.soon(expected.key, upload=given.upload)
        if told is None:
            if not given.upload:
                raise StoreLostObject("the store has no receipt any more", key=expected.key)
            await self._require(expected, given)
            raise ReceiptPending(f"the store has no receipt of {expected.key} yet")
        size_bytes = expected.size_bytes if told.size_bytes is None else told.size_bytes
        return Found(size_bytes=size_bytes, version=str(given), checksum=whole_sha256(told.sha256))
