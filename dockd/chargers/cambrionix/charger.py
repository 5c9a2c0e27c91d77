"""A station's slots on one Cambrionix hub: what it reads, what was cut, and what is to be said."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Final

from dockd.chargers.cambrionix import cuts as cutting
from dockd.chargers.cambrionix import lights
from dockd.chargers.cambrionix.cuts import Cut, Cuts
from dockd.chargers.cambrionix.hub import REFUSED_IN_ERROR, Hub, Patience
from dockd.chargers.cambrionix.parsing import Limits, Ports, PortState
from dockd.chargers.cambrionix.readings import port_reading, troubles
from dockd.chargers.cambrionix.wire import Wire
from dockd.core.port_power import CutKind, Light, PortMode
from dockd.errors import ChargerUnreachable, CutForSafety, PortNotSwitchable
from dockd.ports.charger import ChargerReading, ChargerTrouble

_RETURNS_WITHIN_S: Final = 30.0
_TEMPERATURE_ERROR_C: Final = 3.0


class CambrionixCharger:
    """The charger of a configuration; one order at a time, for a hub knows no more."""

    def __init__(
        self, wire: Wire, *, ports: Mapping[str, int], cuts: Cuts, patience: Patience
    ) -> None:
        """Charge the slots of ``ports`` (hub port by slot) over ``wire``."""
        self._wire = wire
        self._hub = Hub(wire, patience=patience)
        self._ports = ports
        self._cuts = cuts
        self._turn = asyncio.Lock()
        self._limits: Limits | None = None
        self._ordered: dict[str, PortMode] = {}
        self._shown: dict[str, Light] = {}
        self._has_lights = True
        self._adopt(cutting.remembered(cuts.file))

    def _adopt(self, earlier: Cuts | None) -> None:
        # The daemon has a moment to renew what it cut before it died; then it comes back.
        ends_s = asyncio.get_running_loop().time() + _RETURNS_WITHIN_S
        for slot, cut in earlier.by_slot.items() if earlier else ():
            if self._ports.get(slot) == cut.port:
                renewed = Cut(port=cut.port, is_safety=cut.is_safety, ends_s=ends_s)
                self._cuts.by_slot[slot] = renewed
                # A hub that starts anew before the first order must not give it its power back.
                self._ordered[slot] = PortMode.OFF

    @property
    def switchable(self) -> frozenset[PortMode]:
        """Every mode: such a hub has a switch for data and one for power at each port."""
        return frozenset(PortMode)

    async def read(self) -> ChargerReading:
        """Read all ports and the hub; put back what a reboot of the hub took away.

        Raises:
            ChargerUnreachable: the hub does not answer.
        """
        async with self._turn:
            ports = await self._hub.ports()
            health = await self._hub.health()
            if self._limits is None:
                self._limits = await self._hub.limits()
            said: list[ChargerTrouble] = []
            if health.rebooted or any(state.rebooted for state in ports.by_port.values()):
                said.append(await self._after_reboot(ports))
                ports = await self._hub.ports()
            ports = await self._kept_cut(ports)
            await self._give_back_one(ports)
        said += troubles(self._ports, ports, health, self._limits)
        return ChargerReading(
            ports={
                slot: port_reading(slot, ports.by_port.get(port), supply_v=health.volts)
                for slot, port in self._ports.items()
            },
            temperature_c=health.temperature_c,
            temperature_error_c=None if health.temperature_c is None else _TEMPERATURE_ERROR_C,
            troubles=tuple(said),
        )

    async def _after_reboot(self, ports: Ports) -> ChargerTrouble:
        """Apply the modes that were ordered; the flag goes out only when all of them hold."""
        self._shown.clear()
        self._has_lights = True
        # What is to be off comes first: a hub begins by charging everything.
        ordered = sorted(self._ordered.items(), key=lambda order: order[1] is not PortMode.OFF)
        failed = []
        for slot, mode in ordered:
            state = ports.by_port.get(self._ports[slot])
            if state is not None and state.mode is mode:
                continue
            try:
                await self._hub.put(self._ports[slot], mode, may_reboot=False)
            except PortNotSwitchable:
                failed.append(slot)
        if failed:
            reason = f"The hub rebooted, and does not take its modes for {', '.join(failed)} again."
        else:
            await self._hub.forget_reboot()
            reason = "The hub rebooted; its ports' modes were applied again."
        return ChargerTrouble(slot="", slug="hub-rebooted", reason=reason)

    async def _kept_cut(self, ports: Ports) -> Ports:
        """Cut again what is cut for safety and has power all the same; return what is so then."""
        powered = [
            cut.port
            for cut in self._cuts.by_slot.values()
            if cut.is_safety and _may_be_on(ports.by_port.get(cut.port))
        ]
        for port in powered:
            # Its reading tells of one that does not follow; it is tried again at the next.
            with suppress(PortNotSwitchable):
                await self._hub.put(port, PortMode.OFF, may_reboot=False)
        return await self._hub.ports() if powered else ports

    async def _give_back_one(self, ports: Ports) -> None:
        # One at each reading, as the helper does it for kernel ports.
        slot = self._cuts.overdue(asyncio.get_running_loop().time())
        if slot is None or ports.drawing >= self._cuts.most_on:
            return
        with suppress(PortNotSwitchable):
            await self._hub.put(self._ports[slot], PortMode.SYNC, may_reboot=False)
            self._ordered[slot] = PortMode.SYNC
            self._cuts.remove(slot)

    async def switch(self, slot: str, mode: PortMode, *, kind: CutKind, lease_s: int) -> None:
        """Put a slot's port into a mode and read back that it is.

        Raises:
            PortNotSwitchable: it stayed as it was, or there is none.
            CutForSafety: only an order for safety gives this port its power back.
            ChargerUnreachable: the hub does not answer.
        """
        port = self._ports.get(slot)
        if port is None:
            raise PortNotSwitchable(f"Slot {slot} is no port of the hub: it has no [[slots]].")
        async with self._turn:
            cut = self._cuts.by_slot.get(slot)
            is_safe = cut is not None and cut.is_safety
            if mode is PortMode.OFF:
                is_safety = is_safe or not cutting.is_lease(kind)
                ends_s = asyncio.get_running_loop().time() + lease_s
                self._cuts.add(slot, Cut(port=port, is_safety=is_safety, ends_s=ends_s))
            elif is_safe and cutting.is_lease(kind):
                raise CutForSafety(f"The port of slot {slot} is cut for safety.", slot=slot)
            await self._put(slot, port, mode, kind=kind)

    async def _put(self, slot: str, port: int, mode: PortMode, *, kind: CutKind) -> None:
        ports = await self._hub.ports()
        state = ports.by_port.get(port)
        if state is None or state.mode is not mode:
            # A hot battery comes before a footage copy, which is taken up again; nothing else does.
            may_reboot = kind is CutKind.SAFETY or not ports.is_connecting
            was_rebooted = await self._hub.put(port, mode, may_reboot=may_reboot)
            self._ordered[slot] = mode
            if was_rebooted:
                await self._after_reboot(await self._hub.ports())
        self._ordered[slot] = mode
        if mode is not PortMode.OFF:
            self._cuts.remove(slot)

    def keep_within(self, *, most_on: int) -> None:
        """Give back no more than so many ports bear, now and when the daemon is gone."""
        self._cuts.bear(most_on)

    async def light(self, slot: str, light: Light) -> None:
        """Show the officer something; a hub without LEDs is asked once, until it reboots."""
        port = self._ports.get(slot)
        if port is None or not self._has_lights or self._shown.get(slot) is light:
            return
        # A hub that does not answer is a trouble of its reading; the light is set again later.
        with suppress(ChargerUnreachable):
            async with self._turn:
                for row, pattern in enumerate(lights.ROWS[light], start=1):
                    code = await self._hub.show(
                        port, row, pattern, take_over=light is not Light.EMPTY
                    )
                    if code is not None:
                        # What a hub in error refuses is no lack of LEDs.
                        self._has_lights = code == REFUSED_IN_ERROR
                        return
                self._shown[slot] = light

    async def close(self) -> None:
        """Let go of the tty; what is cut on lease is given back when the service has stopped."""
        await self._wire.close()


def _may_be_on(state: PortState | None) -> bool:
    return state is not None and state.mode is not PortMode.OFF
