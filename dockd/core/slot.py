"""A slot: one bay of the rack, and what an officer should do about it."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class SlotState(StrEnum):
    """What a slot is doing (DESIGN.md section 2)."""

    EMPTY = "empty"
    SETTLING = "settling"
    OFFLOADING = "offloading"
    READY = "ready"
    FAULT = "fault"
    UNKNOWN = "unknown"


class SlotEvent(StrEnum):
    """What happens to a slot."""

    DOCKED = "docked"
    IDENTIFIED = "identified"
    OFFLOADED = "offloaded"
    FAULTED = "faulted"
    UNDOCKED = "undocked"
    POWER_CUT = "power-cut"
    POWER_RESTORED = "power-restored"


class Advice(StrEnum):
    """What the officer in front of the rack should do."""

    LEAVE = "leave"
    TAKE = "take"
    REPORT = "report"


_CAMERA_IN: Final = (
    SlotState.SETTLING,
    SlotState.OFFLOADING,
    SlotState.READY,
    SlotState.FAULT,
)

TRANSITIONS: Final[Mapping[tuple[SlotState, SlotEvent], SlotState]] = {
    (SlotState.EMPTY, SlotEvent.DOCKED): SlotState.SETTLING,
    (SlotState.SETTLING, SlotEvent.IDENTIFIED): SlotState.OFFLOADING,
    (SlotState.OFFLOADING, SlotEvent.OFFLOADED): SlotState.READY,
    # New footage appeared on a docked camera, or a copy was found bad: it is offloaded again.
    (SlotState.READY, SlotEvent.IDENTIFIED): SlotState.OFFLOADING,
    (SlotState.FAULT, SlotEvent.IDENTIFIED): SlotState.OFFLOADING,
    **{(state, SlotEvent.FAULTED): SlotState.FAULT for state in _CAMERA_IN},
    **{(state, SlotEvent.UNDOCKED): SlotState.EMPTY for state in (*_CAMERA_IN, SlotState.UNKNOWN)},
    # A cut port shows no camera either way: what is in it is not known until power is back.
    **{
        (state, SlotEvent.POWER_CUT): SlotState.UNKNOWN
        for state in SlotState
        if state is not SlotState.UNKNOWN
    },
    (SlotState.UNKNOWN, SlotEvent.POWER_RESTORED): SlotState.EMPTY,
    (SlotState.UNKNOWN, SlotEvent.DOCKED): SlotState.SETTLING,
}


def after(state: SlotState, event: SlotEvent) -> SlotState:
    """Return the state of a slot after ``event``; an event that means nothing changes nothing."""
    return TRANSITIONS.get((state, event), state)


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotFootage:
    """How many clips of the present docking there are, and how many are verified or beyond."""

    clips: int
    verified: int


def advice(state: SlotState, *, footage: SlotFootage, charge_sufficient: bool | None) -> Advice:
    """Return what the officer should do; an unknown charge does not keep a camera (DESIGN.md 2)."""
    if state is SlotState.FAULT:
        return Advice.REPORT
    all_verified = footage.verified >= footage.clips
    if state is SlotState.READY and all_verified and charge_sufficient is not False:
        return Advice.TAKE
    return Advice.LEAVE
