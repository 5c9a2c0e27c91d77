"""Parts in flight at one store: core/flow's window, with somebody to wait at it.

It stands inside the retries, so that each try that fails is a sign of congestion and whoever waits
for the next one keeps no room. Only parts count: what a small clip waits for is not the link.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import TypeVar

from dockd.core import flow
from dockd.errors import StoreBusy, StoreUnreachable
from dockd.ports.store import Store
from dockd.stores.wrapper import StoreWrapper

T = TypeVar("T")


class WindowedStore(StoreWrapper):
    """Lets as many parts fly at once as the link and the store have shown that they carry."""

    def __init__(self, inner: Store) -> None:
        """Begin with one part, and learn."""
        super().__init__(inner)
        self._window = flow.Window()
        self._flying = 0
        self._waiting: deque[asyncio.Event] = deque()

    @property
    def parts(self) -> int:
        """How many parts may be in flight now."""
        return self._window.parts

    async def _call(self, operation: str, call: Callable[[], Awaitable[T]]) -> T:
        if operation != "send_part":
            return await call()
        await self._enter()
        era = self._window.era
        try:
            answer = await call()
        except (StoreUnreachable, StoreBusy):
            self._window = flow.after_congestion(self._window, era=era)
            raise
        else:
            self._window = flow.after_success(self._window)
            return answer
        finally:
            # What was cancelled or refused says nothing about how much the link carries.
            self._flying -= 1
            self._admit()

    async def _enter(self) -> None:
        """Wait for room for one more part, in the order of asking."""
        turn = asyncio.Event()
        self._waiting.append(turn)
        self._admit()
        try:
            await turn.wait()
        except asyncio.CancelledError:
            if turn in self._waiting:
                self._waiting.remove(turn)
            else:
                # Admitted, and cancelled before it could be told: the room goes to the next.
                self._flying -= 1
                self._admit()
            raise

    def _admit(self) -> None:
        while self._waiting and self._flying < self._window.parts:
            self._flying += 1
            self._waiting.popleft().set()
