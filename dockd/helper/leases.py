"""Turns and leases, which writable mounts and cuts of power share.

One thing at a time per slot, so that a camera that hangs holds up nobody but itself; and whatever
a client is given is its own only until a moment, or until its connection ends.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import inf
from pathlib import Path
from threading import Lock

from dockd.errors import Refused


@dataclass(slots=True, kw_only=True)
class Lease:
    """Until when (monotonic seconds; inf: until somebody ends it), whose, and of which ports."""

    until: float
    owner: object = None
    ports: Sequence[Path] = ()


class Leases(dict[str, Lease]):
    """The leases that stand, by slot; `now` is monotonic."""

    def __init__(self, now: Callable[[], float]) -> None:
        super().__init__()
        self._now = now
        self._locks: defaultdict[str, Lock] = defaultdict(Lock)

    @contextmanager
    def turn(self, slot: str, *, patience_s: float = 2.0) -> Iterator[None]:
        """Have a slot to oneself; ask only for one that there is, for its lock is kept."""
        if not self._locks[slot].acquire(timeout=patience_s):
            raise Refused(f"Slot {slot} is busy with another request.", slug="slot-busy")
        try:
            yield
        finally:
            self._locks[slot].release()

    def overdue(self) -> Sequence[str]:
        """Return the slots whose leases have ended, the longest ended first."""
        ended = [(lease.until, slot) for slot, lease in list(self.items())]
        return [slot for until, slot in sorted(ended) if until <= self._now()]

    def connection_ended(self, owner: object) -> None:
        """End what a connection had on lease."""
        for lease in list(self.values()):
            if lease.owner == owner and lease.until < inf:
                lease.until = min(lease.until, self._now())
