"""The demo's night: what dockd's charge plan makes of its cameras until the next shift starts.

In virtual time, for batteries take hours: `core/charge_plan`, as the daemon asks it, over the
simulated rack. Power is short on purpose, enough for every other camera. Nothing of what is judged
is the plan's word: batteries and ports are looked at, at every tick.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Final

from dockd.core.charge_words import PlanPolicy
from dockd.core.port_power import CutKind, PortMode
from dockd.simulator.batteries import Battery, SimulatedRack, batteries, rack
from dockd.simulator.nights import MONDAY, Arrival, Planned, first_come, play

CAMERA_W: Final = 7.5
ENOUGH_PERCENT: Final = 95.0
_BACK_H: Final = 16.0
_OUT_H: Final = 30.0
_OUT_H_OF_DAY: Final = 6.0
_TICK_S: Final = 30.0
_BETWEEN_S: Final = 60.0
_GAUGE_ERROR_PERCENT: Final = 3.0
_ROUNDING_W: Final = 1e-6


@dataclass(slots=True, kw_only=True)
class CameraNight:
    """One camera's night; ``held_s`` is how long it rested at the hold.

    ``enough_s`` is since when its charge sufficed, in seconds since midnight; None: never.
    """

    camera: str
    slot: str
    docked_percent: float
    percent: float
    held_s: float = 0.0
    enough_s: float | None = None


@dataclass(slots=True, kw_only=True)
class Night:
    """What came of the night.

    Attributes:
        reserved_w: The most that the powered ports could have drawn at any tick, at worst.
        peak_w: The most that they did draw.
        above80_h: Camera-hours above 80 % of charge.
        today_above80_h: The same if power went to whoever came first, as in docks today.
    """

    cameras: Sequence[CameraNight]
    budget_w: float
    reserved_w: float = 0.0
    peak_w: float = 0.0
    above80_h: float = 0.0
    today_above80_h: float = 0.0

    @property
    def ready(self) -> int:
        """How many cameras have enough charge at the start of the shift."""
        return sum(each.percent >= ENOUGH_PERCENT for each in self.cameras)

    def complaints(self) -> list[str]:
        """Return what is not as it must be; the night is long enough for all."""
        found = [
            f"{each.camera} has {each.percent:.0f} % at its shift, not {ENOUGH_PERCENT:g} %"
            for each in self.cameras
            if each.percent < ENOUGH_PERCENT
        ]
        most_w = max(self.reserved_w, self.peak_w)
        if most_w > self.budget_w + _ROUNDING_W:
            found.append(f"{most_w:.1f} W were given of a budget of {self.budget_w:g} W")
        return found


def clock(at_s: float) -> datetime:
    """Return a moment of the night as a clock shows it."""
    return MONDAY + timedelta(seconds=at_s)


def night(docked_in: Mapping[str, Sequence[str]], *, slots: Sequence[str], seed: int) -> Night:
    """Return the night of cameras, each in the last of the slots that it was docked in."""
    docked = {serial: known[-1] for serial, known in docked_in.items()}
    at_once = (len(docked) + 1) // 2
    made, coming = _evening(docked, slots=slots, seed=seed)
    watched = _Watched(made, coming, budget_w=at_once * CAMERA_W)
    play(
        made,
        arriving=coming,
        decide=watched,
        from_s=_BACK_H * 3600,
        until_s=_OUT_H * 3600,
        tick_s=_TICK_S,
    )
    today, coming_again = _evening(docked, slots=slots, seed=seed)
    play(
        today,
        arriving=coming_again,
        decide=first_come(at_once),
        from_s=_BACK_H * 3600,
        until_s=_OUT_H * 3600,
        tick_s=_TICK_S,
    )
    return watched.night(today_above80_h=today.high_s / 3600)


def _evening(
    docked: Mapping[str, str], *, slots: Sequence[str], seed: int
) -> tuple[SimulatedRack, list[Arrival]]:
    """Return a dark rack, and the cameras that come back to it one after another."""
    dice = Random(seed)  # noqa: S311 - repeatable, not secret
    made = rack(slots, dice=dice, gauge_error_percent=_GAUGE_ERROR_PERCENT)
    for bay in made.bays.values():
        bay.is_on = False
    coming = []
    for number, (battery, (serial, slot)) in enumerate(
        zip(batteries(len(docked), dice=dice), docked.items(), strict=True)
    ):
        battery.camera, battery.percent = serial, dice.uniform(5, 60)
        at_s = _BACK_H * 3600 + number * _BETWEEN_S
        reads_s = dice.uniform(300, 1500)
        coming.append(Arrival(at_s=at_s, slot=slot, battery=battery, reads_s=reads_s))
    return made, coming


class _Watched:
    """The plan, and what is seen of batteries and ports whenever it is asked."""

    def __init__(self, made: SimulatedRack, coming: Sequence[Arrival], *, budget_w: float) -> None:
        self._rack = made
        self._batteries: dict[str, Battery] = {one.slot: one.battery for one in coming}
        policy = PlanPolicy(budget_w=budget_w, camera_w=CAMERA_W, enough_percent=ENOUGH_PERCENT)
        self._plan = Planned(policy, out_h=_OUT_H_OF_DAY, cameras=len(coming))
        self._night = Night(
            cameras=[
                CameraNight(
                    camera=one.battery.camera,
                    slot=one.slot,
                    docked_percent=one.battery.percent,
                    percent=one.battery.percent,
                )
                for one in coming
            ],
            budget_w=budget_w,
        )

    def __call__(self, seen: SimulatedRack, at_s: float) -> Mapping[str, PortMode]:
        on = sum(bay.is_on for bay in seen.bays.values())
        self._night.reserved_w = max(self._night.reserved_w, on * CAMERA_W)
        modes = self._plan(seen, at_s)
        held = {
            order.slot
            for order in self._plan.orders
            if order.mode is PortMode.OFF and order.kind is CutKind.HOLD
        }
        for each in self._night.cameras:
            each.held_s += _TICK_S if each.slot in held else 0.0
            percent = self._batteries[each.slot].percent
            if each.enough_s is None and percent >= ENOUGH_PERCENT:
                each.enough_s = at_s
        return modes

    def night(self, *, today_above80_h: float) -> Night:
        """Return what came of it."""
        for each in self._night.cameras:
            each.percent = self._batteries[each.slot].percent
        self._night.peak_w = self._rack.peak_w
        self._night.above80_h = self._rack.high_s / 3600
        self._night.today_above80_h = today_above80_h
        return self._night
