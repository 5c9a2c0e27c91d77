"""Slots whose ports are those of an emulated charging hub: without data a camera is gone."""

import asyncio
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.daemon.world import World
from tests.hubs.cambrionix import Hub
from tests.hubs.serving import on_pty

SLOTS = ("A1", "B2")
CAMERA_W = 7.5
FOR_ONE_W, FOR_BOTH_W = 8.0, 20.0
# A current that falls below what an empty battery takes tells how full it is.
_TAPERING_MA = 300


class PoweredSlots:
    """The hub, and the hands that put cameras into its slots."""

    def __init__(self, world: World, hub: Hub, tty: Path, slots: Sequence[str]) -> None:
        self.hub = hub
        self.slots = slots
        self._world = world
        self._tty = tty
        self._in: dict[str, str] = {}
        self._shown: dict[str, str] = {}
        for port in hub.ports.values():
            port.attached, port.current_ma = False, _TAPERING_MA
        world.meanwhile = self.follow

    def toml(self, *, budget_w: float) -> str:
        """Return the configuration's tables of the slots and of what powers them."""
        slots = "".join(f'[[slots]]\nname = "{slot}"\n' for slot in self.slots)
        power = f'[power]\ndriver = "cambrionix"\ndevice = "{self._tty}"\n'
        return f"{slots}{power}budget_w = {budget_w}\ncamera_w = {CAMERA_W}\n"

    def put_in(self, serial: str, slot: str) -> None:
        """Put a camera into a slot; it shows itself when its port has data."""
        self._in[slot] = serial

    def take_out(self, slot: str) -> str:
        """Take the camera out of a slot; return its serial."""
        return self._in.pop(slot)

    def dark(self) -> list[str]:
        """Return the slots that are switched off."""
        return [slot for slot in self.slots if self._mode(slot) == "o"]

    def readings(self) -> int:
        """Return how often the hub was asked for all its ports."""
        return self.hub.asked.count("state")

    def follow(self) -> None:
        """Have every camera appear or disappear with the data of its port."""
        for number, slot in enumerate(self.slots, start=1):
            self.hub.ports[number].attached = slot in self._in
            serial = self._in.get(slot) if self._mode(slot) == "s" else None
            shown = self._shown.get(slot)
            if shown is not None and shown != serial:
                self._world.yank(self._shown.pop(slot))
            if serial is not None and shown != serial:
                self._world.dock(serial, slot)
                self._shown[slot] = serial

    def _mode(self, slot: str) -> str:
        return self.hub.ports[self.slots.index(slot) + 1].mode


@contextmanager
def powered_slots(world: World, slots: Sequence[str] = SLOTS) -> Iterator[PoweredSlots]:
    """Have an emulated hub answer on a tty of its own for the length of a block."""
    hub, tty = Hub(ports=len(slots)), world.folder / "hub"
    is_there, end = threading.Event(), asyncio.Event()
    loop = asyncio.new_event_loop()

    async def answer() -> None:
        async with on_pty(hub, tty):
            is_there.set()
            await end.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(answer(),), daemon=True)
    thread.start()
    try:
        assert is_there.wait(10)
        yield PoweredSlots(world, hub, tty, slots)
    finally:
        loop.call_soon_threadsafe(end.set)
        thread.join()
        loop.close()
