"""A USB rack on this host: the real family, client and sysfs reader over a fake bus and helper."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from dockd.cameras import quirks
from dockd.cameras.mass_storage import UsbRack
from dockd.cameras.mass_storage.judging import Judge
from dockd.config import Config, parse
from dockd.ports.camera import News, Outlook, Refusal, Sighting
from dockd.ports.journal import Level
from dockd.station.helper_client import HelperClient
from dockd.station.udev import UdevBus
from tests.fakes.helper import FakeHelper
from tests.fakes.usb_bus import CONTROLLER, Bell, FakeBus

SLOTS: Final = {f"A{number}": f"1-1.{number}" for number in range(1, 5)}
CONFIG: Final = {
    "cameras": {
        "accept": [{"family": "mass-storage", "vendor_id": "46f4", "serial": "BWC-*"}],
    },
    "slots": [
        {"name": name, "port": f"{CONTROLLER}-usb-0:{device.partition('-')[2]}"}
        for name, device in SLOTS.items()
    ],
}


class Lines:
    """A journal that keeps the kinds of what it is told."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, event: str, sentence: str, *, level: Level = "info", **fields: object) -> None:
        self.said.append(event)


class Rack:
    """Four slots on a hub, and what a person at it does."""

    def __init__(self, folder: Path, *, config: Config | None = None, sweep_s: float = 60) -> None:
        self.bus = FakeBus(folder / "sys")
        self.bell = Bell()
        self.journal = Lines()
        self.helper = FakeHelper(
            folder / "helper.sock", self.bus, slots=dict(SLOTS), media=folder / "media"
        )
        self.client = HelperClient(folder / "helper.sock")
        config = config or parse(CONFIG)
        self.usb = UdevBus(
            journal=self.journal,
            root=self.bus.root,
            tags=self.bus.tags,
            open_monitor=self.bell.open,
        )
        self.naps = 0
        self.napped: Callable[[], None] = lambda: None
        self.source = UsbRack(
            Judge(config.cameras, config.slots, quirks=quirks.load()),
            bus=self.usb,
            helper=self.client,
            sweep_s=sweep_s,
            sleep=self._nap,
        )

    def _nap(self, _seconds: float) -> None:
        self.naps += 1
        self.napped()

    def dock(self, slot: str, serial: str | None, **ids: str) -> None:
        """Plug a camera in, and let the bell ring."""
        self.bus.plug(SLOTS[slot], serial=serial, **ids)
        self.bell.ring()

    def pull(self, slot: str) -> None:
        """Pull it, and let the bell ring."""
        self.bus.unplug(SLOTS[slot])
        self.bell.ring()

    def medium(self, serial: str) -> Path:
        """Return the folder that stands for a camera's file system."""
        folder = self.helper.media / serial
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def close(self) -> None:
        self.client.close()
        self.helper.stop()
        self.bell.close()


@contextmanager
def rack_at(**options: object) -> Iterator[Rack]:
    """Lend a rack; its folder's name is short enough for a socket's address."""
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="usb") as name:
        rack = Rack(Path(name), **options)  # type: ignore[arg-type]  # handed on as they are
        try:
            yield rack
        finally:
            rack.close()


async def closed(sightings: AsyncIterator[News]) -> None:
    """End a watch."""
    await sightings.aclose()  # type: ignore[attr-defined]  # a generator's own


def told(news: News) -> tuple[str, str | None]:
    """Return slot and serial, or slot and slug, or "" and the slug of what hides the slots."""
    match news:
        case Sighting():
            return news.slot, news.serial
        case Refusal():
            return news.slot, news.slug
        case Outlook():
            return "", news.error.slug if news.error else None


async def next_camera(sightings: AsyncIterator[News], *, within_s: float = 20) -> Sighting:
    """Return the next sighting of a camera."""
    async with asyncio.timeout(within_s):
        while True:
            news = await anext(sightings)
            if isinstance(news, Sighting) and news.serial is not None:
                return news
