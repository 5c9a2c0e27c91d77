"""Slowing reads down: to what a camera's port can do, and to what the station can take at once."""

import threading
import time
from collections.abc import Callable, Sequence
from typing import Final

from dockd.ports.camera import ReadPacer

_BURST_S: Final = 0.05
"""How much reading may be saved up while nobody reads, in seconds of the limit."""


class Pacer:
    """At most ``limit_bytes_s`` bytes a second over all threads that share it; 0 is no limit.

    Each read books its time behind the reads before it and waits for its own beginning, so that
    threads take turns and nobody wakes up to find the budget taken.
    """

    def __init__(
        self,
        limit_bytes_s: float,
        *,
        monotonic_s: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._limit_bytes_s: Final = limit_bytes_s
        self._monotonic_s: Final = monotonic_s
        self._sleep: Final = sleep
        self._lock = threading.Lock()
        self._free_at_s = monotonic_s()

    def before_read(self, size_bytes: int) -> None:
        """Block until ``size_bytes`` more may be read."""
        if self._limit_bytes_s <= 0:
            return
        with self._lock:
            now_s = self._monotonic_s()
            begins_s = max(self._free_at_s, now_s - _BURST_S)
            ends_s = self._free_at_s = begins_s + size_bytes / self._limit_bytes_s
        # The read's own time is waited for before it: the bytes then arrive as from a slow port.
        if ends_s > now_s:
            self._sleep(ends_s - now_s)


class Pacers:
    """Several limits at once: a camera's own and the station's."""

    def __init__(self, pacers: Sequence[ReadPacer]) -> None:
        self._pacers: Final = tuple(pacers)

    def before_read(self, size_bytes: int) -> None:
        """Block until every limit lets ``size_bytes`` more be read."""
        for pacer in self._pacers:
            pacer.before_read(size_bytes)
