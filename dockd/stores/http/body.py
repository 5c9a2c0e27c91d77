"""A part's bytes on their way from the spool to the socket, cheaply and at the agreed pace."""

import mmap
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Final

from dockd.errors import StoreChecksumMismatch
from dockd.ports.store import Outgoing

BLOCK_BYTES: Final = 1024 * 1024
# A slow link must be able to take a whole chunk within one write deadline (FACTS.md 4).
CHUNK_BYTES: Final = 256 * 1024
_ALIGNMENT_BYTES: Final = 4096


class SpoolRange:
    """One range of the spool's copy, read as the socket takes it and never held whole.

    ``taken_bytes`` counts what was handed to the connection, so that a failure before the first
    byte can be told from one in the middle.
    """

    def __init__(self, outgoing: Outgoing, *, offset: int, size_bytes: int) -> None:
        self.size_bytes = size_bytes
        self.taken_bytes = 0
        self.pace: Final = outgoing.pace
        self._spool_fd: Final = outgoing.content.fileno()
        self._offset: Final = offset

    def chunks(self, wait: Callable[[int], None]) -> Iterator[memoryview]:
        """Yield the range in chunks, smaller ones where the link is shared out.

        Every chunk is a view of one buffer, valid until the next one is asked for. ``wait`` is
        called before one or several of them with their size in bytes.

        Raises:
            StoreChecksumMismatch: the spool's copy is shorter than it was, or cannot be read; the
                stage settles it by reading the copy again.
        """
        self.taken_bytes = 0
        # Anonymous memory begins on a page, and pages are what O_DIRECT is aligned to.
        buffer = memoryview(mmap.mmap(-1, BLOCK_BYTES))
        fd = _reopened(self._spool_fd, direct=self._offset % _ALIGNMENT_BYTES == 0)
        try:
            while left_bytes := self.size_bytes - self.taken_bytes:
                offset = self._offset + self.taken_bytes
                block = _read(fd, buffer, size_bytes=min(BLOCK_BYTES, left_bytes), offset=offset)
                while block:
                    # Asked for at once as much as may be: each question crosses to the loop.
                    most_bytes = BLOCK_BYTES if self.pace is None else self.pace.portion_bytes
                    portion, block = block[:most_bytes], block[most_bytes:]
                    wait(len(portion))
                    for begin in range(0, len(portion), CHUNK_BYTES):
                        chunk = portion[begin : begin + CHUNK_BYTES]
                        self.taken_bytes += len(chunk)
                        yield chunk
        finally:
            os.close(fd)


def _reopened(fd: int, *, direct: bool) -> int:
    """Return a descriptor of our own, past the page cache where the file system knows how.

    The copy was written past the cache as well, so its pages are not there. To have them made for
    a single reading costs a fifth of an upload's CPU (measured), and memory that cameras need.
    """
    flags = os.O_RDONLY | os.O_CLOEXEC
    if direct:
        with suppress(OSError):
            return os.open(f"/proc/self/fd/{fd}", flags | os.O_DIRECT)
    return os.dup(fd)


def _read(fd: int, buffer: memoryview, *, size_bytes: int, offset: int) -> memoryview:
    # Whole blocks, as O_DIRECT wants them; a file gives less only at its end.
    wanted = buffer[: -(-size_bytes // _ALIGNMENT_BYTES) * _ALIGNMENT_BYTES]
    try:
        count = os.preadv(fd, [wanted], offset)
    except OSError as error:
        raise StoreChecksumMismatch(
            f"the spool's copy cannot be read: {error.strerror}", owner="operations"
        ) from error
    if count < size_bytes:
        raise StoreChecksumMismatch("the spool's copy is shorter than it was")
    return wanted[:size_bytes]
