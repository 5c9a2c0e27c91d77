"""Time and chance: they come in through here, so that a test of a week takes a millisecond."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Synchronisation:
    """Whether the station's clock is disciplined, and by how many seconds it may be off."""

    synchronised: bool
    offset_s: float | None


class Clock(Protocol):
    """The station's clock."""

    def now(self) -> datetime:
        """Return the time in UTC, with its timezone; it may be wrong (see `synchronisation`)."""

    def monotonic_s(self) -> float:
        """Return seconds that only ever go on; all deadlines and ages are counted in these."""

    def monotonic_ns(self) -> int:
        """Return the same in nanoseconds, for the record."""

    def synchronisation(self) -> Synchronisation:
        """Return whether the clock can be trusted now."""

    def random(self) -> float:
        """Return a number from 0 to 1 for jitter."""

    def random_bytes(self, count: int) -> bytes:
        """Return `count` unpredictable bytes for ids."""

    async def sleep(self, seconds: float) -> None:
        """Wait `seconds`."""
