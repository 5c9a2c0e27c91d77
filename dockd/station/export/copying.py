"""One file onto the disk, hashed on the way, or hashed where it lies."""

import errno
import hashlib
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO, Final

import xxhash

from dockd.errors import ExportFailed
from dockd.station.export.target import Target, writing

_CHUNK_BYTES: Final = 1 << 20
# Written out this often: what waits in memory for a slow disk would hold up the ledger's fsyncs.
_FLUSHED_EVERY_BYTES: Final = 32 << 20

Told = Callable[[int], None]
"""Called with each number of bytes that were copied, read back or hashed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Digests:
    """What some content was hashed to."""

    size_bytes: int
    sha256: str
    xxh128: str


class _Hashing:
    def __init__(self) -> None:
        self._sha256, self._xxh128, self._size_bytes = hashlib.sha256(), xxhash.xxh128(), 0

    def add(self, content: memoryview) -> None:
        self._sha256.update(content)
        self._xxh128.update(content)
        self._size_bytes += len(content)

    def digests(self) -> Digests:
        return Digests(
            size_bytes=self._size_bytes,
            sha256=self._sha256.hexdigest(),
            xxh128=self._xxh128.hexdigest(),
        )


def copy(source: BinaryIO, target: Target, name: str, *, mtime_ns: int, told: Told) -> Digests:
    """Copy all of ``source`` to a new file, durable but for its name.

    Raises:
        OSError: the source cannot be read.
        ExportFailed: the disk does not take it.
    """
    hashing, what = _Hashing(), target.called(name)
    with writing(what):
        descriptor = target.new(name)
    try:
        buffer = memoryview(bytearray(_CHUNK_BYTES))
        unflushed_bytes = 0
        while count := os.readv(source.fileno(), [buffer]):
            piece = buffer[:count]
            hashing.add(piece)
            unflushed_bytes += count
            with writing(what):
                _write(descriptor, piece)
                if unflushed_bytes >= _FLUSHED_EVERY_BYTES:
                    os.fdatasync(descriptor)
                    unflushed_bytes = 0
            told(count)
        with writing(what):
            _date(descriptor, mtime_ns)
            os.fsync(descriptor)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(descriptor)
    return hashing.digests()


def digests_of(target: Target, name: str, *, told: Told) -> Digests | None:
    """Return what a file on the disk hashes to; None if there is no regular file.

    Raises:
        OSError: the disk cannot be read.
    """
    try:
        descriptor = target.opened(name)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno in {errno.ELOOP, errno.ENXIO}:
            return None
        raise
    hashing = _Hashing()
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return None
        # What the disk holds is asked, and not what memory remembers of it.
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        buffer = memoryview(bytearray(_CHUNK_BYTES))
        while count := os.readv(descriptor, [buffer]):
            hashing.add(buffer[:count])
            told(count)
    finally:
        os.close(descriptor)
    return hashing.digests()


def digests_in(content: bytes) -> Digests:
    """Return what some content hashes to."""
    hashing = _Hashing()
    hashing.add(memoryview(content))
    return hashing.digests()


def refuse_unless_kept(found: Digests | None, given: Digests, place: str) -> None:
    """Let nothing have its name that the disk does not give back. Raises ExportFailed."""
    if found != given:
        held = f"hashing to {found.sha256}" if found else "as no file"
        raise ExportFailed(
            f"{place} was read back {held}, and {given.sha256} was written",
            next_step="Take another disk or cable, and run the same command again: this one does"
            " not keep what it is given.",
        )


def _write(descriptor: int, content: memoryview) -> None:
    while content:
        content = content[os.write(descriptor, content) :]


def _date(descriptor: int, mtime_ns: int) -> None:
    """Give a copy its original's date; one that the disk cannot say stands in the manifest."""
    try:
        os.utime(descriptor, ns=(mtime_ns, mtime_ns))
    except (OverflowError, OSError) as error:
        if isinstance(error, OSError) and error.errno not in {errno.EINVAL, errno.EPERM}:
            raise
