"""A part's bytes on their way from the spool to the socket, cheaply and at the agreed pace."""

import asyncio
import mmap
import os
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Final, Self, cast

import httpx2

from dockd.errors import StoreChecksumMismatch
from dockd.ports.clock import Clock
from dockd.ports.store import Outgoing

BLOCK_BYTES: Final = 1024 * 1024
CHUNK_BYTES: Final = 512 * 1024
# A slow link must be able to take a whole chunk within one write deadline (FACTS.md 4), so
# chunks begin small and grow only while they are taken quickly.
FIRST_CHUNK_BYTES: Final = 64 * 1024
_QUICK_S: Final = 0.5
_ALIGNMENT_BYTES: Final = 4096


class SpoolRange(httpx2.AsyncByteStream):
    """One range of the spool's copy, read as the socket takes it and never held whole.

    ``taken_bytes`` counts what was handed to the connection, so that a failure before the first
    byte can be told from one in the middle.
    """

    def __init__(self, outgoing: Outgoing, *, offset: int, size_bytes: int, clock: Clock) -> None:
        self._outgoing = outgoing
        self._offset = offset
        self.size_bytes = size_bytes
        self._clock = clock
        self.taken_bytes = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield the range in chunks, smaller ones where the link is slow or shared out.

        Every chunk is a view of one buffer, valid until the next one is asked for: the
        connection has copied or sent it by then.
        """
        pace = self._outgoing.pace
        chunk_bytes = FIRST_CHUNK_BYTES
        with _Blocks(self._outgoing.content.fileno(), offset=self._offset) as blocks:
            while left_bytes := self.size_bytes - self.taken_bytes:
                block = await blocks.next(min(BLOCK_BYTES, left_bytes))
                while block:
                    most_bytes = chunk_bytes if pace is None else pace.portion_bytes
                    chunk = block[: min(chunk_bytes, most_bytes)]
                    block = block[len(chunk) :]
                    if pace is not None:
                        await pace.wait(len(chunk))
                    began_s = self._clock.monotonic_s()
                    self.taken_bytes += len(chunk)
                    # h11 takes any buffer; the declared type of a body is narrower than that.
                    yield cast("bytes", chunk)
                    quick = self._clock.monotonic_s() - began_s < _QUICK_S
                    chunk_bytes = min(2 * chunk_bytes, CHUNK_BYTES) if quick else FIRST_CHUNK_BYTES

    async def aclose(self) -> None:
        """Leave the file open: it is the caller's."""


class _Blocks:
    """Reads on in the spool's copy, block by block, in a thread and past the page cache.

    The copy was written past the cache as well, so its pages are not there. To have them made for
    a single reading costs a fifth of an upload's CPU (measured), and memory that cameras need.
    """

    def __init__(self, fd: int, *, offset: int) -> None:
        self._fd = _reopened(fd, direct=offset % _ALIGNMENT_BYTES == 0)
        self._offset = offset
        # Anonymous memory begins on a page, and pages are what O_DIRECT is aligned to. It is not
        # closed but let go: a read that outlives its cancelled upload still writes to it.
        self._buffer = memoryview(mmap.mmap(-1, BLOCK_BYTES))
        self._reading: asyncio.Future[memoryview] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        reading = self._reading
        if reading is None or reading.done():
            os.close(self._fd)
        else:
            # Closed under a read, its number could be another file's by then.
            reading.add_done_callback(lambda _: os.close(self._fd))

    async def next(self, size_bytes: int) -> memoryview:
        """Return the next ``size_bytes``, a view that holds until the next call.

        Raises:
            StoreChecksumMismatch: the spool's copy is shorter than it was, or cannot be read; the
                stage settles it by reading the copy again.
        """
        loop = asyncio.get_running_loop()
        self._reading = loop.run_in_executor(None, self._read, size_bytes)
        block = await asyncio.shield(self._reading)
        self._offset += len(block)
        return block

    def _read(self, size_bytes: int) -> memoryview:
        # Whole blocks, as O_DIRECT wants them; a file gives less only at its end.
        wanted = self._buffer[: -(-size_bytes // _ALIGNMENT_BYTES) * _ALIGNMENT_BYTES]
        try:
            count = os.preadv(self._fd, [wanted], self._offset)
        except OSError as error:
            raise StoreChecksumMismatch(
                f"the spool's copy cannot be read: {error.strerror}", owner="operations"
            ) from error
        if count < size_bytes:
            raise StoreChecksumMismatch("the spool's copy is shorter than it was")
        return wanted[:size_bytes]


def _reopened(fd: int, *, direct: bool) -> int:
    """Return a descriptor of our own, past the page cache where the file system knows how."""
    flags = os.O_RDONLY | os.O_CLOEXEC
    if direct:
        with suppress(OSError):
            return os.open(f"/proc/self/fd/{fd}", flags | os.O_DIRECT)
    return os.dup(fd)
