"""The S3 store: each step of a transfer as one or two requests (Amazon S3 API Reference).

What may not be believed, and therefore is not: a 200 without an ETag or with an error in its
body; a composite checksum that a store merely repeats (it is computed here and compared); a
list of parts that ends early; a 412, which only says that something is there.
"""

import hashlib
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import replace
from datetime import timedelta
from http import HTTPStatus
from typing import Final, Literal

from dockd.core.receipt import Trust, composite_sha256, judge, whole_sha256
from dockd.errors import (
    StoreChecksumMismatch,
    StoreRejected,
    StoreUnreachable,
    UploadVanished,
)
from dockd.ports.clock import Clock
from dockd.ports.store import Outgoing, Probe, Proven
from dockd.stores.http.body import SpoolRange
from dockd.stores.s3 import listing, objects
from dockd.stores.s3.client import Ask, S3Client
from dockd.stores.s3.options import S3Options
from dockd.stores.s3.probe import prober
from dockd.stores.s3.replies import S3Reply
from dockd.stores.s3.xml import render

_UNLESS_THERE: Final = {"if-none-match": "*"}


class S3Store:
    """A bucket on an S3 endpoint, addressed by path."""

    kind: Literal["s3"] = "s3"
    in_order = False
    readable = True

    def __init__(self, options: S3Options, *, clock: Clock) -> None:
        self._options = options
        self._client = S3Client(options, clock=clock)
        self._prober = prober(self._client, clock=clock)

    @property
    def name(self) -> str:
        """Its name in the configuration."""
        return self._options.name

    @property
    def clock_offset_s(self) -> float | None:
        """How far the store's clock is ahead of the station's, or None before its first reply."""
        return self._client.clock_offset_s

    @property
    def authentic(self) -> bool:
        """Whether a reply is the store's at all."""
        return self._client.authentic

    async def trust(self) -> Trust:
        """Return how far the store's checksums are believed; it is probed when that is due."""
        return await self._prober.trust()

    def needs_probe(self) -> bool:
        """Return whether the last probe is a day old, of another server, or never was."""
        return self._prober.due

    async def probe(self) -> Probe:
        """Try the store with deliberately wrong checksums; leave nothing behind."""
        return await self._prober.probe()

    async def find_object(self, outgoing: Outgoing) -> str | None:
        """Return the version of the object at the clip's key, or None."""
        reply = await self._client.ask(Ask(method="HEAD", key=outgoing.expected.key))
        if reply.status == HTTPStatus.NOT_FOUND:
            return None
        return self._checked(reply, "looking for the object").version

    async def takes_whole(self, outgoing: Outgoing) -> bool:
        """Return True: a clip of one part is put in one piece."""
        del outgoing
        return True

    async def create_upload(self, outgoing: Outgoing) -> str:
        """Open an upload for the clip's parts and return its id."""
        headers = {
            **self._object_headers(outgoing),
            **await self._lock_headers(),
            "x-amz-checksum-algorithm": "SHA256",
        }
        ask = Ask(method="POST", key=outgoing.expected.key, query={"uploads": ""}, headers=headers)
        reply = await self._client.ask(ask)
        await self._check_lock(reply)
        self._checked(reply, str(ask))
        upload_id = reply.document("InitiateMultipartUploadResult").value("UploadId")
        if not upload_id:
            raise StoreUnreachable("the store opened an upload without an id")
        return upload_id

    async def find_upload(self, outgoing: Outgoing) -> str | None:
        """Return an upload for this key without any parts, or None."""
        key = outgoing.expected.key
        for upload_id in await listing.uploads(self._client, key=key):
            try:
                if not await listing.parts(self._client, key=key, upload_id=upload_id):
                    return upload_id
            except UploadVanished:
                # Aborted or completed between the two lists, by another station perhaps.
                continue
        return None

    async def arrived_parts(self, outgoing: Outgoing, *, upload_id: str) -> Mapping[int, str]:
        """Return the ETag of every part that the store has as it should be, by index.

        Raises:
            UploadVanished
        """
        expected = outgoing.expected
        parts = await listing.parts(self._client, key=expected.key, upload_id=upload_id)
        return {
            index: part.etag
            for index, part in parts.items()
            if 0 <= index < len(expected.part_sha256)
            and part.size_bytes == outgoing.extent(index)[1]
            and part.checksum in {None, whole_sha256(expected.part_sha256[index])}
        }

    async def send_part(self, outgoing: Outgoing, *, upload_id: str, index: int) -> str:
        """Send one part with its SHA-256 and return its ETag.

        Raises:
            UploadVanished
            StoreChecksumMismatch
        """
        offset, size_bytes = outgoing.extent(index)
        query = {"partNumber": str(index + 1), "uploadId": upload_id}
        sha256 = outgoing.expected.part_sha256[index]
        ask = Ask(
            method="PUT",
            key=outgoing.expected.key,
            query=query,
            headers={"x-amz-checksum-sha256": whole_sha256(sha256)},
        )
        why = Ask(
            method="GET",
            key=outgoing.expected.key,
            query={"uploadId": upload_id, "max-parts": "1"},
        )
        body = SpoolRange(outgoing, offset=offset, size_bytes=size_bytes)
        reply = await self._sent(ask, body=body, sha256=sha256, why=why)
        return reply.etag()

    async def complete(
        self, outgoing: Outgoing, *, upload_id: str, etags: Mapping[int, str]
    ) -> str:
        """Make the object of its parts, unless one is there; return its version.

        Raises:
            UploadVanished
            StoreChecksumMismatch: the object's composite checksum is not that of its parts.
        """
        expected = outgoing.expected
        missing = [i for i in range(len(expected.part_sha256)) if i not in etags]
        if missing:
            raise UploadVanished(f"no ETag is known for part {missing[0] + 1}", key=expected.key)
        ask = Ask(
            method="POST",
            key=expected.key,
            query={"uploadId": upload_id},
            headers=_UNLESS_THERE | {"content-type": "application/xml"},
            payload=_manifest(outgoing, etags=etags),
            read_timeout_s=self._options.patience.complete_s,
        )
        reply = await self._client.ask(ask)
        if _is_there(reply):
            return await self._existing_version(outgoing)
        result = self._checked(reply, str(ask)).document("CompleteMultipartUploadResult")
        if not result.value("ETag"):
            raise StoreUnreachable("the store completed an upload without an ETag")
        _same_checksum(result.value("ChecksumSHA256"), ours=composite_sha256(expected.part_sha256))
        return reply.version

    async def put_whole(self, outgoing: Outgoing) -> str:
        """Send a clip of one part in one request, unless one is there; return its version.

        Raises:
            StoreChecksumMismatch
        """
        expected = outgoing.expected
        checksum = whole_sha256(expected.sha256)
        headers = {
            **self._object_headers(outgoing),
            **await self._lock_headers(),
            **_UNLESS_THERE,
            "x-amz-checksum-sha256": checksum,
        }
        ask = Ask(method="PUT", key=expected.key, headers=headers)
        why = Ask(method="HEAD", key=expected.key)
        body = SpoolRange(outgoing, offset=0, size_bytes=expected.size_bytes)
        reply = await self._sent(ask, body=body, sha256=expected.sha256, why=why)
        if _is_there(reply):
            return await self._existing_version(outgoing)
        reply.etag()
        return reply.version

    async def prove(self, outgoing: Outgoing, *, version: str) -> Proven:
        """Have the store prove what it holds at the key in that version.

        Raises:
            StoreLostObject: there is none.
        """
        found = await objects.found(self._client, outgoing.expected.key, version=version)
        # Asked for after the object: had the server changed, its answer would have shown it.
        trust = await self._prober.trust()
        judgement = judge(found, expected=outgoing.expected, trust=trust)
        unproven = judgement.outcome == "receipt" and judgement.strength == "size"
        if unproven and self._options.read_back == "when-unproven":
            digest = await self._digest(outgoing.expected.key, version=found.version)
            found = replace(found, read_back_sha256=digest)
            judgement = judge(found, expected=outgoing.expected, trust=trust)
        return Proven(judgement=judgement, version=found.version, size_bytes=found.size_bytes)

    async def abort(self, outgoing: Outgoing, *, upload_id: str) -> None:
        """Throw an upload away that can never have been completed."""
        ask = Ask(method="DELETE", key=outgoing.expected.key, query={"uploadId": upload_id})
        reply = await self._client.ask(ask)
        if reply.code != "NoSuchUpload":
            self._checked(reply, str(ask))

    async def read_back(self, key: str, *, version: str) -> AsyncGenerator[bytes, None]:
        """Yield the object's content.

        Raises:
            StoreLostObject
        """
        ask = Ask(method="GET", key=key, query=objects.of_version(version))
        async with self._client.stream(ask) as (reply, content):
            self._checked(reply, str(ask))
            async for chunk in content:
                yield chunk

    async def write_record(self, key: str, content: bytes) -> None:
        """Write a small object, replacing what is there."""
        checksum = whole_sha256(hashlib.sha256(content).hexdigest())
        ask = Ask(
            method="PUT", key=key, headers={"x-amz-checksum-sha256": checksum}, payload=content
        )
        self._checked(await self._client.ask(ask), str(ask)).etag()

    async def read_record(self, key: str) -> bytes | None:
        """Return a small object, or None."""
        ask = Ask(method="GET", key=key)
        reply = await self._client.ask(ask)
        if reply.code == "NoSuchKey":
            return None
        return self._checked(reply, str(ask)).body

    async def records(self, prefix: str, *, after: str) -> Sequence[str]:
        """Return the keys of the small objects below ``prefix`` and behind ``after``."""
        return await listing.objects(self._client, prefix=prefix, after=after)

    async def delete_record(self, key: str) -> None:
        """Delete a small object of dockd's own."""
        ask = Ask(method="DELETE", key=key)
        self._checked(await self._client.ask(ask), str(ask))

    async def close(self) -> None:
        """Let go of connections."""
        await self._client.close()

    async def _sent(self, ask: Ask, *, body: SpoolRange, sha256: str, why: Ask) -> S3Reply:
        """Send a body and return the reply: a good one, or a 412."""
        try:
            reply = await self._client.ask(ask, body=body, body_sha256=sha256)
        except StoreUnreachable:
            if body.taken_bytes:
                # The answer may have been lost with the body: one without a body brings it.
                with suppress(StoreUnreachable):
                    await self._say_why(why)
            raise
        await self._check_lock(reply)
        return reply if _is_there(reply) else self._checked(reply, str(ask))

    async def _say_why(self, why: Ask) -> None:
        reply = await self._client.ask(replace(why, read_timeout_s=self._options.patience.why_s))
        if why.method != "HEAD" or reply.status != HTTPStatus.NOT_FOUND:
            self._checked(reply, str(why))

    async def _existing_version(self, outgoing: Outgoing) -> str:
        version = await self.find_object(outgoing)
        if version is None:
            raise StoreUnreachable(
                "the store says that the object is there, and then that it is not"
            )
        return version

    async def _digest(self, key: str, *, version: str) -> str:
        hasher = hashlib.sha256()
        async with aclosing(self.read_back(key, version=version)) as content:
            async for chunk in content:
                hasher.update(chunk)
        return hasher.hexdigest()

    def _object_headers(self, outgoing: Outgoing) -> dict[str, str]:
        metadata = {f"x-amz-meta-{name}": value for name, value in outgoing.metadata.items()}
        return {"content-type": "application/octet-stream", **metadata}

    async def _lock_headers(self) -> dict[str, str]:
        if not self._options.object_lock_days:
            return {}
        if self._client.clock_offset_s is None:
            # Retention counts on the store's clock, never on one that may be wrong here.
            await objects.require_bucket(self._client)
        until = self._client.now() + timedelta(days=self._options.object_lock_days)
        return {
            "x-amz-object-lock-mode": self._options.object_lock_mode,
            "x-amz-object-lock-retain-until-date": f"{until:%Y-%m-%dT%H:%M:%SZ}",
        }

    async def _check_lock(self, reply: S3Reply) -> None:
        """Tell a bucket that cannot lock from a clip that is refused: the code is the same."""
        if self._options.object_lock_days and reply.code == "InvalidRequest":
            await objects.require_bucket(self._client)
            raise StoreRejected(
                f"the store refused a locked object: {' '.join(reply.words)}",
                owner="operations",
                next_step="Turn Object Lock on for the bucket, or set object_lock_days to 0.",
            )

    def _checked(self, reply: S3Reply, request: str) -> S3Reply:
        return self._client.checked(reply, request)


def _manifest(outgoing: Outgoing, *, etags: Mapping[int, str]) -> bytes:
    parts = [
        (
            "Part",
            {
                "PartNumber": str(index + 1),
                "ETag": etags[index],
                "ChecksumSHA256": whole_sha256(sha256),
            },
        )
        for index, sha256 in enumerate(outgoing.expected.part_sha256)
    ]
    return render("CompleteMultipartUpload", items=parts)


def _is_there(reply: S3Reply) -> bool:
    return reply.status == HTTPStatus.PRECONDITION_FAILED or reply.code == "PreconditionFailed"


def _same_checksum(theirs: str | None, *, ours: str) -> None:
    # Others than composites of as many parts are another kind of checksum; `prove` looks at them.
    _, dash, count = (theirs or "").partition("-")
    if dash and theirs != ours and count == ours.partition("-")[2]:
        raise StoreChecksumMismatch(
            "the store's checksum of the object is not that of its parts", theirs=theirs, ours=ours
        )
