"""Who writes which ``.part``: one owner at a time; a thread stuck in the kernel keeps its own."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from dockd.station.spool import layout

# How long the end of an earlier attempt is waited for. A thread whose camera was pulled notices at
# its next read; one that does not by then is stuck in the kernel.
ENDING_S: Final = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """A ``.part`` that is now owned; ``exists`` when an earlier attempt left it."""

    name: str
    exists: bool


class Owners:
    """The ``.part`` files that copies of this process write, and the space promised to them."""

    def __init__(self, *, ending_s: float = ENDING_S) -> None:
        self._ending_s = ending_s
        self._lock = threading.Condition()
        self._promised_bytes: dict[str, int] = {}

    def claim(
        self,
        stem: str,
        *,
        existing: Callable[[], Sequence[str]],
        needs: Callable[[Claimed, int], int],
    ) -> Claimed:
        """Take the newest attempt that nobody owns, or else a new one.

        A camera that is docked again at once finds its copy while that is still being given up:
        waits for it, so that the copy goes on where it was and does not begin anew.

        ``existing`` lists the attempts' files. ``needs`` is asked, with nobody else claiming
        meanwhile, how many bytes the claim still takes beyond those promised to others; what it
        raises refuses the claim.
        """
        with self._lock:
            self._lock.wait_for(lambda: not self._owns_any(stem), self._ending_s)
            claimed = self._choose(stem, existing=existing())
            self._promised_bytes[claimed.name] = needs(claimed, sum(self._promised_bytes.values()))
            return claimed

    def _owns_any(self, stem: str) -> bool:
        return any(layout.attempt_of(name, stem=stem) is not None for name in self._promised_bytes)

    def _choose(self, stem: str, *, existing: Sequence[str]) -> Claimed:
        attempts = {
            attempt: name
            for name in existing
            if (attempt := layout.attempt_of(name, stem=stem)) is not None
        }
        for attempt in sorted(attempts, reverse=True):
            if attempts[attempt] not in self._promised_bytes:
                return Claimed(name=attempts[attempt], exists=True)
        attempt = 1
        # An owner may not have made its file yet, or may have lost it to a fault.
        while (
            attempt in attempts or layout.part_name(stem, attempt=attempt) in self._promised_bytes
        ):
            attempt += 1
        return Claimed(name=layout.part_name(stem, attempt=attempt), exists=False)

    def allocated(self, name: str) -> None:
        """Note that the file system has the space now, so that it is not counted twice."""
        with self._lock:
            if name in self._promised_bytes:
                self._promised_bytes[name] = 0

    def release(self, name: str) -> None:
        """Give a ``.part`` up."""
        with self._lock:
            self._promised_bytes.pop(name, None)
            self._lock.notify_all()

    def owns(self, name: str) -> bool:
        """Return whether a copy of this process writes it."""
        with self._lock:
            return name in self._promised_bytes

    def promised_bytes(self) -> int:
        """Return the bytes that claims will still take from the file system."""
        with self._lock:
            return sum(self._promised_bytes.values())
