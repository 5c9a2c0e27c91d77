"""Nights of charging in virtual time: simulated batteries, and who decides over their ports.

Two decide: dockd's own plan, at every tick as in the daemon, and what docks do today: every port
that the budget allows is on, first come, first served, until its camera is full or taken.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Final

from dockd.core.battery_learning import Learning, begun, ended, looked, told
from dockd.core.battery_model import CurveSample
from dockd.core.charge_plan import plan
from dockd.core.charge_words import Moment, PlanMemory, PlanPolicy, PortOrder, Presence, SlotView
from dockd.core.port_power import PortMode
from dockd.core.shifts import Due
from dockd.simulator.batteries import Battery, SimulatedRack

DAY_S: Final = 86_400.0
# What is full makes room, as a dock that measures current would let it.
_FULL_PERCENT: Final = 99.5
MONDAY: Final = datetime(2026, 11, 23, tzinfo=UTC)

Decide = Callable[[SimulatedRack, float], Mapping[str, PortMode]]
"""What every port shall be, by the rack and the seconds since Monday's midnight."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """A camera that is put into a slot, with footage that takes a time to copy."""

    at_s: float
    slot: str
    battery: Battery
    reads_s: float


def arrivals(
    cameras: list[Battery], *, free: list[str], from_s: float, dice: Random
) -> list[Arrival]:
    """Return a shift that comes back, ten minutes early to half an hour late, slots at will."""
    slots = dice.sample(free, len(cameras))
    found = [
        Arrival(
            at_s=from_s + dice.uniform(-600, 1800),
            slot=slot,
            battery=battery,
            reads_s=dice.uniform(300, 1500),
        )
        for slot, battery in zip(slots, cameras, strict=True)
    ]
    return sorted(found, key=lambda each: each.at_s)


def play(
    rack: SimulatedRack,
    *,
    arriving: list[Arrival],
    decide: Decide,
    from_s: float,
    until_s: float,
    tick_s: float,
) -> None:
    """Let a time pass over a rack while its cameras come back and somebody decides."""
    coming = list(arriving)
    at_s = from_s
    while at_s < until_s:
        while coming and coming[0].at_s <= at_s:
            one = coming.pop(0)
            rack.dock(one.slot, one.battery, reads_s=one.reads_s)
        rack.switch(decide(rack, at_s))
        rack.step(tick_s)
        at_s += tick_s


class Planned:
    """dockd's plan for a shift at ``out_h`` each day, with a memory of its own.

    ``orders`` are those of the last tick.
    """

    def __init__(self, policy: PlanPolicy, *, out_h: float, cameras: int) -> None:
        """Nothing was seen yet."""
        self._policy = policy
        self._out_s = out_h * 3600
        self._cameras = cameras
        self._memory = PlanMemory()
        self._learning: dict[str, tuple[str, Learning]] = {}
        self._known: dict[str, tuple[CurveSample, ...]] = {}
        self.orders: tuple[PortOrder, ...] = ()

    def __call__(self, seen: SimulatedRack, at_s: float) -> Mapping[str, PortMode]:
        """Return what every port shall be now."""
        days, time_s = divmod(at_s, DAY_S)
        starts_s = (days + (time_s >= self._out_s)) * DAY_S + self._out_s
        due = Due(at=MONDAY + timedelta(seconds=starts_s), cameras=self._cameras)
        now = Moment(monotonic_s=at_s, wall=MONDAY + timedelta(seconds=at_s), due=(due,))
        views = [self._learned(view, now_s=at_s) for view in seen.views()]
        made = plan(views, policy=self._policy, now=now, memory=self._memory)
        self._memory, self.orders = made.memory, made.orders
        return {order.slot: order.mode for order in made.orders}

    def _learned(self, view: SlotView, *, now_s: float) -> SlotView:
        """Return a slot as the daemon would tell the plan of it: by what it learned of cameras."""
        slot = view.slot
        camera, before = self._learning.get(slot, (None, None))
        if view.presence is Presence.EMPTY or (view.camera and view.camera != camera):
            self._ended(slot)
            camera, before = None, None
        if view.camera and before is None:
            for other in [
                other for other, (who, _) in self._learning.items() if who == view.camera
            ]:
                self._ended(other)
            camera = view.camera
            before = begun(self._known.get(camera, ()), usual=view.curve)
        if camera is None or before is None:
            return view
        known = looked(before, view, now_s=now_s)
        self._learning[slot] = camera, known
        return told(view, known.model)

    def _ended(self, slot: str) -> None:
        camera, known = self._learning.pop(slot, (None, None))
        if camera is not None and known is not None:
            self._known[camera] = ended(known)


def first_come(at_once: int) -> Decide:
    """Return what docks do today, with power for so many ports at once."""
    line: list[str] = []

    def decide(seen: SimulatedRack, _: float) -> Mapping[str, PortMode]:
        line[:] = [slot for slot in line if seen.bays[slot].battery]
        line.extend(slot for slot, bay in seen.bays.items() if bay.battery and slot not in line)
        on = [slot for slot in line if not _is_full(seen, slot)][:at_once]
        return {slot: PortMode.SYNC if slot in on else PortMode.OFF for slot in seen.bays}

    return decide


def _is_full(seen: SimulatedRack, slot: str) -> bool:
    bay = seen.bays[slot]
    return bay.battery is not None and bay.battery.percent >= _FULL_PERCENT and not bay.reads_left_s
