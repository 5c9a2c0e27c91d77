"""A part's bytes on their way from the spool to the socket, cheaply and at the agreed pace."""

import asyncio
import os
from collections.abc import AsyncIterator
from typing import Final, cast

import httpx2

from dockd.errors import StoreChecksumMismatch
from dockd.ports.clock import Clock
from dockd.ports.store import Outgoing

CHUNK_BYTES: Final = 512 * 1024
# A slow link must be able to take a whole chunk within one write deadline (FACTS.md 4), so
# chunks begin small and grow only while they are taken quickly.
FIRST_CHUNK_BYTES: Final = 64 * 1024
_QUICK_S: Final = 0.5


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
        fd = self._outgoing.content.fileno()
        pace = self._outgoing.pace
        os.posix_fadvise(fd, self._offset, self.size_bytes, os.POSIX_FADV_WILLNEED)
        chunk_bytes = FIRST_CHUNK_BYTES
        buffer = memoryview(bytearray(min(CHUNK_BYTES, self.size_bytes)))
        while self.taken_bytes < self.size_bytes:
            portion_bytes = chunk_bytes if pace is None else min(chunk_bytes, pace.portion_bytes)
            chunk = buffer[: min(portion_bytes, self.size_bytes - self.taken_bytes)]
            await _fill(chunk, fd, offset=self._offset + self.taken_bytes)
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


async def _fill(chunk: memoryview, fd: int, *, offset: int) -> None:
    """Read the spool's copy: at once when it is in memory, else in a thread.

    Raises:
        StoreChecksumMismatch: the spool's copy is shorter than it was, or cannot be read; the
            stage settles it by reading the copy again.
    """
    try:
        count = os.preadv(fd, [chunk], offset, os.RWF_NOWAIT)
    except OSError:
        # Not in memory, or a file system without RWF_NOWAIT: only then is a thread worth it.
        count = 0
    if count < len(chunk):
        await asyncio.to_thread(_fill_waiting, chunk[count:], fd, offset=offset + count)


def _fill_waiting(chunk: memoryview, fd: int, *, offset: int) -> None:
    while chunk:
        try:
            count = os.preadv(fd, [chunk], offset)
        except OSError as error:
            raise StoreChecksumMismatch(
                f"the spool's copy cannot be read: {error.strerror}", owner="operations"
            ) from error
        if not count:
            raise StoreChecksumMismatch("the spool's copy is shorter than it was")
        chunk = chunk[count:]
        offset += count
