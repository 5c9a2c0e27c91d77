"""Readings to the charge plan, and what that orders to the ports (`port_switching`).

Every few seconds; what is wrong with them is said once, and what was said ends with its cause.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, tzinfo
from typing import Final

from dockd.core import charge_plan, charge_release, facts
from dockd.core.charge_words import Moment, Plan, PlanMemory, PlanPolicy, SlotView
from dockd.core.port_power import CutKind, PortMode
from dockd.core.shifts import Shift, upcoming
from dockd.errors import ChargerUnreachable, DockdError, NotFound, PortNotSwitchable, Refused
from dockd.ports.charger import Charger, ChargerReading
from dockd.ports.clock import Clock
from dockd.ports.ledger import Ledger
from dockd.stages.board import SlotBoard
from dockd.stages.forecasts import Forecasts, enough_percent
from dockd.stages.port_switching import PortSwitching
from dockd.stages.problems import ProblemBoard
from dockd.stages.rack_view import RackView, SlotCharge
from dockd.stages.slot_power import SlotPower
from dockd.stages.slot_silence import SLUG as SILENT
from dockd.stages.slot_silence import SlotSilence
from dockd.stages.wear_watch import WORN_SLUGS

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
        self._ports = PortSwitching(
            charger, board=board, power=power, clock=clock, lease_s=policy.lease_s
        )
        self._view = RackView(ledger=ledger, board=board, power=power)
        self._forecasts = Forecasts()
        self._silence = SlotSilence()
        self._silent: Mapping[str, str] = {}
        self._memory = PlanMemory()
        self._seen: Mapping[str, SlotView] = {}
        self._released: set[str] = set()
        # None until the first look: an earlier run may have said something that stands no longer.
        self._said: set[tuple[str, str]] | None = None
        self.slots: Mapping[str, SlotCharge] = {}
        self.drawn_w: float | None = None
        self.enough_percent = policy.plan.enough_percent
        self.forecast_errors_s: deque[int] = deque(maxlen=_FORECASTS_KEPT)

    def check_release(self, slot: str) -> None:
        """Do nothing if a person may lift a slot's safety cut.

        Raises:
            NotFound: there is no such slot.
            Refused: it is not cut for safety, or what it is cut for is measured still.
        """
        if slot not in {one.slot for one in self._board.snapshots()}:
            raise NotFound(f"there is no slot {slot!r} here")
        if slot not in self._seen:
            raise Refused(f"the port of slot {slot} was not looked at yet: ask again in a moment")
        because = charge_release.refused_because(
            self._memory.slots.get(slot),
            self._seen.get(slot),
            is_cut=self._power.cuts().get(slot) is CutKind.SAFETY,
        )
        if because is not None:
            raise Refused(f"the safety cut of slot {slot} is not lifted: {because}")

    def heard(self, committed: Sequence[facts.Fact]) -> None:
        """Note which safety cuts were lifted; the next turn acts on it."""
        self._released |= {
            fact.slot for fact in committed if isinstance(fact, facts.SafetyCutReleased)
        }

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
        self._ports.lease_s = self.policy.lease_s
        self._ports.agree_with(reading)
        await self._say_who_left()
        await self._keep_records()
        plan = await self._decided(reading)
        wrong = await self._ports.carry_out(plan.orders)
        for slot, reason in self._view.nonsense.items():
            wrong["charge-reading-refused", slot] = reason
        for slot, reason in self._silent.items():
            wrong[SILENT, slot] = reason
        for problem in plan.problems:
            wrong[problem.slug, problem.slot] = problem.reason
        for trouble in reading.troubles:
            wrong[trouble.slug, trouble.slot] = trouble.reason
        await self._say(wrong)
        for slot, seen in self.slots.items():
            await self._charger.light(slot, seen.light)

    async def _decided(self, reading: ChargerReading) -> Plan:
        """Return the plan; ports that do not follow are on, and so is their share."""
        stuck = self._ports.stuck()
        seen = await self._view.slots(
            reading, given_up=self._ports.given_up(), now_s=self._clock.monotonic_s()
        )
        views = [replace(view, follows=view.slot not in stuck) for view in seen]
        moment = self._moment()
        self._silent = self._silence.look(
            views, spoken_for=self._spoken_for(), now_s=moment.monotonic_s
        )
        self.slots = self._forecast(views, has_shifts=bool(moment.due))
        drawn = [port.power_w for port in reading.ports.values() if port.power_w is not None]
        self.drawn_w = sum(drawn) if drawn else None
        can_switch = PortMode.OFF in self._charger.switchable
        policy = replace(self.policy.plan, can_switch=can_switch)
        self._seen = {view.slot: view for view in views}
        memory = self._with_released(self._memory)
        plan = charge_plan.plan(views, policy=policy, now=moment, memory=memory)
        self._memory = plan.memory
        return plan

    def _with_released(self, memory: PlanMemory) -> PlanMemory:
        """Return the memory without the dangers that a person lifted."""
        slots = dict(memory.slots)
        for slot in self._released:
            self._ports.release(slot)
            if slot in slots:
                slots[slot] = charge_release.released(slots[slot])
        self._released.clear()
        return replace(memory, slots=slots)

    def _spoken_for(self) -> frozenset[str]:
        """Return the slots of whose device something is said already: that it is refused, say."""
        subjects = {problem.subject for problem in self._problems.current()}
        return frozenset(
            slot.slot for slot in self._board.snapshots() if f"slot {slot.slot}" in subjects
        )

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
            samples=self._view.samples,
        )
        enough = enough_percent(self.policy.plan, has_shifts=has_shifts)
        self.enough_percent = enough
        return self._view.charges(
            views,
            enough_percent=enough,
            forecasts=forecasts,
            refused=self._spoken_for() | self._silent.keys(),
            now_s=now_s,
        )

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
        stuck = {(PortNotSwitchable.slug, slot) for slot in self._ports.stuck()}
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
    """Let go of what was said of ports and their charger, where nothing is charged any more."""
    for slug, slot in said_of_ports(problems):
        await problems.clear(slug, subject=_subject(slot))


def _subject(slot: str) -> str:
    # Not the slot itself: what that has is cleared with each camera that comes.
    return f"{_PORT}{slot}" if slot else _HUB
