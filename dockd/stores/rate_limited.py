"""Keeps all streams of all stores together inside the station's link budget."""

import threading
from dataclasses import replace
from typing import Final

from dockd.core.flow import Bucket, reserve, with_rate
from dockd.ports.clock import Clock
from dockd.ports.store import Outgoing, Store
from dockd.stores.wrapper import StoreWrapper

PORTION_BYTES: Final = 64 * 1024
FREE_PORTION_BYTES: Final = 1024 * 1024


class SharedRate:
    """The one limit that every rate-limited store waits at; it can be changed while they wait."""

    def __init__(self, *, clock: Clock, rate_bytes_s: float | None = None) -> None:
        self._clock = clock
        self._bucket = Bucket(
            rate_bytes_s=rate_bytes_s,
            burst_bytes=PORTION_BYTES,
            updated_s=clock.monotonic_s(),
        )

    @property
    def rate_bytes_s(self) -> float | None:
        """The limit in bytes per second; None or 0 is none."""
        return self._bucket.rate_bytes_s

    def change(self, rate_bytes_s: float | None) -> None:
        """Set another limit from now on; streams under way follow at their next portion."""
        self._bucket = with_rate(
            self._bucket, rate_bytes_s=rate_bytes_s, now_s=self._clock.monotonic_s()
        )

    @property
    def portion_bytes(self) -> int:
        """How many bytes may be asked for at once: few while there is a limit."""
        return PORTION_BYTES if self.rate_bytes_s else FREE_PORTION_BYTES

    async def wait(self, size_bytes: int) -> None:
        """Return when ``size_bytes``, one portion at most, may go."""
        while self.rate_bytes_s and size_bytes:
            # More than one when the limit came after the portion was measured.
            portion_bytes = min(size_bytes, PORTION_BYTES)
            size_bytes -= portion_bytes
            self._bucket, wait_s = reserve(
                self._bucket, amount_bytes=portion_bytes, now_s=self._clock.monotonic_s()
            )
            if wait_s > 0:
                await self._clock.sleep(wait_s)


class RateLimitedStore(StoreWrapper):
    """Sends clips at the shared rate.

    Attributes:
        sent_bytes: What was let through to this store since the start.
    """

    def __init__(self, inner: Store, *, rate: SharedRate) -> None:
        super().__init__(inner)
        self._rate = rate
        self._lock = threading.Lock()
        self.sent_bytes = 0

    @property
    def portion_bytes(self) -> int:
        """How many bytes may be asked for at once."""
        return self._rate.portion_bytes

    def goes_at_once(self, size_bytes: int) -> bool:
        """Count what goes to this store and return true; false while there is a limit."""
        if self._rate.rate_bytes_s:
            return False
        self._count(size_bytes)
        return True

    async def wait(self, size_bytes: int) -> None:
        """Wait at the shared rate, and count what goes to this store."""
        self._count(size_bytes)
        await self._rate.wait(size_bytes)

    def _count(self, size_bytes: int) -> None:
        with self._lock:
            self.sent_bytes += size_bytes

    def _prepared(self, outgoing: Outgoing) -> Outgoing:
        return replace(outgoing, pace=self)
