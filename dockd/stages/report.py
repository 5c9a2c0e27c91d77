"""What the station says of itself: the ledger's facts and the boards, in the shapes of `answers`.

Implements `ports.station.StationView`. It only reads; asking it costs the stages nothing but
their turn on the loop.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from statistics import median

from dockd.core import facts
from dockd.core.charge_curve import FULL_PERCENT
from dockd.core.clearance import is_set_aside
from dockd.core.clip import Clip, Place, place
from dockd.core.explain import Situation, explain
from dockd.core.health import Problem, health_of
from dockd.core.readiness import Candidate, issue_order
from dockd.core.slot import Advice
from dockd.core.turn import Turn
from dockd.core.wear import Part
from dockd.errors import DockdError, NotFound, RequestInvalid
from dockd.ports import answers
from dockd.ports.clock import Clock
from dockd.ports.ledger import ClipFilter, Completeness, DockingRow, Ledger, Queue, Tally
from dockd.ports.spool import Space, Spool
from dockd.ports.station import ClipQuery, HealthDocument, Measurements
from dockd.stages import copying, describe
from dockd.stages.board import SlotBoard, SlotSnapshot
from dockd.stages.charge import Charge
from dockd.stages.gaps import Gaps
from dockd.stages.problems import ProblemBoard
from dockd.stages.rack_view import SlotCharge, model_of, quoted
from dockd.stages.shared_holds import SharedHolds
from dockd.stages.threads import in_thread
from dockd.stages.turns import Turns
from dockd.stages.uplink import UplinkBoard
from dockd.stages.wear_watch import WearWatch
from dockd.stages.wellness import Wellness

_DOCKINGS_AT_ONCE = 1000
_DOCKINGS_SHOWN = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportPolicy:
    """Who the station is and what it is configured to do; replaced on a reload."""

    station: str
    site: str
    version: str
    required: int
    stores: frozenset[str]
    wiping: bool
    power_driver: str
    budget_w: float


class Report:
    """The station, for reading."""

    def __init__(  # noqa: PLR0913  what is read comes from as many parts as a station has
        self,
        *,
        ledger: Ledger,
        spool: Spool,
        board: SlotBoard,
        problems: ProblemBoard,
        uplink: UplinkBoard,
        clock: Clock,
        policy: ReportPolicy,
        wellness: Wellness,
        shared_holds: SharedHolds,
    ) -> None:
        """``policy`` may be replaced; ``listen`` is set once TCP is bound.

        ``turns``, the lines to the configured stores, are set where there are any; ``charge``
        where the station switches or measures what powers its slots.
        """
        self.turns: Sequence[Turns] = ()
        self.charge: Charge | None = None
        self.wear: WearWatch | None = None
        self._ledger = ledger
        self._spool = spool
        self._board = board
        self._problems = problems
        self._uplink = uplink
        self._gaps = Gaps(ledger)
        self._clock = clock
        self.policy = policy
        self.listen = ""
        self._wellness = wellness
        self._shared_holds = shared_holds
        self._began_s = clock.monotonic_s()
        self._checkpoint = answers.CheckpointReport(sequence=0, root="")

    def heard(self, committed: Sequence[facts.Fact]) -> None:
        """Take in what was committed about checkpoints."""
        for fact in committed:
            if isinstance(fact, facts.Checkpointed):
                self._checkpoint = answers.CheckpointReport(sequence=fact.sequence, root=fact.root)

    async def status(self) -> answers.StatusReport:
        """Return the whole station at a glance."""
        found = self._problems.current()
        space, queue = await self._space(), await self._ledger.queue()
        head = await self._ledger.head()
        uplink = self._uplink.uplink()
        synchronisation = self._clock.synchronisation()
        return answers.StatusReport(
            station=self.policy.station,
            site=self.policy.site,
            version=self.policy.version,
            time=self._now(),
            uptime_s=int(self._uptime_s()),
            health=health_of(problems=found),
            listen=self.listen,
            slots=(await self.slots()).slots,
            spool=_spool_report(space),
            stores=tuple(
                answers.StoreReport(
                    name=store.name,
                    breaker=store.breaker,
                    receipt_strength=store.strength,
                    last_receipt=store.last_receipt,
                )
                for store in self._uplink.stores()
            ),
            uplink=answers.UplinkReport(
                rate_bytes_s=uplink.rate_bytes_s,
                limit_bytes_s=uplink.limit_bytes_s,
                queued_clips=queue.clips,
                queued_bytes=queue.size_bytes,
                oldest_unstored_s=int(self._oldest_s(queue)),
            ),
            power=answers.PowerReport(
                driver=self.policy.power_driver,
                budget_w=self.policy.budget_w,
                drawn_w=self.charge.drawn_w if self.charge else None,
            ),
            clock=answers.ClockReport(
                synchronised=synchronisation.synchronised, offset_s=synchronisation.offset_s
            ),
            ledger=answers.LedgerReport(
                id=head.ledger_id,
                epoch=head.epoch,
                events=head.sequence,
                checkpoint=self._checkpoint,
            ),
            problems=tuple(describe.problem_report(problem) for problem in found),
        )

    async def slots(self) -> answers.SlotPage:
        """Return all slots."""
        snapshots = self._board.snapshots()
        docked = [one.docking for one in snapshots if one.docking is not None]
        tallies = await self._ledger.tallies(docked)
        charges = self._charges(snapshots)
        reports = [
            self._slot(one, tally=tallies.get(one.docking or ""), charging=charges.get(one.slot))
            for one in snapshots
        ]
        order = await self._issue_order(reports, charges)
        ordered = (replace(report, issue=order.get(report.slot)) for report in reports)
        return answers.SlotPage(slots=tuple(ordered), next=None)

    async def _issue_order(
        self, reports: Sequence[answers.SlotReport], charges: Mapping[str, SlotCharge]
    ) -> Mapping[str, int]:
        """Return in which order the cameras that may be taken should be, from 1, by slot."""
        free = {
            report.slot: report.camera
            for report in reports
            if report.advice == Advice.TAKE and report.camera is not None
        }
        stays = await self._ledger.stays(list(free.values())) if free else {}
        candidates = [
            Candidate(
                slot=slot,
                camera=camera,
                charge=charges[slot].charge if slot in charges else None,
                dockings=stays[camera],
            )
            for slot, camera in free.items()
        ]
        enough = self.charge.enough_percent if self.charge else FULL_PERCENT
        ranked = issue_order(candidates, enough_percent=enough)
        return {one.slot: place for place, one in enumerate(ranked, start=1)}

    def _charges(self, snapshots: Sequence[SlotSnapshot]) -> Mapping[str, SlotCharge]:
        if self.charge is not None:
            return self.charge.slots
        return quoted(snapshots, now_s=self._clock.monotonic_s())

    def _slot(
        self, snapshot: SlotSnapshot, *, tally: Tally | None, charging: SlotCharge | None
    ) -> answers.SlotReport:
        return describe.slot_report(
            snapshot,
            tally=tally,
            problems=self._problems_of(snapshot.slot),
            charging=charging,
            ready_at=self._at(charging.ready_at_s if charging else None),
        )

    def _problems_of(self, slot: str) -> Sequence[Problem]:
        return (
            *self._problems.of_subject(f"slot {slot}"),
            *self._problems.of_subject(f"port {slot}"),
        )

    async def clips(self, query: ClipQuery) -> answers.ClipPage:
        """Return some clips.

        Raises:
            RequestInvalid: the cursor is not one that a page before gave.
        """
        after = query.after or "0"
        if not after.isascii() or not after.isdecimal():
            raise RequestInvalid(f"after={after!r} is not a cursor of this list")
        wanted = ClipFilter(
            camera=query.camera,
            docking=query.docking,
            place=query.place,
            held=query.held,
            after=int(after),
            limit=query.limit,
        )
        found = await self._ledger.clips(wanted)
        more = len(found) == query.limit and bool(found)
        return answers.ClipPage(
            clips=tuple(await self._clips(found)), next=str(found[-1].number) if more else None
        )

    async def clip(self, reference: str) -> answers.ClipDetail:
        """Return one clip and its history. Raises NotFound."""
        clip = await self._ledger.find(reference)
        [report] = await self._clips([clip])
        return describe.clip_detail(report, history=await self._ledger.history(clip.number))

    async def _set_aside(self) -> frozenset[str]:
        return await self._ledger.set_aside() | self._shared_holds.standing().subjects

    async def _clips(self, clips: Sequence[Clip]) -> Sequence[answers.ClipReport]:
        """Return some clips as they are shown, after one question to the ledger for all of them."""
        set_aside, sent = await self._set_aside(), await self._ledger.sent(clips)
        docked = {slot.docking for slot in self._board.snapshots()}
        copied_in_s = await self._copied_in_s(clips)
        problems, now = self._problems.current(), self._clock.now()
        reports = []
        for clip in clips:
            at = place(clip, required=self.policy.required, stores=self.policy.stores)
            situation = Situation(
                clip=clip,
                place=at,
                docked=clip.docking in docked,
                set_aside=is_set_aside(clip, set_aside),
                stores=self.policy.stores,
                transfers=sent[clip.number].transfers,
                problems=problems,
                wiping=self.policy.wiping,
                turn=await self._turn(clip) if at is Place.VERIFIED else None,
                copied_in_s=copied_in_s.get(clip.docking),
            )
            report = describe.clip_report(
                clip,
                place=at,
                sent=sent[clip.number],
                explanation=explain(situation),
                now=now,
            )
            reports.append(report)
        return reports

    async def _copied_in_s(self, clips: Sequence[Clip]) -> Mapping[str, float | None]:
        """Return how long each docking takes to copy that any of some clips is in, where docked."""
        wanted = {clip.docking for clip in clips}
        slots = {one.docking: one for one in self._board.snapshots() if one.docking in wanted}
        if not slots:
            return {}
        tallies = await self._ledger.tallies(list(slots))
        return {
            docking: copying.seconds_left(slots[docking], tally=tally, now=self._clock.now())
            for docking, tally in tallies.items()
        }

    async def _turn(self, clip: Clip) -> Turn | None:
        """Return when it is sent to the first store that is still to have it."""
        for turns in self.turns:
            if (turn := await turns.of(clip)) is not None:
                return turn
        return None

    async def dockings(self, *, camera: str | None, after: str, limit: int) -> answers.DockingPage:
        """Return some dockings, in the order of their ids."""
        rows = await self._ledger.dockings(camera=camera, after=after, limit=limit)
        more = len(rows) == limit and bool(rows)
        return answers.DockingPage(
            dockings=tuple(describe.docking_report(row) for row in rows),
            next=rows[-1].docking if more else None,
        )

    async def camera(self, serial: str) -> answers.CameraReport:
        """Return one camera. Raises NotFound when it was never docked here."""
        rows = await self._all_dockings(serial)
        if not rows:
            raise NotFound(f"no camera {serial!r} was ever docked here")
        here = next((slot for slot in self._board.snapshots() if slot.camera == serial), None)
        return answers.CameraReport(
            camera=serial,
            slot=here.slot if here else None,
            docking=here.docking if here else None,
            held=serial in await self._set_aside(),
            completeness=await self.completeness(camera=serial),
            dockings=tuple(describe.docking_report(row) for row in rows[-_DOCKINGS_SHOWN:]),
            problems=tuple(
                describe.problem_report(problem)
                for problem in self._problems.current()
                if problem.subject.split(" ")[:2] == ["camera", serial]
            ),
            wear=describe.wear_report(self.wear.verdicts.get((Part.CAMERA, serial)))
            if self.wear
            else None,
            battery=describe.battery_report(model_of(rows)),
        )

    async def _all_dockings(self, serial: str) -> Sequence[DockingRow]:
        rows: list[DockingRow] = []
        while True:
            after = rows[-1].docking if rows else ""
            page = await self._ledger.dockings(camera=serial, after=after, limit=_DOCKINGS_AT_ONCE)
            rows.extend(page)
            if len(page) < _DOCKINGS_AT_ONCE:
                return rows

    async def completeness(
        self, *, camera: str | None, day: date | None = None
    ) -> answers.CompletenessReport:
        """Return where every original ever seen is."""
        found: Completeness = await self._ledger.completeness(camera=camera, day=day)
        if camera is not None:
            cameras: Sequence[str] = [camera]
        elif day is not None:
            cameras = await self._ledger.cameras_of(day)
        else:
            cameras = [slot.camera for slot in self._board.snapshots() if slot.camera is not None]
        return describe.completeness_report(found, gaps=await self._gaps.of(cameras))

    async def problems(self) -> answers.ProblemPage:
        """Return the open problems."""
        reports = tuple(describe.problem_report(found) for found in self._problems.current())
        return answers.ProblemPage(problems=reports, next=None)

    async def measurements(self) -> Measurements:
        """Return the numbers behind the metrics."""
        tally, queue, head = (
            await self._ledger.tally(),
            await self._ledger.queue(),
            await self._ledger.head(),
        )
        completeness = await self._ledger.completeness()
        space, uplink = await self._space(), self._uplink.uplink()
        synchronisation = self._clock.synchronisation()
        errors = self.charge.forecast_errors_s if self.charge else ()
        return Measurements(
            version=self.policy.version,
            uptime_s=self._uptime_s(),
            clips={at: tally.clips.get(at, 0) for at in Place},
            clip_bytes={at: tally.size_bytes.get(at, 0) for at in Place},
            slots=Counter(
                describe.state_of(slot, self._problems_of(slot.slot))
                for slot in self._board.snapshots()
            ),
            problems=Counter(
                (problem.slug, problem.severity) for problem in self._problems.current()
            ),
            oldest_unstored_s=self._oldest_s(queue),
            spool_used_bytes=space.used_bytes,
            spool_free_bytes=space.free_bytes,
            spool_reserve_bytes=space.reserve_bytes,
            spool_accepting=space.accepting,
            offloaded_bytes=self._board.bytes_read_ever,
            uploaded_bytes=self._uplink.sent_bytes(),
            breakers={store.name: store.breaker for store in self._uplink.stores()},
            queued_clips=queue.clips,
            queued_bytes=queue.size_bytes,
            wiped_clips=completeness.at.get(Place.WIPED, 0),
            uplink_rate_bytes_s=uplink.rate_bytes_s,
            uplink_limit_bytes_s=uplink.limit_bytes_s,
            ledger_events=head.sequence,
            ledger_epoch=head.epoch,
            clock_synchronised=synchronisation.synchronised,
            clock_offset_s=synchronisation.offset_s,
            forecast_error_s=median(errors) if errors else None,
        )

    async def healthz(self) -> HealthDocument:
        """Return whether the daemon is alive."""
        return await self._wellness.healthz()

    async def readyz(self) -> HealthDocument:
        """Return whether the station can do its work."""
        return await self._wellness.readyz()

    async def _space(self) -> Space:
        """Return the spool's space; nothing at all while it is not the spool it was."""
        try:
            return await in_thread(self._spool.space)
        except (DockdError, OSError):
            return Space(used_bytes=0, free_bytes=0, reserve_bytes=0, accepting=False)

    def _oldest_s(self, queue: Queue) -> float:
        if queue.oldest_verified_at is None:
            return 0.0
        since = datetime.fromisoformat(queue.oldest_verified_at)
        # The wall clock may have been set back since.
        return max(0.0, (self._clock.now() - since).total_seconds())

    def _uptime_s(self) -> float:
        return self._clock.monotonic_s() - self._began_s

    def _at(self, at_s: float | None) -> datetime | None:
        """Return the wall's time of a moment of the monotonic clock."""
        if at_s is None:
            return None
        return self._clock.now() + timedelta(seconds=at_s - self._clock.monotonic_s())

    def _now(self) -> str:
        return f"{self._clock.now():%Y-%m-%dT%H:%M:%SZ}"


def _spool_report(space: Space) -> answers.SpoolReport:
    return answers.SpoolReport(
        used_bytes=space.used_bytes,
        free_bytes=space.free_bytes,
        reserve_bytes=space.reserve_bytes,
        accepting=space.accepting,
    )
