"""How much room there is: the reserve, and whether the spool accepts anything."""

import os
import threading
from typing import Final

from dockd.errors import SpoolFull
from dockd.ports.spool import Space

_HYSTERESIS: Final = 20
"""Accepting begins again a twentieth of the reserve above it, so that it does not flicker."""


class Room:
    """The spool's free space against its reserve, in bytes."""

    def __init__(self, *, reserve_bytes: int) -> None:
        self._reserve_bytes: Final = reserve_bytes
        self._accepting = True
        self._lock = threading.Lock()

    def look(self, root: int, *, promised_bytes: int) -> Space:
        """Return how full it is, once all that is promised is written."""
        found = os.fstatvfs(root)
        free_bytes = found.f_bavail * found.f_frsize
        with self._lock:
            self._accepting = self._still_accepting(free_bytes - promised_bytes)
            return Space(
                used_bytes=(found.f_blocks - found.f_bfree) * found.f_frsize,
                free_bytes=free_bytes,
                reserve_bytes=self._reserve_bytes,
                accepting=self._accepting,
            )

    def _still_accepting(self, free_bytes: int) -> bool:
        if self._accepting:
            return free_bytes > self._reserve_bytes
        return free_bytes > self._reserve_bytes + self._reserve_bytes // _HYSTERESIS

    def refuse_beyond(self, root: int, *, size_bytes: int, promised_bytes: int) -> None:
        """Raise SpoolFull unless ``size_bytes`` more leave the reserve untouched."""
        space = self.look(root, promised_bytes=promised_bytes)
        left_bytes = space.free_bytes - promised_bytes - size_bytes
        if space.accepting and left_bytes >= self._reserve_bytes:
            return
        raise SpoolFull(
            f"a clip of {size_bytes} bytes does not fit above the spool's reserve",
            size_bytes=size_bytes,
            free_bytes=space.free_bytes,
            promised_bytes=promised_bytes,
            reserve_bytes=self._reserve_bytes,
        )
