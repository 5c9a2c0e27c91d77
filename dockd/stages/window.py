"""Parts in flight at one store: core/flow's window, with somebody to wait at it."""

import asyncio

from dockd.core import flow


class PartsWindow:
    """Lets as many parts fly at once as the link has shown that it carries."""

    def __init__(self) -> None:
        """Begin with one part, and learn."""
        self._window = flow.Window()
        self._flying = 0
        self._room = asyncio.Condition()

    async def enter(self) -> None:
        """Wait for room for one more part."""
        async with self._room:
            await self._room.wait_for(lambda: self._flying < self._window.parts)
            self._flying += 1

    async def leave(self, *, well: bool) -> None:
        """Give the room back, and learn from how it went."""
        async with self._room:
            self._flying -= 1
            self._window = (flow.after_success if well else flow.after_congestion)(self._window)
            self._room.notify_all()
