"""The digests of a read-back: of the whole, and of every part that an upload will send.

Hashing each byte twice in one thread would make the read-back slower than the disk, so the parts
are hashed beside the thread that reads and hashes the whole. The first part needs no hashing of
its own: the digest of the whole, as it runs past the end of that part, is its digest.
"""

import hashlib
import threading
from collections.abc import Callable
from queue import SimpleQueue
from types import TracebackType
from typing import Final, Self

import xxhash

BUFFERS: Final = 2
"""How many buffers a read-back takes turns with: one is filled and hashed as a whole while the
thread beside is still at the other."""


class Digests:
    """SHA-256 and XXH128 of content in order, and the SHA-256 of each of its parts.

    A context: what the parts' thread still has to hash is done when it is left.
    """

    def __init__(self, *, part_size_bytes: int) -> None:
        self.size_bytes = 0
        self._part_size_bytes: Final = part_size_bytes
        self._whole: Final = hashlib.sha256()
        self._fast: Final = xxhash.xxh3_128()
        self._first_part: str | None = None
        self._free_buffers: Final = threading.Semaphore(BUFFERS)
        self._later_parts: Final = _LaterParts(
            part_size_bytes=part_size_bytes, hashed=self._free_buffers.release
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._later_parts.finish()

    @property
    def sha256(self) -> str:
        """The digest of the whole in hex."""
        return self._whole.hexdigest()

    @property
    def xxh128(self) -> str:
        """The XXH128 of the whole in hex."""
        return self._fast.hexdigest()

    @property
    def part_sha256(self) -> tuple[str, ...]:
        """The digests of the parts in hex; an empty file is one empty part."""
        return (self._first_part or self.sha256, *self._later_parts.digests())

    def left_in_part(self) -> int:
        """Return how many bytes the present part still lacks."""
        return self._part_size_bytes - self.size_bytes % self._part_size_bytes

    def wait_for_buffer(self) -> None:
        """Return when the next of the ``BUFFERS`` in turn is hashed and may be overwritten."""
        self._free_buffers.acquire()

    def update(self, content: memoryview) -> None:
        """Go on over ``content``, which does not cross the end of a part."""
        if self.size_bytes >= self._part_size_bytes:
            # Handed over first: both threads hash at once, and the other frees the buffer.
            self._later_parts.hand_over(content)
        else:
            self._free_buffers.release()
        self._whole.update(content)
        self._fast.update(content)
        self.size_bytes += len(content)
        if self.size_bytes == self._part_size_bytes:
            self._first_part = self._whole.copy().hexdigest()


class _LaterParts:
    """Hashes every part behind the first, in a thread that begins when there is one."""

    def __init__(self, *, part_size_bytes: int, hashed: Callable[[], None]) -> None:
        self._part_size_bytes: Final = part_size_bytes
        self._hashed: Final = hashed
        self._thread: threading.Thread | None = None
        self._waiting: Final[SimpleQueue[memoryview | None]] = SimpleQueue()
        self._ended: Final[list[str]] = []
        self._part = hashlib.sha256()
        self._in_part_bytes = 0

    def hand_over(self, content: memoryview) -> None:
        """Have ``content`` hashed; it must not change before ``hashed`` is called."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="part digests", daemon=True)
            self._thread.start()
        self._waiting.put(content)

    def finish(self) -> None:
        """Return when all is hashed."""
        if self._thread is not None:
            # It only hashes what is in memory: it cannot be stuck in the kernel.
            self._waiting.put(None)
            self._thread.join()

    def digests(self) -> tuple[str, ...]:
        """Return the digests in hex; only after `finish`."""
        if self._in_part_bytes:
            return (*self._ended, self._part.hexdigest())
        return tuple(self._ended)

    def _run(self) -> None:
        while (content := self._waiting.get()) is not None:
            self._part.update(content)
            self._in_part_bytes += len(content)
            if self._in_part_bytes == self._part_size_bytes:
                self._ended.append(self._part.hexdigest())
                self._part = hashlib.sha256()
                self._in_part_bytes = 0
            self._hashed()
