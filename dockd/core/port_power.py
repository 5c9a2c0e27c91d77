"""A slot's port as a charger reads it and switches it; every number says how far it can be off."""

from dataclasses import dataclass
from enum import StrEnum


class PortMode(StrEnum):
    """What a port gives its camera: power and data, power alone, or nothing.

    ``CHARGE`` drops the camera's data connection; a driver that has no such mode refuses it.
    """

    SYNC = "sync"
    CHARGE = "charge"
    OFF = "off"


class CutKind(StrEnum):
    """Why a port is off: budget and hold cuts are leases, a safety cut stays."""

    BUDGET = "budget"
    HOLD = "hold"
    SAFETY = "safety"


class Light(StrEnum):
    """What a slot's light says to the officer in front of it."""

    EMPTY = "empty"
    LEAVE = "leave"
    TAKE = "take"
    REPORT = "report"


class PortFault(StrEnum):
    """What a hub reports of a port."""

    OVER_CURRENT = "over-current"
    HUB_ERROR = "hub-error"
    PORT_FAULT = "port-fault"
    THEFT = "theft"
    WAS_RESET = "was-reset"


@dataclass(frozen=True, slots=True, kw_only=True)
class PortReading:
    """One slot's port as it was read; None is what the driver cannot tell.

    ``mode`` is read back from the hardware, never remembered. ``power_w`` is what the port
    delivers now, ``energy_wh`` what it delivered since the camera came, each at most
    ``power_error_w`` and ``energy_error_wh`` off. ``is_charged`` is the hub's own word for it.
    """

    slot: str
    mode: PortMode | None
    is_attached: bool | None = None
    power_w: float | None = None
    power_error_w: float | None = None
    energy_wh: float | None = None
    energy_error_wh: float | None = None
    is_charged: bool | None = None
    faults: frozenset[PortFault] = frozenset()
