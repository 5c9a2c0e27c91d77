"""The charger family ``none``: the slots have their power from somewhere dockd has no say in."""

from collections.abc import Sequence

from dockd.config import Config
from dockd.core.port_power import CutKind, Light, PortMode, PortReading
from dockd.errors import PortNotSwitchable
from dockd.ports.charger import ChargerReading
from dockd.ports.equipment import Equipment


class NoCharger:
    """Implements ``dockd.ports.charger.Charger`` where nothing can be read and nothing switched."""

    def __init__(self, slots: Sequence[str]) -> None:
        """Stand for ``slots``, of which nothing is known."""
        self._slots = tuple(slots)

    @property
    def switchable(self) -> frozenset[PortMode]:
        """No mode at all."""
        return frozenset()

    async def read(self) -> ChargerReading:
        """Return a reading that says of every slot that nobody can tell."""
        ports = {slot: PortReading(slot=slot, mode=None) for slot in self._slots}
        return ChargerReading(ports=ports)

    async def switch(self, slot: str, mode: PortMode, *, kind: CutKind, lease_s: int) -> None:
        """Refuse.

        Raises:
            PortNotSwitchable: always.
        """
        del mode, kind, lease_s
        raise PortNotSwitchable(f"slot {slot}: the power driver is none", slot=slot)

    def keep_within(self, *, most_on: int) -> None:
        """Do nothing: nothing is cut, and nothing comes back."""

    async def light(self, slot: str, light: Light) -> None:
        """Do nothing: there is no light."""

    async def close(self) -> None:
        """Do nothing: there is nothing to let go of."""


class NoChargerFamily:
    """What the entry point ``dockd.chargers: none`` stands for."""

    name = "none"

    def charger(self, config: Config, equipment: Equipment) -> NoCharger:
        """Return the charger that switches nothing."""
        del equipment
        return NoCharger([slot.name for slot in config.slots])


def family() -> NoChargerFamily:
    """Return the family; named in pyproject.toml."""
    return NoChargerFamily()
