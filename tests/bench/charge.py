"""The charge plan against what docks do today, over simulated weeks of shifts (20 seeds).

Today's dock: every port that the budget allows is on, first come, first served, and stays on until
its camera is taken. Both get the same cameras, the same shifts and the same worst-case budget.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Final

from dockd.core.charge_plan import plan
from dockd.core.charge_words import Moment, PlanMemory, PlanPolicy
from dockd.core.port_power import PortMode
from dockd.core.shifts import Due
from dockd.simulator.batteries import SimulatedRack, batteries, rack
from tests.bench.bench import Bench
from tests.bench.rows import Peer, Row

_SEEDS: Final = 20
_DAYS: Final = 7
_TICK_S: Final = 30.0
_SLOTS: Final = 12
_CAMERAS: Final = 8
_AT_ONCE: Final = 6
_CAMERA_W: Final = 7.5
_ENOUGH_PERCENT: Final = 95.0
_MONDAY: Final = datetime(2026, 11, 23, tzinfo=UTC)
# Early shift and back ten hours later: the rack has fourteen hours for eight cameras.
_OUT_H: Final = 6
_BACK_H: Final = 16

Decide = Callable[[SimulatedRack, float], dict[str, PortMode]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Weeks:
    """What a rack made of its weeks: cameras ready in per cent, and the rest as its names say."""

    ready_percent: float
    above80_h: float
    peak_w: float


def measure(bench: Bench) -> list[Row]:
    """Return charge.ready, charge.above80 and charge.over_budget."""
    budget_w = _AT_ONCE * _CAMERA_W
    ours = [simulate(seed, decide=_planned(budget_w)) for seed in range(_SEEDS)]
    today = [simulate(seed, decide=_first_come(budget_w)) for seed in range(_SEEDS)]
    said = (
        f"core/charge_plan, {_CAMERAS} cameras in {_SLOTS} slots, {budget_w:g} W, {_DAYS} days, "
        f"{_SEEDS} seeds"
    )
    return [
        bench.row(
            "charge.ready",
            values=[each.ready_percent for each in ours],
            unit="%",
            goal=">=99.5",
            command=said,
        ),
        bench.row(
            "charge.above80",
            values=[each.above80_h for each in ours],
            unit="h",
            goal="<=0.7",
            command=said,
            peer=Peer(
                name="first come first served",
                values=[each.above80_h for each in today],
                command="ports on in the order of docking, within the same budget",
            ),
        ),
        bench.row(
            "charge.over_budget",
            values=[max(0.0, each.peak_w - budget_w) for each in ours],
            unit="W",
            goal="<=0",
            command=said,
        ),
    ]


def simulate(seed: int, *, decide: Decide) -> Weeks:
    """Return what a way of deciding makes of one seed's weeks."""
    dice = Random(seed)
    made = rack([f"A{n:02}" for n in range(_SLOTS)], dice=dice, gauge_error_percent=3.0)
    for bay in made.bays.values():
        bay.is_on = False
    cameras = batteries(_CAMERAS, dice=dice)
    back = {dice.uniform(-600, 1800) + index: battery for index, battery in enumerate(cameras)}
    ready: list[bool] = []
    at_s = 0.0
    while at_s < _DAYS * 86_400:
        time_s = at_s % 86_400
        if _OUT_H * 3600 <= time_s < _OUT_H * 3600 + _TICK_S:
            for slot in [slot for slot, bay in made.bays.items() if bay.battery]:
                battery = made.undock(slot)
                if battery is not None:
                    ready.append(battery.percent >= _ENOUGH_PERCENT)
                    battery.percent = max(3.0, battery.percent - dice.uniform(40, 90))
            back = {dice.uniform(-600, 1800) + n: each for n, each in enumerate(cameras)}
        for late_s in [late for late in back if time_s >= _BACK_H * 3600 + late]:
            free = [slot for slot, bay in made.bays.items() if bay.battery is None]
            made.dock(dice.choice(free), back.pop(late_s), reads_s=dice.uniform(300, 1500))
        made.switch(decide(made, at_s))
        made.step(_TICK_S)
        at_s += _TICK_S
    return Weeks(
        ready_percent=100 * sum(ready) / len(ready),
        above80_h=made.high_s / 3600,
        peak_w=made.peak_w,
    )


def _planned(budget_w: float) -> Decide:
    policy = PlanPolicy(budget_w=budget_w, camera_w=_CAMERA_W, enough_percent=_ENOUGH_PERCENT)
    memory = PlanMemory()

    def decide(seen: SimulatedRack, at_s: float) -> dict[str, PortMode]:
        nonlocal memory
        wall = _MONDAY + timedelta(seconds=at_s)
        out = wall.replace(hour=_OUT_H, minute=0, second=0)
        due = Due(at=out if out > wall else out + timedelta(days=1), cameras=_CAMERAS)
        # Every seed begins anew.
        memory = PlanMemory() if at_s == 0 else memory
        now = Moment(monotonic_s=at_s, wall=wall, due=(due,))
        made = plan(seen.views(), policy=policy, now=now, memory=memory)
        memory = made.memory
        return {order.slot: order.mode for order in made.orders}

    return decide


def _first_come(budget_w: float) -> Decide:
    line: list[str] = []

    def decide(seen: SimulatedRack, at_s: float) -> dict[str, PortMode]:
        if at_s == 0:
            line.clear()
        line[:] = [slot for slot in line if seen.bays[slot].battery]
        line.extend(slot for slot, bay in seen.bays.items() if bay.battery and slot not in line)
        # What is full makes room, as a dock that measures current would let it.
        unfull = [slot for slot in line if not _is_full(seen, slot)]
        on = unfull[: int(budget_w / _CAMERA_W)]
        return {slot: PortMode.SYNC if slot in on else PortMode.OFF for slot in seen.bays}

    return decide


def _is_full(seen: SimulatedRack, slot: str) -> bool:
    battery = seen.bays[slot].battery
    return battery is not None and battery.percent >= 99.5 and not seen.bays[slot].reads_left_s
