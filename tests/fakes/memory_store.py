"""The store in memory; it passes the conformance suite of the real ones."""

import hashlib
import os
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Literal

from dockd.core.receipt import Found, Trust, composite_sha256, judge, whole_sha256
from dockd.errors import StoreChecksumMismatch, StoreLostObject, UploadVanished
from dockd.ports.store import Outgoing, Probe, Proven


@dataclass
class MemoryObject:
    content: bytes
    version: str
    checksum: str
    metadata: Mapping[str, str]


@dataclass
class MemoryUpload:
    key: str
    metadata: Mapping[str, str]
    parts: dict[int, bytes] = field(default_factory=dict)


@dataclass
class MemoryBucket:
    """What outlives any client: the far side."""

    objects: dict[str, list[MemoryObject]] = field(default_factory=dict)
    uploads: dict[str, MemoryUpload] = field(default_factory=dict)
    records: dict[str, bytes] = field(default_factory=dict)
    numbers: "count[int]" = field(default_factory=lambda: count(1))

    def add(
        self, key: str, *, content: bytes, checksum: str, metadata: Mapping[str, str]
    ) -> MemoryObject:
        made = MemoryObject(content, f"v{next(self.numbers)}", checksum, metadata)
        self.objects.setdefault(key, []).append(made)
        return made


class MemoryStore:
    """A client of a `MemoryBucket`."""

    kind: Literal["memory"] = "memory"
    in_order = False
    readable = True

    def __init__(self, bucket: MemoryBucket | None = None, *, name: str = "memory") -> None:
        self.bucket = bucket or MemoryBucket()
        self.name = name

    async def probe(self) -> Probe:
        return Probe(strength="digest", detail="it hashes what it is given")

    async def find_object(self, outgoing: Outgoing) -> str | None:
        there = self.bucket.objects.get(outgoing.expected.key)
        return there[-1].version if there else None

    async def takes_whole(self, outgoing: Outgoing) -> bool:
        return True

    async def create_upload(self, outgoing: Outgoing) -> str:
        upload_id = f"upload-{next(self.bucket.numbers)}"
        self.bucket.uploads[upload_id] = MemoryUpload(outgoing.expected.key, outgoing.metadata)
        return upload_id

    async def find_upload(self, outgoing: Outgoing) -> str | None:
        for upload_id, upload in self.bucket.uploads.items():
            if upload.key == outgoing.expected.key and not upload.parts:
                return upload_id
        return None

    async def arrived_parts(self, outgoing: Outgoing, *, upload_id: str) -> Mapping[int, str]:
        parts = self._upload(upload_id).parts
        return {index: hashlib.sha256(part).hexdigest() for index, part in parts.items()}

    async def send_part(self, outgoing: Outgoing, *, upload_id: str, index: int) -> str:
        upload = self._upload(upload_id)
        offset, size_bytes = outgoing.extent(index)
        content = await _taken(outgoing, offset=offset, size_bytes=size_bytes)
        etag = _verified(content, sha256=outgoing.expected.part_sha256[index])
        upload.parts[index] = content
        return etag

    async def complete(
        self, outgoing: Outgoing, *, upload_id: str, etags: Mapping[int, str]
    ) -> str:
        existing = await self.find_object(outgoing)
        if existing is not None:
            return existing
        upload = self._upload(upload_id)
        wanted = range(len(outgoing.expected.part_sha256))
        if any(index not in upload.parts or index not in etags for index in wanted):
            raise UploadVanished("a part is missing")
        digests = [hashlib.sha256(upload.parts[index]).hexdigest() for index in wanted]
        del self.bucket.uploads[upload_id]
        return self.bucket.add(
            upload.key,
            content=b"".join(upload.parts[index] for index in wanted),
            checksum=composite_sha256(digests),
            metadata=upload.metadata,
        ).version

    async def put_whole(self, outgoing: Outgoing) -> str:
        expected = outgoing.expected
        content = await _taken(outgoing, offset=0, size_bytes=expected.size_bytes)
        sha256 = _verified(content, sha256=expected.sha256)
        existing = await self.find_object(outgoing)
        if existing is not None:
            return existing
        return self.bucket.add(
            expected.key,
            content=content,
            checksum=whole_sha256(sha256),
            metadata=outgoing.metadata,
        ).version

    async def prove(self, outgoing: Outgoing, *, version: str) -> Proven:
        held = self._object(outgoing.expected.key, version=version)
        found = Found(size_bytes=len(held.content), version=held.version, checksum=held.checksum)
        trust = Trust(refuses_wrong_checksums=True, authentic=True)
        judgement = judge(found, expected=outgoing.expected, trust=trust)
        return Proven(judgement=judgement, version=held.version, size_bytes=len(held.content))

    async def abort(self, outgoing: Outgoing, *, upload_id: str) -> None:
        self.bucket.uploads.pop(upload_id, None)

    async def read_back(self, key: str, *, version: str) -> AsyncGenerator[bytes, None]:
        content = self._object(key, version=version).content
        for at in range(0, len(content), 1024 * 1024):
            yield content[at : at + 1024 * 1024]

    async def write_record(self, key: str, content: bytes) -> None:
        self.bucket.records[key] = content

    async def read_record(self, key: str) -> bytes | None:
        return self.bucket.records.get(key)

    async def records(self, prefix: str, *, after: str) -> Sequence[str]:
        return sorted(key for key in self.bucket.records if key.startswith(prefix) and key > after)

    async def delete_record(self, key: str) -> None:
        self.bucket.records.pop(key, None)

    async def close(self) -> None:
        pass

    def _upload(self, upload_id: str) -> MemoryUpload:
        try:
            return self.bucket.uploads[upload_id]
        except KeyError:
            raise UploadVanished("there is no such upload") from None

    def _object(self, key: str, *, version: str) -> MemoryObject:
        for held in reversed(self.bucket.objects.get(key, [])):
            if version in {"", held.version}:
                return held
        raise StoreLostObject("there is no such object")


async def _taken(outgoing: Outgoing, *, offset: int, size_bytes: int) -> bytes:
    pace = outgoing.pace
    left_bytes = size_bytes
    while pace is not None and left_bytes:
        portion_bytes = min(pace.portion_bytes, left_bytes)
        await pace.wait(portion_bytes)
        left_bytes -= portion_bytes
    return os.pread(outgoing.content.fileno(), size_bytes, offset)


def _verified(content: bytes, *, sha256: str) -> str:
    if hashlib.sha256(content).hexdigest() != sha256:
        raise StoreChecksumMismatch("other bytes than announced")
    return sha256
