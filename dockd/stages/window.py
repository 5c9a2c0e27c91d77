"""Parts in flight at one store: core/flow's window, with somebody to wait at it."""

import asyncio
from collections import deque

from dockd.core import flow


class PartsWindow:
    """Lets as many parts fly at once as the link has shown that it carries."""

    def __init__(self) -> None:
        """Begin with one part, and learn."""
        self._window = flow.Window()
        self._flying = 0
        self._waiting: deque[asyncio.Event] = deque()

    async def enter(self) -> None:
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

    def leave(self, *, well: bool) -> None:
        """Give the room back, and learn from how it went. Never waits, so it is safe anywhere."""
        self._flying -= 1
        self._window = (flow.after_success if well else flow.after_congestion)(self._window)
        self._admit()

    def _admit(self) -> None:
        while self._waiting and self._flying < self._window.parts:
            self._flying += 1
            self._waiting.popleft().set()
