"""A part's bytes on their way from the spool to the socket, cheaply and at the agreed pace."""

import asyncio
import os
from collections.abc import AsyncIterator
from typing import Final

import httpx2

from dockd.errors import StoreChecksumMismatch
from dockd.ports.clock import Clock
from dockd.ports.store import Outgoing

CHUNK_BYTES: Final = 256 * 1024
# A slow link must be able to take a whole chunk within one write deadline (FACTS.md 4).
SLOW_CHUNK_BYTES: Final = 64 * 1024
_SLOW_S: Final = 0.5


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
        """Yield the range in chunks, smaller ones where the link is slow or shared out."""
        fd = self._outgoing.content.fileno()
        pace = self._outgoing.pace
        os.posix_fadvise(fd, self._offset, self.size_bytes, os.POSIX_FADV_WILLNEED)
        chunk_bytes = CHUNK_BYTES
        while self.taken_bytes < self.size_bytes:
            portion_bytes = chunk_bytes if pace is None else min(chunk_bytes, pace.portion_bytes)
            wanted = min(portion_bytes, self.size_bytes - self.taken_bytes)
            chunk = await _read(fd, size_bytes=wanted, offset=self._offset + self.taken_bytes)
            if pace is not None:
                await pace.wait(len(chunk))
            began_s = self._clock.monotonic_s()
            self.taken_bytes += len(chunk)
            yield chunk
            if self._clock.monotonic_s() - began_s > _SLOW_S:
                chunk_bytes = SLOW_CHUNK_BYTES

    async def aclose(self) -> None:
        """Leave the file open: it is the caller's."""


async def _read(fd: int, *, size_bytes: int, offset: int) -> bytes:
    """Return bytes of the spool's copy: at once when they are in memory, else from a thread.

    Raises:
        StoreChecksumMismatch: the spool's copy is shorter than it was, or cannot be read; the
            stage settles it by reading the copy again.
    """
    buffer = bytearray(size_bytes)
    try:
        count = os.preadv(fd, [buffer], offset, os.RWF_NOWAIT)
    except OSError:
        # Not in memory, or a file system without RWF_NOWAIT: only then is a thread worth it.
        count = 0
    if count < size_bytes:
        return await asyncio.to_thread(_read_all, fd, size_bytes=size_bytes, offset=offset)
    return bytes(buffer)


def _read_all(fd: int, *, size_bytes: int, offset: int) -> bytes:
    content = b""
    while len(content) < size_bytes:
        try:
            more = os.pread(fd, size_bytes - len(content), offset + len(content))
        except OSError as error:
            raise StoreChecksumMismatch(
                f"the spool's copy cannot be read: {error.strerror}", owner="operations"
            ) from error
        if not more:
            raise StoreChecksumMismatch("the spool's copy is shorter than it was")
        content += more
    return content
