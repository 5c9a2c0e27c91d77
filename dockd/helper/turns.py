"""One thing at a time per slot, so that a camera that hangs holds up nobody but itself."""

import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from dockd.errors import Refused

PATIENCE_S: Final = 2.0


class Turns:
    """Whose turn it is at each slot."""

    def __init__(self) -> None:
        self._locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)

    @contextmanager
    def of(self, slot: str, *, patience_s: float = PATIENCE_S) -> Iterator[None]:
        """Wait for the slot's turn, at most `patience_s` seconds (-1: for ever).

        Raises:
            Refused: `slot-busy`.
        """
        lock = self._locks[slot]
        if not lock.acquire(timeout=patience_s):
            raise Refused(f"Slot {slot} is busy with another request.", slug="slot-busy")
        try:
            yield
        finally:
            lock.release()
