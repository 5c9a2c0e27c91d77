"""A clock that stands still until somebody sleeps on it."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from dockd.ports.clock import Synchronisation


class StillClock:
    """Sleeping moves it on at once; chance is always the same."""

    def __init__(self, *, now: datetime | None = None, chance: float = 0.5) -> None:
        self._began = now or datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
        self._elapsed_s = 0.0
        self._chance = chance
        self._drawn = 0
        self.synchronised = True
        self.slept: list[float] = []
        self.when_slept: Callable[[], None] = lambda: None

    def advance(self, seconds: float) -> None:
        self._elapsed_s += seconds

    def set_forward(self, by: timedelta) -> None:
        """Set the wall clock, as a person or a time server does; the monotonic one goes on."""
        self._began += by

    def now(self) -> datetime:
        return self._began + timedelta(seconds=self._elapsed_s)

    def monotonic_s(self) -> float:
        return self._elapsed_s

    def monotonic_ns(self) -> int:
        return int(self._elapsed_s * 1e9)

    def synchronisation(self) -> Synchronisation:
        return Synchronisation(
            synchronised=self.synchronised, offset_s=0.0 if self.synchronised else None
        )

    def random(self) -> float:
        return self._chance

    def random_bytes(self, count: int) -> bytes:
        self._drawn += 1
        return self._drawn.to_bytes(8, "big").rjust(count, b"\0")[-count:]

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.advance(seconds)
        self.when_slept()
        await asyncio.sleep(0)
