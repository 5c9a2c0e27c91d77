"""Keeps all streams of all stores together inside the station's link budget."""

from dataclasses import replace

from dockd.core.flow import Bucket, reserve, with_rate
from dockd.ports.clock import Clock
from dockd.ports.store import Outgoing, Store
from dockd.stores.wrapper import StoreWrapper

PORTION_BYTES = 64 * 1024


class SharedRate:
    """The one limit that every rate-limited store waits at; it can be changed while they wait.

    Attributes:
        sent_bytes: What was let through since the start, for the uplink's figures.
    """

    def __init__(self, *, clock: Clock, rate_bytes_s: float | None = None) -> None:
        self.sent_bytes = 0
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

    async def pace(self, size_bytes: int) -> None:
        """Wait until ``size_bytes`` may go; a portion at most."""
        self._bucket, wait_s = reserve(
            self._bucket, amount_bytes=size_bytes, now_s=self._clock.monotonic_s()
        )
        self.sent_bytes += size_bytes
        if wait_s > 0:
            await self._clock.sleep(wait_s)


class RateLimitedStore(StoreWrapper):
    """Sends clips at the shared rate.

    Whether there is a limit is looked at when a part begins: without one, parts go in larger
    chunks at less cost, and a limit that comes meanwhile holds from the next part on.
    """

    def __init__(self, inner: Store, *, rate: SharedRate) -> None:
        super().__init__(inner)
        self._rate = rate

    def _prepared(self, outgoing: Outgoing) -> Outgoing:
        return replace(outgoing, pace=self._rate.pace) if self._rate.rate_bytes_s else outgoing
