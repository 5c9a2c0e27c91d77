"""Page-aligned memory for O_DIRECT, reused from clip to clip."""

import mmap
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

BUFFER_BYTES: Final = 2 * 1024 * 1024
"""One read, and one write: large enough for the disk's full speed, small enough that eight
cameras and two read-backs stay within a few tens of MiB."""


class Buffers:
    """A pool of buffers of ``BUFFER_BYTES``; it grows on demand and keeps ``spare`` of them."""

    def __init__(self, *, spare: int = 2) -> None:
        self._spare = spare
        self._free: list[mmap.mmap] = []
        self._lock = threading.Lock()

    @contextmanager
    def lease(self) -> Iterator[memoryview]:
        """Lend one buffer for the length of the context."""
        with self._lock:
            # Anonymous memory begins on a page, and pages are what O_DIRECT is aligned to.
            pages = self._free.pop() if self._free else mmap.mmap(-1, BUFFER_BYTES)
        view = memoryview(pages)
        try:
            yield view
        finally:
            view.release()
            self._give_back(pages)

    def _give_back(self, pages: mmap.mmap) -> None:
        with self._lock:
            # Not closed beyond that: the last slice of it to be let go unmaps the memory.
            if len(self._free) < self._spare:
                self._free.append(pages)
