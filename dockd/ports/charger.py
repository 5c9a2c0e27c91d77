"""What a charger family gives the stages: readings of its ports, and ports that it switches.

Every reading says where it comes from and how far it can be off (DESIGN.md section 4, charging).
The methods are coroutines of the daemon's loop: a family that blocks takes a thread of its own.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from dockd.config import Config
from dockd.core.port_power import CutKind, Light, PortMode, PortReading
from dockd.ports.equipment import Equipment


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargerTrouble:
    """Something that a person should know of the hub; ``slot`` is "" when it is the whole of it."""

    slot: str
    slug: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargerReading:
    """Everything that a charger says of itself at one moment.

    ``temperature_c`` is the hub's. ``troubles`` are those that stand now: what is not among them
    any more has ended.
    """

    ports: Mapping[str, PortReading]
    temperature_c: float | None = None
    temperature_error_c: float | None = None
    troubles: tuple[ChargerTrouble, ...] = ()


class Charger(Protocol):
    """What powers the station's slots.

    Nothing is switched by opening it: a station that starts finds its ports as they are. Closing
    it gives nothing back by itself either; what was cut on lease comes back by the lease.
    """

    @property
    def switchable(self) -> frozenset[PortMode]:
        """The modes that it can put a port into; empty: it switches nothing."""

    async def read(self) -> ChargerReading:
        """Read everything.

        Raises:
            ChargerUnreachable: the hub or the helper does not answer; ask again later.
        """

    async def switch(self, slot: str, mode: PortMode, *, kind: CutKind, lease_s: int) -> None:
        """Put a port into a mode, and read back that it is.

        ``kind`` and ``lease_s`` are of the cut that begins, is renewed, or ends. A renewal of what
        is in force already costs the camera nothing.

        Raises:
            PortNotSwitchable: the port stayed as it was, or there is none.
            CutForSafety: only an order for safety gives this port its power back.
            ChargerUnreachable: nobody answers.
        """

    def keep_within(self, *, most_on: int) -> None:
        """Take in how many ports may have power at once, for what comes back by itself."""

    async def light(self, slot: str, light: Light) -> None:
        """Show the officer something; does nothing where the slot has no light."""

    async def close(self) -> None:
        """Let go of the hardware."""


class ChargerFamily(Protocol):
    """What an entry point of ``dockd.chargers`` returns when it is called."""

    @property
    def name(self) -> str:
        """The name by which ``[power] driver`` means it."""

    def charger(self, config: Config, equipment: Equipment) -> Charger:
        """Return the charger of this configuration, not yet opened."""
