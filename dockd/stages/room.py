"""Room for so many parts at once, which clips that are sent side by side take in turns."""

import asyncio
import heapq
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from itertools import count
from typing import Final

from dockd.core import flow


class Room:
    """A semaphore that is fair to clips and not to parts; whose turn it is, core/flow says."""

    def __init__(self, places: int) -> None:
        """Begin with all places free."""
        self._free = places
        self._rota = flow.Rota()
        self._numbers: Final = count()
        self._waiting: Final[list[tuple[int, int, asyncio.Event]]] = []

    @asynccontextmanager
    async def taken_by(self, clip: int) -> AsyncGenerator[None, None]:
        """Wait for a place for one part of a clip, and keep it meanwhile."""
        await self._enter(clip)
        try:
            yield
        finally:
            self._leave()

    async def _enter(self, clip: int) -> None:
        self._rota, turn = flow.ask(self._rota, clip=clip)
        waits = (turn, next(self._numbers), asyncio.Event())
        heapq.heappush(self._waiting, waits)
        self._admit()
        try:
            await waits[-1].wait()
        except asyncio.CancelledError:
            if waits in self._waiting:
                self._waiting.remove(waits)
                heapq.heapify(self._waiting)
                self._rota = flow.withdraw(self._rota, clip=clip, turn=turn)
            else:
                # Admitted, and cancelled before it could be told: the place goes to the next.
                self._leave()
            raise

    def _leave(self) -> None:
        self._free += 1
        self._admit()

    def _admit(self) -> None:
        while self._waiting and self._free:
            turn, _, told = heapq.heappop(self._waiting)
            self._rota = flow.serve(self._rota, turn=turn)
            self._free -= 1
            told.set()
