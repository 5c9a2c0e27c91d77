"""Keeps all streams of all stores together inside the station's link budget."""

import threading
from dataclasses import replace

from dockd.core.flow import Bucket, burst_bytes, portion_bytes, reserve, with_rate
from dockd.ports.clock import Clock
from dockd.ports.store import Outgoing, Store
from dockd.stores.wrapper import StoreWrapper


class SharedRate:
    """The one limit that every rate-limited store waits at; it can be changed while they wait."""

    def __init__(self, *, clock: Clock, rate_bytes_s: float | None = None) -> None:
        self._clock = clock
        self._bucket = Bucket(
            rate_bytes_s=rate_bytes_s,
            burst_bytes=burst_bytes(rate_bytes_s),
            updated_s=clock.monotonic_s(),
        )

    @property
    def rate_bytes_s(self) -> float | None:
        """The limit in bytes per second; None or 0 is none."""
        return self._bucket.rate_bytes_s

    def change(self, rate_bytes_s: float | None) -> None:
        """Set another limit from now on; streams under way follow at their next portion."""
        self._bucket = with_rate(
            self._bucket,
            rate_bytes_s=rate_bytes_s,
            now_s=self._clock.monotonic_s(),
            burst_bytes=burst_bytes(rate_bytes_s),
        )

    @property
    def portion_bytes(self) -> int:
        """How many bytes may be asked for at once: the fewer, the lower the limit."""
        return portion_bytes(self.rate_bytes_s)

    async def wait(self, size_bytes: int) -> None:
        """Return when ``size_bytes``, one portion at most, may go."""
        while self.rate_bytes_s and size_bytes:
            # More than one when the limit came after the portion was measured.
            portion = min(size_bytes, self.portion_bytes)
            size_bytes -= portion
            self._bucket, wait_s = reserve(
                self._bucket, amount_bytes=portion, now_s=self._clock.monotonic_s()
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
