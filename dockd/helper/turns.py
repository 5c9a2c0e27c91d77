"""One thing at a time per slot, so that a camera that hangs holds up nobody but itself."""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

from dockd.helper.refusals import refusal


class Turns:
    """Whose turn it is; asked only for slots that there are, for it keeps a lock of each."""

    def __init__(self) -> None:
        self._locks: defaultdict[str, Lock] = defaultdict(Lock)

    @contextmanager
    def of(self, slot: str, *, patience_s: float = 2.0) -> Iterator[None]:
        """Have a slot to oneself; who waits longer (-1: for ever) is refused as `slot-busy`."""
        if not self._locks[slot].acquire(timeout=patience_s):
            raise refusal("busy", slot)
        try:
            yield
        finally:
            self._locks[slot].release()
