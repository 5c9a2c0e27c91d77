"""Clips to send in tests: bytes in a file, with the digests that the spool would have taken."""

import hashlib
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import BinaryIO

from dockd.core.naming import store_key
from dockd.core.receipt import Expected
from dockd.ports.store import Outgoing

_serials = count(1)
PART_BYTES = 5 * 1024 * 1024  # the least that S3 takes for a part that is not the last


def content_of(size_bytes: int, *, seed: int = 0) -> bytes:
    """Return bytes that differ from one seed to another and compress badly."""
    return hashlib.shake_128(f"clip {seed}".encode()).digest(size_bytes)


def expected_of(
    content: bytes,
    *,
    key: str | None = None,
    camera: str | None = None,
    path: bytes = b"DCIM/100MEDIA/0001.MP4",
    part_size_bytes: int = PART_BYTES,
) -> Expected:
    """Return what a store is to hold of this content, from a camera that no other test has."""
    sha256 = hashlib.sha256(content).hexdigest()
    parts = tuple(
        hashlib.sha256(content[at : at + part_size_bytes]).hexdigest()
        for at in range(0, len(content), part_size_bytes)
    )
    return Expected(
        key=key or store_key(camera or f"BWC-{next(_serials):06d}", sha256=sha256, path=path),
        size_bytes=len(content),
        sha256=sha256,
        part_size_bytes=part_size_bytes,
        part_sha256=parts or (sha256,),
    )


@contextmanager
def sending(
    content: bytes, *, expected: Expected | None = None, spooled: bytes | None = None
) -> Iterator[Outgoing]:
    """Give a clip as a store gets it; ``spooled`` is what the spool's file really holds."""
    file: BinaryIO
    with tempfile.TemporaryFile() as file:
        file.write(content if spooled is None else spooled)
        file.flush()
        yield Outgoing(
            expected=expected or expected_of(content),
            metadata={"camera": "BWC-000123", "station": "test-01"},
            content=file,
        )
