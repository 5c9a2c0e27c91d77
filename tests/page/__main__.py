"""`python -m tests.page [FOLDER]`: the README's screenshots, of a station that has no hardware.

Into docs/images, or a folder of one's own. Of each it says which slots are in the picture, and how.
"""

import asyncio
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, Literal

from playwright.async_api import Page

from dockd.core import facts
from dockd.core.battery_word import BatteryWord, from_text
from dockd.core.slot import SlotEvent
from tests.page import browser
from tests.page.rack_parts import dock, noted
from tests.station import ledger_parts as parts
from tests.station.answering_parts import Answering, answering

_IMAGES: Final = Path(__file__).parents[2] / "docs/images"
_MIB: Final = 2**20
# A slot of eight, how many of its camera's twelve clips are proven, what the camera says of its
# battery, and what else happened to it.
_RACK: Final = (
    ("A1", 12, b"98", (SlotEvent.IDENTIFIED, SlotEvent.OFFLOADED)),
    ("A2", 7, b"41", (SlotEvent.IDENTIFIED,)),
    ("A3", 12, b"96", (SlotEvent.IDENTIFIED, SlotEvent.OFFLOADED)),
    ("A4", 2, None, (SlotEvent.IDENTIFIED, SlotEvent.FAULTED)),
    ("A5", 0, None, ()),
    ("A6", 4, None, (SlotEvent.IDENTIFIED, SlotEvent.POWER_CUT)),
    ("A7", 10, b"63", (SlotEvent.IDENTIFIED,)),
)
_CLIPS: Final = 12


async def _fill(station: Answering) -> None:
    """Let the station have a shift's cameras, and a store that is out of reach."""
    number = 0
    for slot, proven, charge, events in _RACK:
        camera, docking = f"BWC-00{slot[1:]}{number:02d}", f"20261123T0159{number:02d}Z-7f3a91c2"
        docked = parts.docked(docking, camera=camera)
        found: list[facts.Fact] = []
        for position in range(_CLIPS):
            number += 1
            size_bytes = 60 * _MIB + number
            path = b"DCIM/100BWC/%04d.MP4" % number
            found.append(
                parts.seen(number, docking=docking, camera=camera, path=path, size_bytes=size_bytes)
            )
            if position < proven:
                found += [
                    parts.copied(number, docking=docking),
                    parts.verified(number, camera=camera, size_bytes=size_bytes),
                ]
        await station.ledger.record(docked, *found)
        dock(station.board, slot, camera=camera)
        station.board.docked(slot, camera=camera, docking=docking)
        if charge is not None:
            word = BatteryWord(reading=from_text(charge, slot=slot), said=charge.decode())
            # The clock of this station runs ahead while the page is drawn: said just now, always.
            station.board.heard(slot, word, now_s=math.inf)
        for event in events:
            station.board.event(slot, event)
    station.board.left("A8")
    await station.problems.open(
        "store-unreachable", subject="store central", reason="no route to the host"
    )
    await noted(station, points=24)


async def _shot(page: Page, picture: Path) -> None:
    tiles = page.locator(".tile")
    await tiles.nth(len(_RACK)).wait_for()
    await page.locator("figure").nth(1).wait_for()
    picture.parent.mkdir(parents=True, exist_ok=True)
    await page.screenshot(path=picture)
    print(picture)  # noqa: T201 - a command tells what it made
    for tile in await tiles.all():
        box, size = await tile.bounding_box(), page.viewport_size
        if box is not None and size is not None and box["y"] + box["height"] <= size["height"]:
            print(f"  {' | '.join((await tile.inner_text()).split(chr(10)))}")  # noqa: T201 - as above


async def _main(address: str, folder: Path, *, images: Path) -> None:
    looks: tuple[tuple[str, tuple[int, int], Literal["light", "dark"]], ...] = (
        ("kiosk.png", browser.KIOSK, "light"),
        ("phone.png", browser.PHONE, "dark"),
    )
    async with answering(folder) as station:
        await _fill(station)
        for name, size, scheme in looks:
            url = f"http://{station.server.listen}/"
            async with browser.looking_at(address, url, size=size, scheme=scheme) as page:
                await _shot(page, images / name)


def main(arguments: Sequence[str]) -> int:
    """Make them."""
    images = Path(arguments[0]) if arguments else _IMAGES
    with TemporaryDirectory() as folder, browser.chromium(Path(folder)) as address:
        station = Path(folder) / "station"
        station.mkdir()
        asyncio.run(_main(address, station, images=images))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
