"""Back from the device: what the spool really holds, hashed past the page cache."""

import os
from dataclasses import dataclass
from typing import Final

from dockd.errors import CameraGone
from dockd.ports.camera import StopFlag
from dockd.ports.spool import DIRECT, Proof
from dockd.station.spool import linux
from dockd.station.spool.beside import Ring
from dockd.station.spool.buffers import Buffers
from dockd.station.spool.digests import BUFFERS, Digests
from dockd.station.spool.direct_io import Opened, aligned
from dockd.station.spool.disk import writing

MISSING: Final = "missing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """What to read back: bytes from the file's beginning, in parts of so many bytes."""

    size_bytes: int
    part_size_bytes: int


def read_back(opened: Opened, *, extent: Extent, buffers: Buffers, stop: StopFlag) -> Proof:
    """Read a durable file from the device and hash it whole and by parts.

    A file that ends early, or that the device gives only up to a read error, yields the proof of
    what could be had: its size and digest are not the copy's, which is then made again.

    Raises:
        CameraGone: ``stop`` said so.
        FsyncFailed: pages that were to be dropped could not be written.
    """
    drop_cache(opened.descriptor)
    digests = Digests(size_bytes=extent.size_bytes, part_size_bytes=extent.part_size_bytes)
    with Ring(buffers, count=BUFFERS) as ring, digests:
        while digests.size_bytes < extent.size_bytes:
            if stop():
                raise CameraGone("the read-back was stopped")
            digests.wait_for_buffer()
            content = _read(opened.descriptor, ring.next(), digests=digests, extent=extent)
            if not content:
                break
            digests.update(content)
    return Proof(
        size_bytes=digests.size_bytes,
        sha256=digests.sha256,
        xxh128=digests.xxh128,
        part_size_bytes=extent.part_size_bytes,
        part_sha256=digests.part_sha256,
        method=_method(opened, size_bytes=digests.size_bytes),
    )


def nothing(*, part_size_bytes: int) -> Proof:
    """Return the proof of a copy that is not there; its digest is that of no content at all."""
    return Proof(
        size_bytes=0,
        sha256="",
        xxh128="",
        part_size_bytes=part_size_bytes,
        part_sha256=(),
        method=MISSING,
    )


def _read(descriptor: int, buffer: memoryview, *, digests: Digests, extent: Extent) -> memoryview:
    wanted = min(len(buffer), digests.left_in_part(), extent.size_bytes - digests.size_bytes)
    try:
        # Whole blocks, as O_DIRECT wants them; the device gives less only at the end of the file.
        count = os.preadv(descriptor, [buffer[: aligned(wanted)]], digests.size_bytes)
    except OSError:
        return buffer[:0]
    return buffer[: min(count, wanted)]


def drop_cache(descriptor: int) -> None:
    """Ask the kernel to forget the file's pages; dirty ones are written out first.

    Raises:
        FsyncFailed: they cannot be.
    """
    with writing("a copy that was to be read back"):
        os.fsync(descriptor)
    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)


def _method(opened: Opened, *, size_bytes: int) -> str:
    if opened.cached_because is not None:
        return f"cache-dropped: {opened.cached_because}"
    if linux.has_resident_pages(opened.descriptor, size_bytes=size_bytes):
        return "cache-dropped: pages were resident after the read"
    return DIRECT
