"""What every charger promises, whatever switches its ports.

A family's tests derive from ``ChargerConformance`` and give it a ``ports``: a charger with the
slots A1 and A2, and what can be done to the hardware behind its back.
"""

from typing import Protocol

import pytest

from dockd.core.port_power import CutKind, Light, PortMode
from dockd.errors import ChargerUnreachable, CutForSafety, DockdError, PortNotSwitchable
from dockd.ports.charger import Charger

NOWHERE = "Z9"


class Ports(Protocol):
    """A charger, and a hand on what it switches."""

    @property
    def charger(self) -> Charger:
        """The charger of the slots A1 and A2."""

    def stick(self, slot: str) -> None:
        """Have a port stay as it is, whatever it is told."""

    def vanish(self) -> None:
        """Have nobody answer any more."""

    def come_back(self) -> None:
        """Answer again."""


async def put(charger: Charger, slot: str, mode: PortMode) -> None:
    """Put a port into a mode, for the budget."""
    await charger.switch(slot, mode, kind=CutKind.BUDGET, lease_s=60)


async def mode_of(charger: Charger, slot: str) -> PortMode | None:
    """Return the mode that a port reads as."""
    return (await charger.read()).ports[slot].mode


@pytest.mark.asyncio
class ChargerConformance:
    """The promises; ``ports`` is the family's fixture."""

    async def test_every_slot_is_read(self, ports: Ports) -> None:
        """A reading has each of its slots under that slot's own name, and no other."""
        reading = await ports.charger.read()
        assert {slot: port.slot for slot, port in reading.ports.items()} == {"A1": "A1", "A2": "A2"}

    async def test_looking_switches_nothing(self, ports: Ports) -> None:
        """A charger that was opened and read leaves every port as it was."""
        before = await ports.charger.read()
        assert (await ports.charger.read()).ports == before.ports

    async def test_a_mode_that_it_has_is_what_is_read_back(self, ports: Ports) -> None:
        """Each mode that it has is the port's afterwards, and its neighbour stays as it was."""
        before = await mode_of(ports.charger, "A2")
        for mode in sorted(ports.charger.switchable):
            await put(ports.charger, "A1", mode)
            await put(ports.charger, "A1", mode)
            assert await mode_of(ports.charger, "A1") is mode
        assert await mode_of(ports.charger, "A2") is before

    async def test_a_mode_that_it_has_not_is_refused(self, ports: Ports) -> None:
        """What cannot be done is said, and changes nothing."""
        before = await mode_of(ports.charger, "A1")
        for mode in set(PortMode) - ports.charger.switchable:
            with pytest.raises(PortNotSwitchable):
                await put(ports.charger, "A1", mode)
        assert await mode_of(ports.charger, "A1") is before

    async def test_a_port_that_does_not_follow_is_told(self, ports: Ports) -> None:
        """An order that comes to nothing is never taken for done."""
        ports.stick("A1")
        for mode in {PortMode.OFF} & ports.charger.switchable:
            with pytest.raises(PortNotSwitchable):
                await put(ports.charger, "A1", mode)
        assert await mode_of(ports.charger, "A1") is not PortMode.OFF

    async def test_a_port_that_does_not_exist_is_told(self, ports: Ports) -> None:
        """A slot that the hardware has not is refused, and the others go on."""
        with pytest.raises(PortNotSwitchable):
            await put(ports.charger, NOWHERE, PortMode.OFF)
        assert set((await ports.charger.read()).ports) == {"A1", "A2"}

    async def test_a_safety_cut_ends_only_for_safety(self, ports: Ports) -> None:
        """What was cut for a battery that burns is not given back for a watt that is free."""
        if PortMode.OFF not in ports.charger.switchable:
            return
        await ports.charger.switch("A1", PortMode.OFF, kind=CutKind.SAFETY, lease_s=60)
        await put(ports.charger, "A1", PortMode.OFF)
        with pytest.raises(CutForSafety):
            await put(ports.charger, "A1", PortMode.SYNC)
        assert await mode_of(ports.charger, "A1") is PortMode.OFF
        await ports.charger.switch("A1", PortMode.SYNC, kind=CutKind.SAFETY, lease_s=0)
        assert await mode_of(ports.charger, "A1") is PortMode.SYNC

    async def test_silence_is_told_and_ends(self, ports: Ports) -> None:
        """When nobody answers that is said as such, and it works again when somebody does."""
        if not ports.charger.switchable:
            return
        ports.vanish()
        with pytest.raises(ChargerUnreachable):
            await ports.charger.read()
        with pytest.raises(DockdError):
            await put(ports.charger, "A1", PortMode.OFF)
        ports.come_back()
        await put(ports.charger, "A1", PortMode.OFF)
        assert await mode_of(ports.charger, "A1") is PortMode.OFF

    async def test_any_light_may_be_asked_for(self, ports: Ports) -> None:
        """A slot without a light, or one that is none, is no trouble."""
        for light in Light:
            await ports.charger.light("A1", light)
        await ports.charger.light(NOWHERE, Light.TAKE)
