"""The charge plan against what docks do today, over simulated weeks of shifts (20 seeds).

Both get the same cameras, the same shifts and the same worst-case budget. Two racks: one whose
night is long enough for all, where the batteries' life is at stake, and one whose night is too
short, where it shows whether power goes to those cameras that can still be ready. How many can be
is a bound of its own (`charge_bound`), reckoned from what the batteries really hold, which neither
side is told: dockd sees a gauge that may be 3 % off, and charges until 95 % are certain. Footage is
copied from every camera, ready or not.
"""

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Final

from dockd.core.charge_curve import seconds_between
from dockd.core.charge_words import PlanPolicy
from dockd.simulator.batteries import batteries, rack
from dockd.simulator.nights import DAY_S, Arrival, Decide, Planned, arrivals, first_come, play
from tests.bench.bench import Bench
from tests.bench.charge_bound import Need, most_ready
from tests.bench.rows import Peer, Row

_SEEDS: Final = 20
_NIGHTS: Final = 7
_SLOTS: Final = 12
_CAMERAS: Final = 8
_CAMERA_W: Final = 7.5
_ENOUGH_PERCENT: Final = 95.0
_OUT_H: Final = 6.0
# While the rack is empty.
_IDLE_TICK_S: Final = 60.0
_EARLIEST_S: Final = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """When the shift comes back, and how many cameras the budget powers at once.

    The daemon looks every 3 s: with a coarser tick each change of hands and each look costs more.
    """

    back_h: float
    at_once: int
    tick_s: float

    @property
    def budget_w(self) -> float:
        """The budget, in watts."""
        return self.at_once * _CAMERA_W


# Back ten hours after the early shift began: fourteen hours for eight cameras, power for six.
LONG: Final = Scene(back_h=16, at_once=6, tick_s=20.0)
# Back at midnight, six hours, power for two: an empty camera takes above two hours, so two
# ports have time for about three quarters of the eight.
SHORT: Final = Scene(back_h=24, at_once=2, tick_s=6.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Weeks:
    """What a rack made of its nights.

    Attributes:
        cameras: How many dockings there were.
        ready: How many cameras were ready as their shift began.
        possible: How many could have been.
        above80_h: Camera-hours in the rack above 80 %.
        high_wh: What was charged into batteries above 80 %.
        peak_w: The most that all ports delivered at once.
    """

    cameras: int
    ready: int
    possible: int
    above80_h: float
    high_wh: float
    peak_w: float


def measure(bench: Bench) -> list[Row]:
    """Return the rows of both racks."""
    long, long_today = _both(LONG)
    short, short_today = _both(SHORT)
    over_w = [
        max(0.0, each.peak_w - scene.budget_w)
        for scene, weeks in ((LONG, long), (SHORT, short))
        for each in weeks
    ]
    above80 = [each.above80_h for each in long]
    above80_today = [each.above80_h for each in long_today]

    def against_today(
        name: str, values: list[float], today: list[float], *, unit: str, goal: str, scene: Scene
    ) -> Row:
        peer = Peer(name=_TODAY, values=today, command=_TODAY_SAID)
        return bench.row(name, values=values, unit=unit, goal=goal, command=_said(scene), peer=peer)

    return [
        bench.row(
            "charge.ready",
            values=[_ready_percent(each) for each in long],
            unit="% of the possible",
            goal=">=99.5",
            command=_said(LONG),
        ),
        against_today("charge.above80", above80, above80_today, unit="h", goal="<=0.7", scene=LONG),
        bench.row(
            "charge.above80_worst_seed",
            values=[
                max(ours / theirs for ours, theirs in zip(above80, above80_today, strict=True))
            ],
            unit="of the peer's",
            goal="<=0.7",
            command=_said(LONG),
        ),
        # What a camera needs to be ready it needs whoever charges it: the gain is in the time.
        against_today(
            "charge.high_energy",
            [each.high_wh for each in long],
            [each.high_wh for each in long_today],
            unit="Wh above 80 %",
            goal="<=1.1",
            scene=LONG,
        ),
        # Within one and the same budget.
        against_today(
            "charge.peak",
            [each.peak_w for each in long],
            [each.peak_w for each in long_today],
            unit="W",
            goal="<=1.05",
            scene=LONG,
        ),
        bench.row(
            "charge.ready_short",
            values=[_ready_percent(each) for each in short],
            unit="% of the possible",
            goal=">=99.5",
            command=_said(SHORT),
        ),
        against_today(
            "charge.ready_short.first_come",
            [_ready_percent(each) for each in short],
            [_ready_percent(each) for each in short_today],
            unit="% of the possible",
            goal=">1",
            scene=SHORT,
        ),
        bench.row(
            "charge.over_budget",
            values=[max(over_w)],
            unit="W",
            goal="<=0",
            command=f"{_said(LONG)}; {_said(SHORT)}",
        ),
    ]


def _ready_percent(weeks: Weeks) -> float:
    return 100 * weeks.ready / weeks.possible


_TODAY: Final = "first come first served"
_TODAY_SAID: Final = "ports on in the order of docking, within the same budget"


def _said(scene: Scene) -> str:
    return (
        f"core/charge_plan, {_CAMERAS} cameras in {_SLOTS} slots, {scene.budget_w:g} W, back at "
        f"{scene.back_h:g} h, out at {_OUT_H:g} h, {_NIGHTS} nights, {_SEEDS} seeds"
    )


def _both(scene: Scene) -> tuple[list[Weeks], list[Weeks]]:
    # Nothing of it is measured in time: each seed comes out the same wherever it is played.
    with ProcessPoolExecutor() as players:
        ours = players.map(partial(simulate, scene=scene, decider=plan_of), range(_SEEDS))
        today = players.map(partial(simulate, scene=scene, decider=today_of), range(_SEEDS))
        return list(ours), list(today)


def plan_of(scene: Scene) -> Decide:
    """Return dockd's plan."""
    policy = PlanPolicy(budget_w=scene.budget_w, camera_w=_CAMERA_W, enough_percent=_ENOUGH_PERCENT)
    return Planned(policy, out_h=_OUT_H, cameras=_CAMERAS)


def today_of(scene: Scene) -> Decide:
    """Return what docks do today."""
    return first_come(scene.at_once)


def simulate(
    seed: int, *, scene: Scene, decider: Callable[[Scene], Decide], nights: int = _NIGHTS
) -> Weeks:
    """Return what a way of deciding makes of one seed's nights."""
    dice = Random(seed)
    slots = [f"A{n:02}" for n in range(_SLOTS)]
    made = rack(slots, dice=dice, gauge_error_percent=3.0)
    for bay in made.bays.values():
        bay.is_on = False
    cameras, decide = batteries(_CAMERAS, dice=dice), decider(scene)
    ready = possible = 0
    for night in range(nights):
        begins_s = night * DAY_S + _OUT_H * 3600
        ends_s = begins_s + DAY_S
        back_s = night * DAY_S + scene.back_h * 3600
        coming = arrivals(cameras, free=slots, from_s=back_s, dice=dice)
        possible += _possible(coming, scene, until_s=ends_s)
        dusk_s = back_s - _EARLIEST_S
        play(made, arriving=[], decide=decide, from_s=begins_s, until_s=dusk_s, tick_s=_IDLE_TICK_S)
        play(
            made, arriving=coming, decide=decide, from_s=dusk_s, until_s=ends_s, tick_s=scene.tick_s
        )
        for one in coming:
            made.undock(one.slot)
            ready += one.battery.percent >= _ENOUGH_PERCENT
            one.battery.percent = max(3.0, one.battery.percent - dice.uniform(40, 90))
    return Weeks(
        cameras=nights * _CAMERAS,
        ready=ready,
        possible=possible,
        above80_h=made.high_s / 3600,
        high_wh=made.high_wh,
        peak_w=made.peak_w,
    )


def _possible(coming: list[Arrival], scene: Scene, *, until_s: float) -> int:
    needs = [
        Need(
            from_s=one.at_s,
            takes_s=seconds_between(
                one.battery.curve, from_percent=one.battery.percent, to_percent=_ENOUGH_PERCENT
            ),
            copies_s=one.reads_s,
        )
        for one in coming
    ]
    return most_ready(needs, ports=scene.at_once, until_s=until_s)
