"""The words of the charge plan: what it is told, what it remembers, and what it decides."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from dockd.core.battery import BatteryReading
from dockd.core.charge_curve import ChargeCurve
from dockd.core.port_power import CutKind, PortMode, PortReading
from dockd.core.shifts import Due

ENOUGH_PERCENT: Final = 95.0
"""From here on a charge suffices for a shift."""


class Presence(StrEnum):
    """Whether a slot holds a camera; behind a cut port that is not known."""

    EMPTY = "empty"
    CAMERA = "camera"
    UNKNOWN = "unknown"


class Danger(StrEnum):
    """Why a port is cut for safety."""

    COLD = "cold"
    HOT = "hot"
    OVER_CURRENT = "over-current"
    NO_PROGRESS = "no-progress"


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotView:
    """One slot as the station sees it at this tick.

    Attributes:
        slot: Its name.
        presence: Whether there is a camera in it.
        camera: The camera's serial number; None when none is known.
        is_vacated: Its camera was seen elsewhere since its port was cut: a person took it out.
        is_busy: The camera is being read or wiped at this moment: its port is not cut.
        needs_reading: There is footage on it that has no verified copy.
        has_unwiped: There are clips on it that are still to be wiped: its port is cut last.
        port: The port as it was read, past `battery.believed`; None when there is no such port.
        follows: Its port does what it is told; else it gets no order and keeps its share of watts.
        charge: Its state of charge, if anybody knows; of a cut port the last that was known.
        temperature_c: The nearest temperature that was measured: the camera's, else the hub's.
        curve: How this kind of camera charges.
    """

    slot: str
    presence: Presence
    camera: str | None = None
    is_vacated: bool = False
    is_busy: bool = False
    needs_reading: bool = False
    has_unwiped: bool = False
    port: PortReading | None = None
    follows: bool = True
    charge: BatteryReading | None = None
    temperature_c: float | None = None
    curve: ChargeCurve = field(default_factory=ChargeCurve)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanPolicy:
    """What the planner is held to; the first three are of `[power]`.

    Attributes:
        budget_w: What all ports together may deliver.
        camera_w: What one camera draws at worst; a powered port is counted with it, in use or not.
        hold_percent: Where charging stops until a shift nears.
        can_switch: Whether the driver can power a port off at all.
        enough_percent: From here on a charge suffices for a shift.
        stagger_s: Between two ports that are powered on.
        least_on_s: How long a charging port keeps its power before another may have it.
        look_s: How long a port is powered to see what is in it.
        look_every_s: How often a held port is powered for that.
        better_percent: By how much emptier a camera must be to take over another's power.
        lead_margin: By what the forecast of the last charging is multiplied.
        lead_extra_s: What is added to it.
    """

    budget_w: float
    camera_w: float
    hold_percent: float = 80.0
    can_switch: bool = True
    enough_percent: float = ENOUGH_PERCENT
    stagger_s: float = 2.0
    least_on_s: float = 600.0
    look_s: float = 15.0
    look_every_s: float = 3600.0
    better_percent: float = 3.0
    lead_margin: float = 1.25
    lead_extra_s: float = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotMemory:
    """What the planner remembers of a slot; all times are monotonic, in seconds.

    Attributes:
        camera: Whom the rest is about.
        changed_s: When the port was last seen to change between on and off.
        is_on: As which it was seen.
        powered_s: How long this camera was powered, all in all.
        seen_s: When it was last known what is in the slot.
        percent: The charge as last known or, without any reading, by the time on the curve.
        over_percent: By how much it may be fuller than that.
        is_held: It has reached `hold_percent` and is not wanted yet.
        danger: Why it is cut, or about to be cut, for safety.
        danger_since_s: Since when its current is too high; a single reading is no danger yet.
        progress_percent: The highest charge so far.
        progress_s: At which `powered_s` it was reached.
        ordered_on: What the last order was; None before the first.
        ordered_s: When that order was first given.
        cut: Of which kind the cut is that is in force; a safety cut ends only as one.
        released_for: The shift for which it is charged beyond the hold; no second hold before it.
        released_until_s: When that starts, by the clock that does not jump.
    """

    camera: str | None = None
    changed_s: float = 0.0
    is_on: bool = False
    powered_s: float = 0.0
    seen_s: float | None = None
    percent: float | None = None
    over_percent: float = 0.0
    is_held: bool = False
    danger: Danger | None = None
    danger_since_s: float | None = None
    progress_percent: float = 0.0
    progress_s: float = 0.0
    ordered_on: bool | None = None
    ordered_s: float = 0.0
    cut: CutKind | None = None
    released_for: datetime | None = None
    released_until_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanMemory:
    """Everything that the planner carries from one tick to the next; begin with an empty one.

    Attributes:
        slots: By slot.
        at_s: The monotonic time of the last tick.
        powered_on_s: When a port was last ordered on.
        looked_s: When a slot was last powered to see what is in it.
        found_s: When a camera was last found in a slot that was not known to have one.
    """

    slots: Mapping[str, SlotMemory] = field(default_factory=dict)
    at_s: float | None = None
    powered_on_s: float | None = None
    looked_s: float | None = None
    found_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PortOrder:
    """What a port shall be, and why; given at every tick, a change or not.

    `kind` is of the cut that is in force, begins, or ends (None: it was never cut). With
    `quiesce` the port stays on only until its camera's reading or wiping has stopped, which the
    docking is asked to do now.
    """

    slot: str
    mode: PortMode
    kind: CutKind
    reason: str
    quiesce: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanProblem:
    """A condition that a person should know; the same slug and slot is the same problem."""

    slug: str
    slot: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is to be done now.

    Attributes:
        orders: One per slot whose port can be switched: cuts first, and to be carried out so.
        problems: All that stand now.
        memory: For the next tick.
        reserved_w: What is counted against the budget, worst case.
    """

    orders: tuple[PortOrder, ...]
    problems: tuple[PlanProblem, ...]
    memory: PlanMemory
    reserved_w: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """Now: the monotonic clock for every duration, the wall clock for nothing but shifts.

    Attributes:
        monotonic_s: The monotonic clock.
        wall: UTC; None while it is not to be trusted: then there are no shifts.
        due: The starts to come, soonest first, as `shifts.upcoming` returns them.
    """

    monotonic_s: float
    wall: datetime | None
    due: tuple[Due, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """For which shift a camera is charged.

    Attributes:
        place: How many shifts come before that one.
        at: When it starts, UTC.
        takes_s: How long it takes with power until its charge suffices; 0: it does.
        is_in_time: By the forecast it can be ready then, beside those that need less than it.
        is_tight: Not all cameras of its shift can.
        is_urgent: It needs all the time that is left, or nearly so.
    """

    place: int
    at: datetime
    takes_s: float
    is_in_time: bool
    is_tight: bool = False
    is_urgent: bool = False
