"""From the camera to ``incoming/``: one pass that reads and hashes a clip, and writes it beside.

What is hashed where. The upload needs the SHA-256 of every part, the proof the SHA-256 of the
whole, and a resumed copy a digest of what it relies on. SHA-256 costs more than everything else
here together, so this pass hashes each byte once: a part that is recorded carries the digest of
the clip *from its first byte to the end of that part*, which the running hash yields for nothing,
and which is what a resumed copy computes anyway as it goes on over the parts. The read-back takes
the parts' own digests (``proving``).
"""

import errno
import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Protocol, Self

import xxhash

from dockd.core.clip import Part
from dockd.errors import CameraGone, ClipChangedWhileRead, ClipUnreadable
from dockd.ports.camera import ReadPacer, StopFlag
from dockd.ports.spool import PartDurable
from dockd.station.spool.beside import Beside, Ring
from dockd.station.spool.buffers import Buffers
from dockd.station.spool.direct_io import Opened, aligned
from dockd.station.spool.disk import Disk, writing

_READAHEAD_BYTES: Final = 4 * 1024 * 1024
BUFFERS: Final = 2
"""How many buffers a copy takes turns with: one is read and hashed while one is written."""


class _Hasher(Protocol):
    def update(self, content: memoryview, /) -> None: ...
    def hexdigest(self) -> str: ...
    def copy(self) -> Self: ...


@dataclass(slots=True, kw_only=True)
class Progress:
    """How far a copy is: everything before ``offset`` is hashed, and written or on its way."""

    offset: int = 0
    sha256: _Hasher = field(default_factory=hashlib.sha256)
    xxh128: _Hasher = field(default_factory=xxhash.xxh3_128)

    def hashed(self, content: memoryview) -> None:
        """Go on over ``content``."""
        self.sha256.update(content)
        self.xxh128.update(content)
        self.offset += len(content)

    def copy(self) -> "Progress":
        """Return the same point, to come back to."""
        return Progress(offset=self.offset, sha256=self.sha256.copy(), xxh128=self.xxh128.copy())


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """The camera's file: a descriptor, the size in bytes that was listed, and how it began."""

    descriptor: int
    size_bytes: int
    opened: os.stat_result
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Conduct:
    """How a copy behaves: who stops it, who slows it, who is told, how often it syncs (seconds)."""

    stop: StopFlag
    pacer: ReadPacer
    durable: PartDurable
    sync_every_s: float
    monotonic_s: Callable[[], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Block:
    """So many bytes of a buffer, and where in the copy they belong."""

    buffer: memoryview
    size_bytes: int
    offset: int


class CopyPass:
    """One attempt at a copy, run whole in one thread with a second one for its writes."""

    def __init__(
        self,
        source: Source,
        *,
        part: Opened,
        part_size_bytes: int,
        progress: Progress,
        conduct: Conduct,
        disk: Disk,
        allocated: Callable[[], None],
    ) -> None:
        self.progress = progress
        self.durable_bytes = progress.offset
        self._source: Final = source
        self._part: Final = part
        self._part_size_bytes: Final = part_size_bytes
        self._conduct: Final = conduct
        self._disk: Final = disk
        self._allocated: Final = allocated
        self._unconfirmed: list[Part] = []
        self._synced_at_s = conduct.monotonic_s()
        self._writing: Final = Beside(self._write, room=BUFFERS, name="copy writes")

    def run(self, buffers: Buffers) -> None:
        """Copy to the end; the copy is whole and durable when this returns.

        Raises:
            CameraGone, ClipUnreadable, ClipChangedWhileRead, SpoolFull, SpoolReadOnly, FsyncFailed
        """
        os.posix_fadvise(self._source.descriptor, 0, 0, os.POSIX_FADV_SEQUENTIAL)
        with writing(f"{self._source.name}"):
            self._disk.allocate(self._part.descriptor, size_bytes=aligned(self._source.size_bytes))
        self._allocated()
        with Ring(buffers, count=BUFFERS) as ring, self._writing:
            try:
                while self.progress.offset < self._source.size_bytes:
                    self._step(ring)
            except (CameraGone, ClipUnreadable):
                # What was copied whole is worth its fsync: the next docking goes on behind it.
                self._confirm()
                raise
            self._writing.drain()
        self._refuse_changed_source()
        self._finish()

    def _step(self, ring: Ring) -> None:
        self._writing.wait_for_room()
        buffer = ring.next()
        offset = self.progress.offset
        part_end = (offset // self._part_size_bytes + 1) * self._part_size_bytes
        wanted = min(len(buffer), part_end - offset, self._source.size_bytes - offset)
        if self._conduct.stop():
            raise CameraGone(f"the copy of {self._source.name} was stopped", offset_bytes=offset)
        self._conduct.pacer.before_read(wanted)
        content = buffer[:wanted]
        self._fill(content, offset=offset)
        self.progress.hashed(content)
        self._writing.hand_over(_Block(buffer=buffer, size_bytes=wanted, offset=offset))
        self._forget_source(from_offset=offset - _READAHEAD_BYTES)
        if self.progress.offset == part_end:
            self._part_ended(part_end)

    def _forget_source(self, *, from_offset: int) -> None:
        """Drop the source's pages: eight cameras would fill the memory with them.

        A page that straddles the end of the last drop goes with the next, as it begins before it.
        """
        begin = max(0, from_offset)
        length = self.progress.offset - begin
        os.posix_fadvise(self._source.descriptor, begin, length, os.POSIX_FADV_DONTNEED)

    def _fill(self, content: memoryview, *, offset: int) -> None:
        """Fill ``content`` from the camera."""
        filled = 0
        while filled < len(content):
            count = self._read(content[filled:], offset=offset + filled)
            if count == 0:
                raise ClipChangedWhileRead(
                    f"{self._source.name} ended before its listed size",
                    listed_bytes=self._source.size_bytes,
                    found_bytes=offset + filled,
                )
            filled += count

    def _read(self, content: memoryview, *, offset: int) -> int:
        try:
            return os.preadv(self._source.descriptor, [content], offset)
        except OSError as error:
            number = error.errno or 0
            raise ClipUnreadable(
                f"reading {self._source.name} failed: {os.strerror(number)}",
                errno=number,
                error=errno.errorcode.get(number, str(number)),
                offset_bytes=offset,
            ) from error

    def _write(self, block: _Block) -> None:
        """Write a buffer's first bytes; O_DIRECT takes whole blocks, so the tail is padded.

        The padding is cut off at the end. It never reaches a reader: a copy is neither proven nor
        named before that.
        """
        length = aligned(block.size_bytes) if self._part.direct else block.size_bytes
        if length > block.size_bytes:
            block.buffer[block.size_bytes : length] = bytes(length - block.size_bytes)
        with writing(self._source.name):
            self._disk.write(self._part.descriptor, block.buffer[:length], offset=block.offset)

    def _part_ended(self, end: int) -> None:
        size_bytes = self._part_size_bytes
        self._unconfirmed.append(
            Part(
                index=end // size_bytes - 1,
                offset=end - size_bytes,
                size_bytes=size_bytes,
                sha256=self.progress.sha256.copy().hexdigest(),
            )
        )
        since_s = self._conduct.monotonic_s() - self._synced_at_s
        if since_s >= self._conduct.sync_every_s and end < self._source.size_bytes:
            self._confirm()

    def _confirm(self) -> None:
        """Make the parts written so far durable, and say so."""
        if not self._unconfirmed:
            return
        self._writing.drain()
        with writing(self._source.name):
            self._disk.sync_data(self._part.descriptor)
        parts, self._unconfirmed = self._unconfirmed, []
        self._conduct.durable(parts)
        self.durable_bytes = parts[-1].offset + parts[-1].size_bytes
        self._synced_at_s = self._conduct.monotonic_s()

    def _refuse_changed_source(self) -> None:
        """Raise ClipChangedWhileRead unless the file is still the one that was opened."""
        goes_on = self._read(memoryview(bytearray(1)), offset=self._source.size_bytes) > 0
        after = os.fstat(self._source.descriptor)
        before = self._source.opened
        same = (after.st_size, after.st_mtime_ns) == (before.st_size, before.st_mtime_ns)
        if goes_on or not same or after.st_size != self._source.size_bytes:
            raise ClipChangedWhileRead(
                f"{self._source.name} changed while it was read",
                listed_bytes=self._source.size_bytes,
                found_bytes=after.st_size,
            )

    def _finish(self) -> None:
        os.posix_fadvise(self._source.descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        with writing(self._source.name):
            os.ftruncate(self._part.descriptor, self._source.size_bytes)
            self._disk.sync(self._part.descriptor)
