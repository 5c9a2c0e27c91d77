"""Readings to the charge plan, and what that orders to the charger; every few seconds.

A port is cut in its slot's turn (`slot_power`), so never while its camera is read or wiped. Cuts
go first, and nothing is given back in a turn in which one of them did not come about: the budget
holds in between as well. What cannot be switched is on for good, and counted so.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, tzinfo
from typing import Final

from dockd.core import charge_plan, facts
from dockd.core.charge_words import Moment, Plan, PlanMemory, PlanPolicy, PortOrder, SlotView
from dockd.core.port_power import CutKind, PortMode
from dockd.core.shifts import Shift, upcoming
from dockd.errors import (
    ChargerUnreachable,
    CutForSafety,
    DockdError,
    HelperRefused,
    PortNotSwitchable,
)
from dockd.ports.charger import Charger, ChargerReading
from dockd.ports.clock import Clock
from dockd.ports.ledger import Ledger
from dockd.stages.board import SlotBoard
from dockd.stages.forecasts import Forecasts, enough_percent
from dockd.stages.problems import ProblemBoard
from dockd.stages.rack_view import RackView, SlotCharge
from dockd.stages.slot_power import SlotPower
from dockd.stages.wear_watch import WORN_SLUGS

# A camera whose read is stuck in the kernel for so long is not being read any more.
GIVE_WAY_S: Final = 60.0
_TRY_AGAIN_S: Final = 3600.0
# A safety cut that an earlier dockd made is lifted only after so long, and if nothing speaks
# against it then: what was wrong is not known any more, and nothing may measure it here.
COOLS_WITHIN_S: Final = 3600.0
_CUT_OFF: Final = f"Work with its camera was asked to end and had not {GIVE_WAY_S:g} s later."
_HUB: Final = "charger"
_PORT: Final = "port "
_FORECASTS_KEPT: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargePolicy:
    """What the stage is held to.

    ``every_s`` is how often it looks; ``lease_s`` how long a cut outlives it: both in seconds.
    """

    plan: PlanPolicy
    shifts: tuple[Shift, ...] = ()
    timezone: tzinfo = UTC
    every_s: float = 3.0
    lease_s: int = 60


class Charge:
    """Charges what is docked; ``slots`` and ``drawn_w`` are what it saw last, for the report.

    ``forecast_errors_s``: by how much the last forecasts of readiness were wrong, in seconds.
    """

    def __init__(
        self,
        charger: Charger,
        *,
        ledger: Ledger,
        board: SlotBoard,
        power: SlotPower,
        problems: ProblemBoard,
        clock: Clock,
        policy: ChargePolicy,
    ) -> None:
        """Switch nothing yet; ``policy`` may be replaced at any time."""
        self._charger = charger
        self._ledger = ledger
        self._board = board
        self._power = power
        self._problems = problems
        self._clock = clock
        self.policy = policy
        self._view = RackView(ledger=ledger, board=board, power=power)
        self._forecasts = Forecasts()
        self._memory = PlanMemory()
        self._renewed_s: dict[str, float] = {}
        self._stuck_until_s: dict[str, float] = {}
        self._found_s: dict[str, float] = {}
        self._cut_off: set[str] = set()
        self._without_data: set[str] = set()
        # None until the first look: an earlier run may have said something that stands no longer.
        self._said: set[tuple[str, str]] | None = None
        self.slots: Mapping[str, SlotCharge] = {}
        self.drawn_w: float | None = None
        self.enough_percent = policy.plan.enough_percent
        self.forecast_errors_s: deque[int] = deque(maxlen=_FORECASTS_KEPT)

    async def run(self) -> None:
        """Look and act until cancelled."""
        while True:
            await self.turn()
            await self._clock.sleep(self.policy.every_s)

    async def turn(self) -> None:
        """Look once, decide, and act."""
        held_to = self.policy.plan
        self._charger.keep_within(most_on=int(held_to.budget_w / held_to.camera_w))
        try:
            reading = await self._charger.read()
        except ChargerUnreachable as error:
            # The leases of what is cut run out by themselves; nothing is known until it answers.
            self.slots, self.drawn_w = {}, None
            self._power.go_on_where_idle()
            await self._problems.open(error.slug, subject=_HUB, reason=error.reason)
            return
        await self._problems.clear(ChargerUnreachable.slug, subject=_HUB)
        self._agree_with(reading)
        await self._say_who_left()
        await self._keep_records()
        plan = await self._decided(reading)
        wrong = await self._carry_out(plan.orders)
        for slot, reason in self._view.nonsense.items():
            wrong["charge-reading-refused", slot] = reason
        for problem in plan.problems:
            wrong[problem.slug, problem.slot] = problem.reason
        for trouble in reading.troubles:
            wrong[trouble.slug, trouble.slot] = trouble.reason
        for slot in self._cut_off:
            wrong["cut-while-busy", slot] = _CUT_OFF
        await self._say(wrong)
        for slot, seen in self.slots.items():
            await self._charger.light(slot, seen.light)

    def _agree_with(self, reading: ChargerReading) -> None:
        """Go by the ports as they are: a lease may have ended, or another dockd have cut one."""
        now_s = self._clock.monotonic_s()
        for trouble in reading.troubles:
            if trouble.slug == PortNotSwitchable.slug and trouble.slot:
                self._stuck_until_s[trouble.slot] = now_s + _TRY_AGAIN_S
        # A charging hub begins with power and no data, and in that nobody is ever seen.
        self._without_data = {
            slot for slot, port in reading.ports.items() if port.mode is PortMode.CHARGE
        }
        for slot, port in reading.ports.items():
            if port.mode is PortMode.OFF and not self._power.is_cut(slot):
                self._power.found_cut(slot, CutKind.SAFETY)
                self._found_s[slot] = now_s
                self._board.cut(slot)
            elif port.mode is PortMode.SYNC and self._power.is_cut(slot):
                self._have_power(slot)

    async def _decided(self, reading: ChargerReading) -> Plan:
        """Return the plan for those ports that follow; the others are on, and so is their share."""
        now_s = self._clock.monotonic_s()
        for slot in [slot for slot, until_s in self._stuck_until_s.items() if until_s <= now_s]:
            del self._stuck_until_s[slot]
        views = await self._view.slots(reading, given_up=self._given_up(now_s))
        moment = self._moment()
        self.slots = self._forecast(views, has_shifts=bool(moment.due))
        drawn = [port.power_w for port in reading.ports.values() if port.power_w is not None]
        self.drawn_w = sum(drawn) if drawn else None
        stuck = sum(view.slot in self._stuck_until_s for view in views)
        policy = replace(
            self.policy.plan,
            budget_w=max(0.0, self.policy.plan.budget_w - stuck * self.policy.plan.camera_w),
            can_switch=PortMode.OFF in self._charger.switchable,
        )
        following = [view for view in views if view.slot not in self._stuck_until_s]
        plan = charge_plan.plan(following, policy=policy, now=moment, memory=self._memory)
        self._memory = plan.memory
        return plan

    def _forecast(self, views: Sequence[SlotView], *, has_shifts: bool) -> Mapping[str, SlotCharge]:
        """Return what people are told of the slots, and when each camera will be ready."""
        now_s = self._clock.monotonic_s()
        known = self._memory.slots.items()
        forecasts = self._forecasts.look(
            views,
            snapshots={snapshot.slot: snapshot for snapshot in self._board.snapshots()},
            footage=self._view.footage,
            released=frozenset(slot for slot, one in known if one.released_for is not None),
            has_shifts=has_shifts,
            policy=self.policy.plan,
            now_s=now_s,
        )
        enough = enough_percent(self.policy.plan, has_shifts=has_shifts)
        self.enough_percent = enough
        return self._view.charges(views, enough_percent=enough, forecasts=forecasts, now_s=now_s)

    async def _keep_records(self) -> None:
        """Record how those cameras charged that are not here any more."""
        ended = self._forecasts.ended(self._board.snapshots(), away=self._power.away())
        for measured in ended:
            self._heard_error(measured)
        if ended:
            await self._ledger.record(*ended)

    def _heard_error(self, measured: facts.ChargeMeasured) -> None:
        if measured.forecast_s is not None and measured.ready_s is not None:
            self.forecast_errors_s.append(abs(measured.ready_s - measured.forecast_s))

    def _moment(self) -> Moment:
        """Return now; a clock that nobody vouches for tells of no shift."""
        wall = self._clock.now() if self._clock.synchronisation().synchronised else None
        due = (
            ()
            if wall is None
            else upcoming(self.policy.shifts, now=wall, timezone=self.policy.timezone)
        )
        return Moment(monotonic_s=self._clock.monotonic_s(), wall=wall, due=due)

    def _given_up(self, now_s: float) -> frozenset[str]:
        """Return the slots in which work was asked to end, and has not for too long."""
        return self._power.asked_before(now_s - GIVE_WAY_S)

    async def _carry_out(self, orders: Sequence[PortOrder]) -> dict[tuple[str, str], str]:
        """Do what was decided; return what went wrong, by slug and slot."""
        wrong: dict[tuple[str, str], str] = {}
        may_restore = True
        self._power.go_on_where_idle(but={order.slot for order in orders})
        for order in orders:
            try:
                done = await self._obey(order, may_restore=may_restore)
            except DockdError as error:
                done = False
                wrong[error.slug, order.slot] = error.reason
                if isinstance(error, PortNotSwitchable):
                    until_s = self._clock.monotonic_s() + _TRY_AGAIN_S
                    self._stuck_until_s[order.slot] = until_s
            may_restore = may_restore and (done or order.mode is PortMode.SYNC)
        for slot in self._stuck_until_s:
            if self._power.is_cut(slot):
                await self._give_up(slot, wrong)
        return wrong

    async def _obey(self, order: PortOrder, *, may_restore: bool) -> bool:
        """Do one thing; return whether it is as it should be."""
        slot = order.slot
        if order.quiesce:
            self._power.ask_to_yield(slot, now_s=self._clock.monotonic_s())
        elif order.mode is not PortMode.SYNC:
            return await self._cut(order)
        elif self._power.is_cut(slot):
            if may_restore:
                await self._restore(order)
        elif slot in self._without_data:
            await self._charger.switch(slot, PortMode.SYNC, kind=order.kind, lease_s=0)
        else:
            self._power.go_on(slot)
        return True

    async def _cut(self, order: PortOrder) -> bool:
        """Cut a port, or renew its lease; return whether it is off."""
        slot, now_s = order.slot, self._clock.monotonic_s()
        in_force = self._power.cuts().get(slot)
        # What was cut for safety stays so until it is given back as that, whatever keeps it dark.
        kind = in_force if in_force is CutKind.SAFETY else order.kind
        if in_force is kind and now_s - self._renewed_s.get(slot, 0) < self._renew_s:
            return True
        is_forced = order.kind is CutKind.SAFETY and slot in self._given_up(now_s)
        if in_force is None and self._power.is_at_work(slot) and not is_forced:
            # Begun since the plan was told that it was idle: the next turn decides anew.
            return False
        try:
            async with self._power.cutting(slot, kind, is_forced=is_forced):
                await self._charger.switch(
                    slot, order.mode, kind=order.kind, lease_s=self.policy.lease_s
                )
        except DockdError:
            if in_force is None:
                self._have_power(slot)
            raise
        self._renewed_s[slot] = now_s
        if in_force is None:
            if self._power.is_at_work(slot):
                self._cut_off.add(slot)
            self._board.cut(slot)
        return True

    @property
    def _renew_s(self) -> float:
        # Twice before it ends, so that one answer that does not come gives nothing back.
        return self.policy.lease_s / 3

    async def _restore(self, order: PortOrder) -> None:
        kind = self._kind_of_cut(order.slot)
        await self._charger.switch(order.slot, PortMode.SYNC, kind=kind, lease_s=0)
        self._have_power(order.slot)

    def _kind_of_cut(self, slot: str) -> CutKind:
        """Return as what a cut is to be ended.

        One that was found may have had a reason that nobody can look at now: as long as a battery
        takes to cool it is given back only if it was a lease; the charger refuses if it was not.
        """
        found_s = self._found_s.get(slot)
        if found_s is not None and self._clock.monotonic_s() - found_s < COOLS_WITHIN_S:
            return CutKind.BUDGET
        return self._power.cuts()[slot]

    async def _give_up(self, slot: str, wrong: dict[tuple[str, str], str]) -> None:
        """Have power where a cut is only said to be one, and nobody would look at the camera."""
        kind = self._kind_of_cut(slot)
        try:
            await self._charger.switch(slot, PortMode.SYNC, kind=kind, lease_s=0)
        except (PortNotSwitchable, CutForSafety, HelperRefused, ChargerUnreachable) as error:
            wrong.setdefault((error.slug, slot), error.reason)
        else:
            self._have_power(slot)

    def _have_power(self, slot: str) -> None:
        self._renewed_s.pop(slot, None)
        self._found_s.pop(slot, None)
        self._cut_off.discard(slot)
        self._power.restored(slot, now_s=self._clock.monotonic_s())
        if not self._power.is_awaited(slot):
            self._board.has_power(slot)

    async def _say_who_left(self) -> None:
        """Record the cameras that did not come back with the power."""
        now_s = self._clock.monotonic_s()
        missed = self._power.overdue(now_s=now_s)
        if not missed:
            return
        left: list[facts.Fact] = []
        for one in missed:
            self._board.has_power(one.slot)
            reason = f"slot {one.slot} has power again and shows no camera"
            left.append(facts.LeftWhileCut(docking=one.docking, reason=reason))
        try:
            await self._ledger.record(*left)
        except DockdError:
            self._power.unsaid(missed, now_s=now_s)
            raise

    async def _say(self, wrong: Mapping[tuple[str, str], str]) -> None:
        """Open what is wrong now, and clear what was and is not any more."""
        said = said_of_ports(self._problems) if self._said is None else self._said
        stuck = {(PortNotSwitchable.slug, slot) for slot in self._stuck_until_s}
        for slug, slot in sorted(said - wrong.keys() - stuck):
            await self._problems.clear(slug, subject=_subject(slot))
        self._said = (said & stuck) | set(wrong)
        for (slug, slot), reason in wrong.items():
            await self._problems.open_or_reword(slug, subject=_subject(slot), reason=reason)


def said_of_ports(problems: ProblemBoard) -> set[tuple[str, str]]:
    """Return what stands of the ports and their charger, by slug and slot ("": the charger)."""
    return {
        (problem.slug, problem.subject.removeprefix(_PORT) if problem.subject != _HUB else "")
        for problem in problems.current()
        if problem.subject == _HUB
        or (problem.subject.startswith(_PORT) and problem.slug not in WORN_SLUGS)
    }


async def forget_charging(problems: ProblemBoard) -> None:
    """Let go of what was said of ports, charger and wear, where nothing is charged any more."""
    for slug, slot in said_of_ports(problems):
        await problems.clear(slug, subject=_subject(slot))
    for problem in problems.current():
        if problem.slug in WORN_SLUGS:
            await problems.clear(problem.slug, subject=problem.subject)


def _subject(slot: str) -> str:
    # Not the slot itself: what that has is cleared with each camera that comes.
    return f"{_PORT}{slot}" if slot else _HUB
