"""The charge plan's rules, each for any rack and any time, in a loop closed by a simulated rack."""

import math
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dockd.core.battery import BatteryReading, ChargeSource
from dockd.core.charge_curve import ChargeCurve
from dockd.core.charge_plan import plan
from dockd.core.charge_words import (
    Moment,
    Plan,
    PlanMemory,
    PlanPolicy,
    PortOrder,
    Presence,
    SlotView,
)
from dockd.core.port_power import CutKind, PortFault, PortMode, PortReading
from dockd.core.shifts import Due, Shift, upcoming
from dockd.simulator.batteries import Battery, SimulatedRack, batteries, rack

TICK_S = 5.0
CAMERA_W = 7.5
NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)
SEEDS = st.integers(0, 2**32)


def view(slot: str = "A1", **fields: object) -> SlotView:
    """Make a slot with a camera at half its charge in it, its port on."""
    base = SlotView(
        slot=slot,
        presence=Presence.CAMERA,
        camera=f"BWC-{slot}",
        port=PortReading(slot=slot, mode=PortMode.SYNC),
        charge=charge(50),
    )
    return replace(base, **fields)  # type: ignore[arg-type]  # each test names the fields it means


def charge(percent: float) -> BatteryReading:
    """Make a camera's own reading."""
    return BatteryReading(percent=percent, error_percent=3.0, source=ChargeSource.CAMERA)


def off(slot: str = "A1") -> PortReading:
    """Make a port that reads as off."""
    return PortReading(slot=slot, mode=PortMode.OFF)


def policy(budget_w: float = 60.0, **fields: object) -> PlanPolicy:
    """Make a policy."""
    base = PlanPolicy(budget_w=budget_w, camera_w=CAMERA_W)
    return replace(base, **fields)  # type: ignore[arg-type]  # each test names the fields it means


def moment(at_s: float, *, due_in_h: float | None = None, cameras: int = 8) -> Moment:
    """Make a moment `at_s` after noon, with one shift `due_in_h` after noon."""
    due = () if due_in_h is None else (Due(at=NOON + timedelta(hours=due_in_h), cameras=cameras),)
    return Moment(monotonic_s=at_s, wall=NOON + timedelta(seconds=at_s), due=due)


def order_of(made: Plan, slot: str = "A1") -> PortOrder:
    """Return a slot's order."""
    return next(order for order in made.orders if order.slot == slot)


@dataclass
class Loop:
    """A rack and the planner, tick by tick."""

    rack: SimulatedRack
    policy: PlanPolicy
    due_in_h: float | None = None
    at_s: float = 0.0
    memory: PlanMemory = field(default_factory=PlanMemory)
    switched: int = 0
    tick_s: float = TICK_S

    def tick(self) -> Plan:
        """Look, decide, switch, and let the time pass."""
        before = {slot: bay.is_on for slot, bay in self.rack.bays.items()}
        now = moment(self.at_s, due_in_h=self.due_in_h)
        made = plan(self.rack.views(), policy=self.policy, now=now, memory=self.memory)
        self.rack.switch({order.slot: order.mode for order in made.orders})
        self.switched += sum(bay.is_on != before[slot] for slot, bay in self.rack.bays.items())
        self.rack.step(self.tick_s)
        self.memory, self.at_s = made.memory, self.at_s + self.tick_s
        return made


def dark_loop(seed: int, *, slots: int, budget_w: float, gauge: bool = True) -> Loop:
    """Return a rack whose ports are all off, with cameras of any charge in some of its slots."""
    dice = Random(seed)
    names = [f"A{number}" for number in range(slots)]
    made = rack(names, dice=dice, gauge_error_percent=3.0 if gauge else None)
    for slot, battery in zip(names, batteries(slots, dice=dice), strict=True):
        made.bays[slot].is_on = False
        if dice.random() < 0.8:
            battery.percent = dice.uniform(0, 100)
            made.dock(slot, battery, reads_s=dice.choice([0.0, 60.0, 600.0]))
    return Loop(rack=made, policy=policy(budget_w))


@settings(max_examples=20)
@given(seed=SEEDS, slots=st.integers(1, 12), cameras=st.floats(0.5, 8), gauge=st.booleans())
def test_the_budget_is_never_exceeded_even_for_one_tick(
    seed: int, slots: int, cameras: float, gauge: bool
) -> None:
    """Whoever comes and goes at any moment, all powered ports at their worst fit the budget."""
    loop = dark_loop(seed, slots=slots, budget_w=cameras * CAMERA_W, gauge=gauge)
    dice = Random(seed)
    spare = batteries(slots, dice=dice)
    for _ in range(150):
        slot = dice.choice(list(loop.rack.bays))
        if dice.random() < 0.05:
            taken = loop.rack.undock(slot)
            if taken is None:
                loop.rack.dock(slot, spare[dice.randrange(slots)], reads_s=dice.choice([0.0, 50.0]))
        loop.tick()
        on = sum(bay.is_on for bay in loop.rack.bays.values())
        assert on * CAMERA_W <= loop.policy.budget_w + 1e-6
        assert loop.rack.drawn_w() <= loop.policy.budget_w + 1e-6


def test_what_a_cut_frees_is_given_away_only_once_the_port_reads_as_off() -> None:
    """A hub that takes a command and does nothing does not bring the rack over its budget."""
    deaf = view("A1", charge=charge(90))
    waiting = view("A2", presence=Presence.UNKNOWN, port=off("A2"), charge=charge(5))
    made = plan([deaf, waiting], policy=policy(CAMERA_W), now=moment(0), memory=PlanMemory())
    for tick in range(1, 100):
        now = moment(tick * TICK_S * 10)
        made = plan([deaf, waiting], policy=policy(CAMERA_W), now=now, memory=made.memory)
        assert order_of(made, "A2").mode is PortMode.OFF
    assert order_of(made, "A1").mode is PortMode.OFF
    (problem,) = made.problems
    assert (problem.slug, problem.slot) == ("port-not-switchable", "A1")


def test_ports_are_powered_on_one_after_the_other() -> None:
    """No two ports are powered on within the time between two."""
    loop = dark_loop(1, slots=8, budget_w=60.0)
    loop.policy = replace(loop.policy, stagger_s=12.0)
    on_before, last_s = 0, -math.inf
    for _ in range(40):
        at_s = loop.at_s
        loop.tick()
        on = sum(bay.is_on for bay in loop.rack.bays.values())
        if on > on_before:
            assert on == on_before + 1
            assert at_s - last_s >= 12.0
            last_s = at_s
        on_before = on
    assert on_before == 8


DANGERS = st.sampled_from(
    [
        {"temperature_c": -0.1},
        {"temperature_c": 45.1},
        {
            "port": PortReading(
                slot="A1", mode=PortMode.SYNC, faults=frozenset({PortFault.OVER_CURRENT})
            )
        },
    ]
)


@given(
    danger=DANGERS,
    busy=st.booleans(),
    unwiped=st.booleans(),
    reading=st.booleans(),
    percent=st.floats(0, 100),
    due_in_h=st.none() | st.floats(0.01, 20),
    budget_w=st.floats(1, 500),
)
def test_a_safety_cut_wins_over_everything_but_a_camera_that_is_being_read(
    danger: dict[str, object],
    busy: bool,
    unwiped: bool,
    reading: bool,
    percent: float,
    due_in_h: float | None,
    budget_w: float,
) -> None:
    """Danger cuts at once; a docking that reads is asked to stop, and then it is cut."""
    slot = view(is_busy=busy, has_unwiped=unwiped, needs_reading=reading, charge=charge(percent))
    now = moment(0, due_in_h=due_in_h)
    made = plan([replace(slot, **danger)], policy=policy(budget_w), now=now, memory=PlanMemory())  # type: ignore[arg-type]  # fields of SlotView
    order = order_of(made)
    assert order.kind is CutKind.SAFETY
    assert (order.mode, order.quiesce) == ((PortMode.SYNC, True) if busy else (PortMode.OFF, False))
    assert any(problem.slot == "A1" for problem in made.problems)


@given(seed=SEEDS, budget_w=st.floats(1, 60))
def test_a_port_is_never_cut_while_its_camera_is_read_or_wiped(seed: int, budget_w: float) -> None:
    """Whatever becomes of the budget, a busy camera keeps its port."""
    dice = Random(seed)
    slots = [
        view(f"A{n}", is_busy=dice.random() < 0.5, charge=charge(dice.uniform(0, 100)))
        for n in range(8)
    ]
    memory = PlanMemory()
    for tick in range(5):
        now = moment(tick * 1000.0, due_in_h=12)
        made = plan(slots, policy=policy(budget_w), now=now, memory=memory)
        memory = made.memory
        for slot in slots:
            assert not slot.is_busy or order_of(made, slot.slot).mode is PortMode.SYNC


def test_a_thermal_cut_ends_past_its_hysteresis_and_as_a_safety_cut() -> None:
    """At 45.1 C a port is cut, at 43 it stays so, at 41.9 it comes back: once each."""
    memory, modes, kinds = PlanMemory(), [], []
    port = PortReading(slot="A1", mode=PortMode.SYNC)
    for at, temperature_c in enumerate([44.9, 45.1, 43.0, None, 41.9, 44.0]):
        slot = view(temperature_c=temperature_c, port=port)
        made = plan([slot], policy=policy(), now=moment(at * 60.0), memory=memory)
        memory, order = made.memory, order_of(made)
        port = replace(port, mode=order.mode)
        modes.append(order.mode is PortMode.SYNC)
        kinds.append(order.kind)
    assert modes == [True, False, False, False, True, True]
    assert kinds[1:5] == [CutKind.SAFETY] * 4


def test_a_camera_that_takes_power_and_gains_nothing_is_cut_and_stays_cut() -> None:
    """After an hour and a half without a per cent the slot is named, and no time forgets that."""
    made = plan([view()], policy=policy(), now=moment(0), memory=PlanMemory())
    for tick in range(1, 1090):
        made = plan([view()], policy=policy(), now=moment(tick * TICK_S), memory=made.memory)
    assert order_of(made).kind is CutKind.SAFETY
    assert [(each.slug, each.slot) for each in made.problems] == [("charge-no-progress", "A1")]
    dark = view(port=off(), presence=Presence.UNKNOWN, camera=None, charge=None)
    later = plan([dark], policy=policy(), now=moment(90_000), memory=made.memory)
    assert (order_of(later).mode, order_of(later).kind) == (PortMode.OFF, CutKind.SAFETY)


@settings(max_examples=4)
@given(seed=SEEDS, gauge=st.booleans())
def test_nobody_starves(seed: int, gauge: bool) -> None:
    """With power for two of six, every camera is charged to the hold, or past it, in the end."""
    loop = dark_loop(seed, slots=6, budget_w=2 * CAMERA_W, gauge=gauge)
    loop.due_in_h, loop.tick_s = 200.0, 30.0
    for _ in range(int(20 * 3600 / loop.tick_s)):
        loop.tick()
    for bay in loop.rack.bays.values():
        assert bay.battery is None or bay.battery.percent >= 70
        assert bay.reads_left_s == 0


@settings(max_examples=6)
@given(seed=SEEDS, slots=st.integers(1, 8), due_in_h=st.none() | st.floats(9, 20))
def test_a_plan_is_stable_when_its_inputs_are(
    seed: int, slots: int, due_in_h: float | None
) -> None:
    """Where power suffices and no shift nears, a port comes on once and goes off at most once."""
    loop = dark_loop(seed, slots=slots, budget_w=60.0)
    loop.policy = replace(loop.policy, look_every_s=1e9)
    loop.due_in_h, loop.tick_s = due_in_h, 30.0
    for _ in range(int(5 * 3600 / loop.tick_s)):
        loop.tick()
    assert loop.switched <= 2 * slots
    now = moment(loop.at_s, due_in_h=due_in_h)
    views = loop.rack.views()
    first = plan(views, policy=loop.policy, now=now, memory=loop.memory)
    second = plan(views, policy=loop.policy, now=now, memory=first.memory)
    assert first.orders == second.orders


def test_where_the_budget_is_short_a_port_keeps_its_power_for_the_least_time() -> None:
    """Ports do not flap: six cameras on power for two change hands no faster than allowed."""
    loop = dark_loop(3, slots=6, budget_w=2 * CAMERA_W)
    loop.tick_s = 15.0
    for slot, battery in zip(loop.rack.bays, batteries(6, dice=Random(3)), strict=True):
        loop.rack.dock(slot, battery, reads_s=0.0)
    hours = 3
    for _ in range(int(hours * 3600 / loop.tick_s)):
        loop.tick()
    # Two switchings per change, two ports, one change per ten minutes, and the first looks.
    assert loop.switched <= 2 * 2 * hours * 6 + 4 * 6


@pytest.mark.parametrize(("percent", "keeps"), [(90.0, True), (99.0, False)])
def test_the_least_on_time_is_for_those_who_need_it(percent: float, keeps: bool) -> None:
    """A minute after it was powered, a camera that has enough makes way, and no other does."""
    waiting = view("A2", port=off("A2"), charge=charge(50))
    one, cut = view("A1", charge=charge(percent)), view("A1", port=off("A1"))
    now = moment(0.0, due_in_h=1.0, cameras=2)
    made = plan([cut, waiting], policy=policy(CAMERA_W), now=now, memory=PlanMemory())
    for at_s in (600.0, 660.0):
        now = moment(at_s, due_in_h=1.0, cameras=2)
        made = plan([one, waiting], policy=policy(CAMERA_W), now=now, memory=made.memory)
    assert (order_of(made, "A1").mode is PortMode.SYNC) is keeps


def test_a_held_camera_is_charged_for_its_shift_and_not_held_again() -> None:
    """It rests at 80 %, is full when the shift starts, and between the two is switched once."""
    loop = dark_loop(5, slots=1, budget_w=60.0)
    battery = Battery(camera="BWC-1", curve=batteries(1, dice=Random(1))[0].curve, percent=60.0)
    loop.rack.dock("A0", battery, reads_s=0.0)
    loop.policy = replace(loop.policy, look_every_s=1e9)
    loop.due_in_h, loop.tick_s = 12.0, 20.0
    rested = 0
    for _ in range(int(12 * 3600 / loop.tick_s)):
        loop.tick()
        rested += not loop.rack.bays["A0"].is_on
    assert battery.percent >= 95
    assert rested * loop.tick_s >= 6 * 3600
    assert loop.switched == 3


@given(jumps=st.lists(st.floats(-1e6, 1e6), max_size=10))
def test_a_wall_clock_that_jumps_makes_no_port_flap(jumps: list[float]) -> None:
    """Whatever the next start is made of it, a released camera stays powered until its shift began.

    That it did is told by the clock that does not jump; then the camera is held, if it is there.
    """
    daily = (Shift(start=(NOON + timedelta(hours=0.5)).time(), cameras=1),)

    def tick(at_s: float, jump_s: float, memory: PlanMemory) -> Plan:
        wall = NOON + timedelta(seconds=at_s + jump_s)
        due = upcoming(daily, now=wall, timezone=UTC)
        now = Moment(monotonic_s=at_s, wall=wall, due=due)
        return plan([view(charge=charge(85))], policy=policy(), now=now, memory=memory)

    memory = PlanMemory()
    for number, jump_s in enumerate([0.0, *jumps]):
        made = tick(number * TICK_S, jump_s, memory)
        memory = made.memory
        assert order_of(made).mode is PortMode.SYNC
    assert order_of(tick(1801.0, 0.0, memory)).kind is CutKind.HOLD


def test_a_budget_below_one_camera_is_one_problem_and_powers_nothing() -> None:
    """It is said once for the whole rack, and no port gets what the wiring may not bear."""
    slots = [view(f"A{n}", needs_reading=True) for n in range(4)]
    made = plan(slots, policy=policy(5.0), now=moment(0), memory=PlanMemory())
    assert {order.mode for order in made.orders} == {PortMode.OFF}
    assert [(each.slug, each.slot) for each in made.problems] == [("power-budget", "")]


def test_a_budget_that_is_kept_with_the_next_cuts_is_no_problem() -> None:
    """A rack that begins with all ports on, or with a budget made smaller, is cut: that is all.

    What cannot be cut, for it is being read, is said.
    """
    slots = [view(f"A{n}") for n in range(4)]
    made = plan(slots, policy=policy(CAMERA_W), now=moment(0), memory=PlanMemory())
    assert [order.mode for order in made.orders].count(PortMode.OFF) == 3
    assert made.problems == ()
    assert made.reserved_w == 4 * CAMERA_W
    busy = [replace(each, is_busy=True) for each in slots[:2]]
    made = plan([*busy, *slots[2:]], policy=policy(CAMERA_W), now=moment(0), memory=PlanMemory())
    (problem,) = made.problems
    assert problem.reason == "Cameras that are being read may draw 15 W of a budget of 7.5 W."


def test_a_port_that_does_not_exist_is_said_and_given_no_order() -> None:
    """The slot is named, and the others go on."""
    slots = [view("A1", port=None), view("A2")]
    made = plan(slots, policy=policy(), now=moment(0), memory=PlanMemory())
    assert [order.slot for order in made.orders] == ["A2"]
    assert [(each.slug, each.slot) for each in made.problems] == [("port-not-switchable", "A1")]


def test_a_port_that_does_not_follow_is_watched_for_danger_all_the_same() -> None:
    """It gets no order, and nobody is told that it was cut; once it follows, it is."""
    burning = PortReading(slot="A1", mode=PortMode.SYNC, faults=frozenset({PortFault.OVER_CURRENT}))
    made = plan(
        [view(port=burning, follows=False)], policy=policy(), now=moment(0), memory=PlanMemory()
    )
    assert made.orders == ()
    (problem,) = made.problems
    assert (problem.slug, problem.slot) == ("charge-over-current", "A1")
    assert problem.reason.endswith("and its port cannot be cut: take the camera out.")
    made = plan([view()], policy=policy(), now=moment(3600), memory=made.memory)
    assert (order_of(made).mode, order_of(made).kind) == (PortMode.OFF, CutKind.SAFETY)
    (problem,) = made.problems
    assert problem.reason.endswith(": its port is cut.")


def test_what_a_port_was_told_before_it_ceased_to_follow_is_void() -> None:
    """Once it follows it is told anew, and not accused of what it was told long ago."""
    waiting = view(presence=Presence.UNKNOWN, port=off())
    told = plan([waiting], policy=policy(), now=moment(0), memory=PlanMemory())
    assert order_of(told).mode is PortMode.SYNC
    deaf = plan(
        [replace(waiting, follows=False)], policy=policy(), now=moment(5), memory=told.memory
    )
    assert deaf.memory.slots["A1"].ordered_on is None
    again = plan([waiting], policy=policy(), now=moment(3600), memory=deaf.memory)
    assert order_of(again).mode is PortMode.SYNC
    assert again.problems == ()


def test_a_port_that_stays_off_is_not_said_to_be_without_its_cut() -> None:
    """Whatever it is told, a port that reads as off charges nobody."""
    dark = view(port=off(), presence=Presence.UNKNOWN, follows=False, temperature_c=46.0)
    made = plan([dark], policy=policy(), now=moment(0), memory=PlanMemory())
    (problem,) = made.problems
    assert problem.reason == "It is above 45 C: the port is cut until it is cooler."


def test_ports_that_do_not_follow_keep_their_share_of_the_budget() -> None:
    """They are on for good: what is left is for the others, and too little is said as it is."""
    waiting = view("A3", presence=Presence.UNKNOWN, port=off("A3"), charge=charge(5))
    stuck = [view("A1", follows=False), view("A2", follows=False)]
    short = (
        "Cameras that are being read, or whose ports do not switch, may draw 15 W of a budget"
        " of 8 W."
    )
    for budget_w, mode, said in [(22.5, PortMode.SYNC, []), (8.0, PortMode.OFF, [short])]:
        made = plan([*stuck, waiting], policy=policy(budget_w), now=moment(0), memory=PlanMemory())
        assert [(order.slot, order.mode) for order in made.orders] == [("A3", mode)]
        assert [problem.reason for problem in made.problems] == said


def test_a_camera_whose_port_does_not_switch_off_is_one_of_its_shift() -> None:
    """It is charged on, and no other need be charged in its place."""
    slots = [view("A1", follows=False, charge=charge(96)), view("A2", charge=charge(82))]
    now = moment(0, due_in_h=1, cameras=1)
    made = plan(slots, policy=policy(), now=now, memory=PlanMemory())
    assert order_of(made, "A2").mode is PortMode.OFF
    assert order_of(made, "A2").kind is CutKind.HOLD


def test_a_driver_that_switches_nothing_gets_no_orders_and_its_rack_is_added_up() -> None:
    """Eight cameras may draw 60 W: that is said of a budget of 50, and not of one of 60."""
    slots = [view(f"A{n}") for n in range(8)]
    for budget_w, said in [(50.0, ["power-budget"]), (60.0, [])]:
        made = plan(
            slots, policy=policy(budget_w, can_switch=False), now=moment(0), memory=PlanMemory()
        )
        assert made.orders == ()
        assert [each.slug for each in made.problems] == said


def test_ports_with_clips_to_wipe_are_cut_last() -> None:
    """Of two alike, the budget takes the one whose camera has been cleared."""
    slots = [view("A1"), view("A2", has_unwiped=True), view("A3")]
    made = plan(slots, policy=policy(CAMERA_W), now=moment(0), memory=PlanMemory())
    assert [order.slot for order in made.orders if order.mode is PortMode.SYNC] == ["A2"]


@pytest.mark.parametrize("stuck", [view(has_unwiped=True), view(needs_reading=True)])
def test_footage_that_does_not_move_keeps_nobody_in_the_dark(stuck: SlotView) -> None:
    """A store that is gone for days, or a camera that nobody can read, has no claim for ever."""
    dark = view("A2", port=off("A2"))
    first = plan([stuck, dark], policy=policy(8), now=moment(0), memory=PlanMemory())
    made, at_s = first, 0.0
    while order_of(made).mode is not PortMode.OFF:
        at_s += TICK_S
        assert at_s < 3600
        views = [stuck, replace(dark, presence=Presence.UNKNOWN)]
        made = plan(views, policy=policy(8), now=moment(at_s), memory=made.memory)
    assert at_s > policy().least_on_s


def test_dark_slots_do_not_keep_cameras_from_charging() -> None:
    """Twelve slots, power for six, eight cameras: looking into the others starves nobody."""
    dice = Random(7)
    made = rack([f"A{n:02}" for n in range(12)], dice=dice, gauge_error_percent=3.0)
    loop = Loop(rack=made, policy=policy(6 * CAMERA_W), due_in_h=14.0, tick_s=60.0)
    for bay in made.bays.values():
        bay.is_on = False
    for _ in range(30):
        # Every slot has been seen empty: from now on it is looked into again and again.
        loop.tick()
    for number, battery in enumerate(batteries(8, dice=dice)):
        made.dock(f"A{number:02}", battery, reads_s=300.0)
    while loop.at_s < 14 * 3600:
        loop.tick()
    percents = [bay.battery.percent for bay in made.bays.values() if bay.battery]
    assert len(percents) == 8
    assert min(percents) >= 95


def test_without_a_wall_clock_no_shift_chooses_its_cameras() -> None:
    """A shift is due by the wall clock: without one, every camera is charged as if it were next."""
    blind = Moment(monotonic_s=0.0, wall=None, due=(Due(at=NOON, cameras=1),))
    made = plan([view()], policy=policy(), now=blind, memory=PlanMemory())
    assert order_of(made).mode is not PortMode.OFF


@pytest.mark.parametrize("learned_wh", [15.0, 80.0])
def test_a_camera_that_takes_more_energy_than_it_holds_is_cut(learned_wh: float) -> None:
    """Nobody reads its charge: the hub's watt-hours alone show that it does not charge.

    A battery that gets hot instead of full has taught for weeks that it takes so much: no matter.
    """
    curve = ChargeCurve()
    full = PortReading(
        slot="A1",
        mode=PortMode.SYNC,
        power_w=curve.power_w,
        power_error_w=0.1,
        energy_wh=curve.full_wh * 2,
        energy_error_wh=0.1,
    )
    seen = replace(view(charge=None, port=full), curve=ChargeCurve(full_wh=learned_wh))
    made = plan([seen], policy=policy(), now=moment(0), memory=PlanMemory())
    assert (order_of(made).mode, order_of(made).kind) == (PortMode.OFF, CutKind.SAFETY)


def test_an_over_current_that_lasts_is_cut_and_one_that_passes_is_not() -> None:
    """A port's worst is exceeded for longer than an inrush takes, and the slot is named."""
    strong = PortReading(slot="A1", mode=PortMode.SYNC, power_w=CAMERA_W * 2, power_error_w=0.1)
    first = plan([view(port=strong)], policy=policy(), now=moment(0), memory=PlanMemory())
    assert order_of(first).mode is PortMode.SYNC
    passed = plan([view()], policy=policy(), now=moment(4), memory=first.memory)
    again = plan([view(port=strong)], policy=policy(), now=moment(8), memory=passed.memory)
    assert order_of(again).mode is PortMode.SYNC
    lasting = plan([view(port=strong)], policy=policy(), now=moment(13), memory=again.memory)
    assert (order_of(lasting).mode, order_of(lasting).kind) == (PortMode.OFF, CutKind.SAFETY)
    assert [(each.slug, each.slot) for each in lasting.problems] == [("charge-over-current", "A1")]


def test_a_frozen_camera_has_no_power_until_it_is_warm_enough() -> None:
    """At -0.5 C a port is cut, at 2 it stays so, at 3.5 it comes back."""
    memory, modes = PlanMemory(), []
    port = PortReading(slot="A1", mode=PortMode.SYNC)
    for at, temperature_c in enumerate([5.0, -0.5, 2.0, 3.5]):
        slot = view(temperature_c=temperature_c, port=port)
        made = plan([slot], policy=policy(), now=moment(at * 60.0), memory=memory)
        memory, port = made.memory, replace(port, mode=order_of(made).mode)
        modes.append(order_of(made).mode is PortMode.SYNC)
    assert modes == [True, False, False, True]
