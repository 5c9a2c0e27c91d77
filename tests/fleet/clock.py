"""The clock port in virtual time; each station draws its own chance, by the seed and its name."""

import random
from datetime import UTC, datetime, timedelta
from typing import Final

from dockd.ports.clock import Synchronisation
from tests.fleet.kernel import Kernel

BEGIN: Final = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)


class VirtualClock:
    """What a station's parts take for the time."""

    def __init__(self, kernel: Kernel, *, seed: int, name: str) -> None:
        self._kernel = kernel
        self._chance = random.Random(f"{seed} {name}")

    def now(self) -> datetime:
        return BEGIN + timedelta(seconds=self._kernel.now_s)

    def monotonic_s(self) -> float:
        return self._kernel.now_s

    def monotonic_ns(self) -> int:
        return int(self._kernel.now_s * 1e9)

    def synchronisation(self) -> Synchronisation:
        return Synchronisation(synchronised=True, offset_s=0.0)

    def random(self) -> float:
        return self._chance.random()

    def random_bytes(self, count: int) -> bytes:
        return self._chance.randbytes(count)

    async def sleep(self, seconds: float) -> None:
        await self._kernel.sleep(seconds)
