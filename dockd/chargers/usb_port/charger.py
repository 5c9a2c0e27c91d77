"""Ports of a hub that the kernel can switch off: on or off, and no measure of what they give.

A hub may say that a port is off and leave it on. Two things tell: the port's own state, which the
helper reads back after each write on both halves of a USB 3 port, and the device, which must be
gone from a port that is off. Source: Documentation/ABI/testing/sysfs-bus-usb (``disable``).
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from dockd.chargers.usb_port.lights import SlotLights
from dockd.core.port_power import CutKind, Light, PortMode, PortReading
from dockd.errors import (
    ChargerUnreachable,
    CutForSafety,
    HelperRefused,
    HelperUnreachable,
    PortNotSwitchable,
    SlotSettling,
)
from dockd.ports.charger import ChargerReading, ChargerTrouble
from dockd.ports.helper import Helper, HelperSlot

Result = TypeVar("Result")

# What was in a port that was cut is gone from the kernel's view at once; udev and a slow hub get
# a moment more before a device that is still there counts as a port that did not really switch.
GONE_WITHIN_S: Final = 10.0
_THREADS: Final = 2


class UsbPortCharger:
    """Implements ``dockd.ports.charger.Charger`` for ports that the helper switches."""

    def __init__(
        self,
        slots: Sequence[str],
        *,
        helper: Helper,
        lights: SlotLights,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """Touch nothing; ``slots`` are those that are USB ports, ``now_s`` is monotonic."""
        self._slots: Final = tuple(slots)
        self._helper: Final = helper
        self._lights: Final = lights
        self._now_s: Final = now_s
        # Threads of its own: a helper that hangs holds up nobody else's work.
        self._threads: Final = ThreadPoolExecutor(_THREADS, thread_name_prefix="port power")
        self._off_since_s: dict[str, float] = {}

    @property
    def switchable(self) -> frozenset[PortMode]:
        """On and off; power without data is nothing that the kernel offers."""
        return frozenset({PortMode.SYNC, PortMode.OFF})

    async def read(self) -> ChargerReading:
        """Read every port as the kernel has it.

        Raises:
            ChargerUnreachable: the helper does not answer.
        """
        rows = {row.slot: row for row in await self._asked(self._helper.slots)}
        ports = {slot: _reading(slot, rows.get(slot)) for slot in self._slots}
        return ChargerReading(ports=ports, troubles=tuple(self._troubles(rows)))

    def _troubles(self, rows: Mapping[str, HelperSlot]) -> list[ChargerTrouble]:
        found = []
        for slot in self._slots:
            row = rows.get(slot)
            if row is None or row.powered is not False:
                self._off_since_s.pop(slot, None)
                continue
            off_for_s = self._now_s() - self._off_since_s.setdefault(slot, self._now_s())
            if row.device is not None and off_for_s >= GONE_WITHIN_S:
                reason = f"its port says that it is off, and {row.device} is still there"
                found.append(ChargerTrouble(slot=slot, slug=PortNotSwitchable.slug, reason=reason))
        return found

    async def switch(self, slot: str, mode: PortMode, *, kind: CutKind, lease_s: int) -> None:
        """Put a port into a mode, and read back that it is.

        Raises:
            PortNotSwitchable: the port stayed as it was, there is none, or it has no such mode.
            ChargerUnreachable: the helper does not answer, or the slot is busy.
            CutForSafety: only an order for safety gives this port its power back.
            HelperRefused: the helper will not, for what happens in the slot now.
        """
        if mode not in self.switchable:
            raise PortNotSwitchable(f"a USB port has no mode {mode}", slot=slot)
        wanted = mode is PortMode.SYNC
        try:
            is_on = await self._asked(
                lambda: self._helper.set_port_power(
                    slot, on=wanted, kind=kind.value, lease_s=lease_s
                )
            )
        except HelperRefused as refusal:
            if refusal.slug in {PortNotSwitchable.slug, "not-found"}:
                raise PortNotSwitchable(refusal.reason, slot=slot) from refusal
            if refusal.slug == CutForSafety.slug:
                raise CutForSafety(refusal.reason, slot=slot) from refusal
            raise
        row = {row.slot: row for row in await self._asked(self._helper.slots)}.get(slot)
        # The helper has read it back; a second look tells of a hub that was reset in between.
        if is_on is not wanted or (row is not None and row.powered is (not wanted)):
            stayed = "off" if wanted else "on"
            raise PortNotSwitchable(f"the port of slot {slot} stayed {stayed}", slot=slot)

    def keep_within(self, *, most_on: int) -> None:
        """Do nothing: the helper gives back, by the configuration that it reads itself."""

    async def light(self, slot: str, light: Light) -> None:
        """Show the officer something, where the box has an LED for the slot."""
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._threads, self._lights.show, slot, light)

    async def close(self) -> None:
        """Let go of the threads; a cut ends with the connection to the helper, or its lease."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _asked(self, ask: Callable[[], Result]) -> Result:
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._threads, ask)
        except (HelperUnreachable, SlotSettling) as error:
            raise ChargerUnreachable(error.reason) from error


def _reading(slot: str, row: HelperSlot | None) -> PortReading:
    if row is None or row.powered is None:
        mode = None
    else:
        mode = PortMode.SYNC if row.powered else PortMode.OFF
    attached = None if row is None or mode is PortMode.OFF else row.device is not None
    return PortReading(slot=slot, mode=mode, is_attached=attached)
