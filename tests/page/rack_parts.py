"""A rack to look at: a station that answers, its slots in every state, and what a tile shows."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from playwright.async_api import Locator, Page

from dockd.core.slot import SlotEvent
from dockd.ports.camera import Sighting
from dockd.stages.board import SlotBoard
from tests.page import browser
from tests.station import ledger_parts as parts
from tests.station.answering_parts import Answering, answering

# A slot of each kind that an officer has to tell apart, by what happens to it.
IN_EVERY_STATE: Final = {
    "A1": ("leave", "Leave", (SlotEvent.IDENTIFIED,)),
    "A2": ("take", "Take", (SlotEvent.IDENTIFIED, SlotEvent.OFFLOADED)),
    "A3": ("report", "Report", (SlotEvent.FAULTED,)),
    "A4": ("off", "Off", (SlotEvent.POWER_CUT,)),
}
EMPTY: Final = "A5"


@dataclass(frozen=True, kw_only=True)
class Looking:
    """A station and somebody who looks at its page."""

    station: Answering
    page: Page

    def tile(self, slot: str) -> Locator:
        """Return the tile of a slot."""
        return self.page.locator(".tile").filter(
            has=self.page.get_by_role("heading", name=slot, exact=True)
        )


def dock(board: SlotBoard, slot: str, *events: SlotEvent, camera: str | None = None) -> None:
    """Put a camera into a slot, and let things happen to it."""
    serial = camera or f"BWC-{slot}"
    board.saw(Sighting(slot=slot, port=None, family="directory", serial=serial, token=""))
    board.docked(slot, camera=serial, docking=f"20261123T020000Z-{serial[:8]}")
    for event in events:
        board.event(slot, event)


def in_every_state(board: SlotBoard) -> None:
    """Let there be a slot of each kind."""
    for slot, (_, _, events) in IN_EVERY_STATE.items():
        dock(board, slot, *events)
    board.left(EMPTY)


async def with_footage(station: Answering) -> None:
    """Let the camera of the ledger's parts be in A1, half of its footage proven."""
    await station.ledger.record(parts.docked(), *parts.proven(1), parts.seen(2))
    dock(station.board, "A1", SlotEvent.IDENTIFIED, camera=parts.CAMERA)
    station.board.docked("A1", camera=parts.CAMERA, docking=parts.DOCKING)


async def noted(station: Answering, *, points: int) -> None:
    """Let the station keep its history until there are so many points."""
    enough = asyncio.Event()
    station.clock.when_slept = lambda: (
        enough.set() if len(station.follow.history().points) >= points else None
    )
    async with asyncio.TaskGroup() as group:
        noting = group.create_task(station.follow.run())
        await enough.wait()
        noting.cancel()


@asynccontextmanager
async def looking(chromium: str, folder: Path, **how: Any) -> AsyncIterator[Looking]:  # noqa: ANN401 - Playwright's settings
    """Open the page of a station with footage in A1 and a slot of each kind beside it."""
    async with answering(folder) as station:
        in_every_state(station.board)
        await with_footage(station)
        url = f"http://{station.server.listen}/"
        async with browser.looking_at(chromium, url, **how) as page:
            seen = Looking(station=station, page=page)
            await seen.tile(EMPTY).wait_for()
            yield seen
