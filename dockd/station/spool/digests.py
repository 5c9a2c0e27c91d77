"""The digests of a read-back: of the whole, and of every part that an upload will send.

Hashing each byte twice in the thread that reads would make the read-back slower than the disk, so
the whole is hashed beside it, and the parts beside both. The first part needs no hashing of its
own: the digest of the whole, as it runs past the end of that part, is its digest.
"""

import hashlib
from contextlib import ExitStack
from types import TracebackType
from typing import Final, Self

import xxhash

from dockd.station.spool.beside import Beside

BUFFERS: Final = 3
"""How many buffers a read-back takes turns with: one is filled while two are hashed."""


class Digests:
    """SHA-256 and XXH128 of content in order, and the SHA-256 of each of its parts.

    A context: the digests are complete when it is left.
    """

    def __init__(self, *, size_bytes: int, part_size_bytes: int) -> None:
        self.size_bytes = 0
        self._part_size_bytes: Final = part_size_bytes
        self._whole: Final = _Whole(part_size_bytes=part_size_bytes)
        self._parts: Final = _LaterParts(part_size_bytes=part_size_bytes)
        self._threads: Final = ExitStack()
        self._hashing: Final = [Beside(self._whole.hash, room=BUFFERS, name="whole digest")]
        if size_bytes > part_size_bytes:
            self._hashing.append(Beside(self._parts.hash, room=BUFFERS, name="part digests"))

    def __enter__(self) -> Self:
        for beside in self._hashing:
            self._threads.enter_context(beside)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._threads.__exit__(kind, error, traceback)

    @property
    def sha256(self) -> str:
        """The digest of the whole in hex."""
        return self._whole.sha256.hexdigest()

    @property
    def xxh128(self) -> str:
        """The XXH128 of the whole in hex."""
        return self._whole.xxh128.hexdigest()

    @property
    def part_sha256(self) -> tuple[str, ...]:
        """The digests of the parts in hex; an empty file is one empty part."""
        return (self._whole.first_part or self.sha256, *self._parts.digests())

    def left_in_part(self) -> int:
        """Return how many bytes the present part still lacks."""
        return self._part_size_bytes - self.size_bytes % self._part_size_bytes

    def wait_for_buffer(self) -> None:
        """Return when the next of the ``BUFFERS`` in turn is hashed and may be overwritten."""
        for beside in self._hashing:
            beside.wait_for_room()

    def update(self, content: memoryview) -> None:
        """Go on over ``content``, which does not cross the end of a part."""
        self.size_bytes += len(content)
        # The parts first: the very first thing is hashed by the caller, and there it is nothing.
        for beside in reversed(self._hashing):
            beside.hand_over(content)


class _Whole:
    """Hashes everything, and remembers the digest at the end of the first part."""

    def __init__(self, *, part_size_bytes: int) -> None:
        self.sha256: Final = hashlib.sha256()
        self.xxh128: Final = xxhash.xxh3_128()
        self.first_part: str | None = None
        self._left_in_first_bytes = part_size_bytes

    def hash(self, content: memoryview) -> None:
        self.sha256.update(content)
        self.xxh128.update(content)
        self._left_in_first_bytes -= len(content)
        if self._left_in_first_bytes == 0:
            self.first_part = self.sha256.copy().hexdigest()


class _LaterParts:
    """Hashes every part behind the first."""

    def __init__(self, *, part_size_bytes: int) -> None:
        self._part_size_bytes: Final = part_size_bytes
        self._ended: Final[list[str]] = []
        self._part = hashlib.sha256()
        self._offset = 0

    def hash(self, content: memoryview) -> None:
        self._offset += len(content)
        if self._offset <= self._part_size_bytes:
            return
        self._part.update(content)
        if self._offset % self._part_size_bytes == 0:
            self._ended.append(self._part.hexdigest())
            self._part = hashlib.sha256()

    def digests(self) -> tuple[str, ...]:
        """Return the digests in hex."""
        if self._offset > self._part_size_bytes and self._offset % self._part_size_bytes:
            return (*self._ended, self._part.hexdigest())
        return tuple(self._ended)
