"""One stay of one camera in one slot: identify, charge beside (offload, then wipe)."""

import asyncio
import math
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Final

from dockd.core import backoff, facts, naming
from dockd.core.backoff import Backoff
from dockd.core.slot import SlotEvent
from dockd.errors import CameraGone, DockdError, PermanentError, SpoolFull
from dockd.ports.camera import Camera, CameraSource, Sighting
from dockd.ports.clock import Clock
from dockd.ports.ledger import Ledger
from dockd.stages.board import SlotBoard
from dockd.stages.offload import Offload
from dockd.stages.problems import ProblemBoard
from dockd.stages.slot_power import Paused, SlotPower
from dockd.stages.stay import Stay
from dockd.stages.threads import in_thread, obtained
from dockd.stages.wipe import NewFootage, Wipe

_AWAY: Final = "dockd was away"
# Each cut of its slot begins another one.
_DOCKINGS_LOOKED_AT: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class DockingPolicy:
    """How a stay retries and how often it looks again.

    ``look_again_s``: seconds after which a quiet camera is listed again. ``gather_s``: seconds in
    which further receipts are awaited before a wipe of some of the clips, so that the camera is
    made writable once and not for each clip.
    """

    look_again_s: float = 60.0
    gather_s: float = 1.0
    gather_times: float = 4.0
    retry: Backoff = field(default_factory=lambda: Backoff(base_s=1.0, cap_s=60.0))


class Docking:
    """Runs stays; one object serves all slots of a family."""

    def __init__(  # noqa: PLR0913  a stay touches as many parts as a docking has
        self,
        source: CameraSource,
        *,
        ledger: Ledger,
        offload: Offload,
        wipe: Wipe,
        board: SlotBoard,
        power: SlotPower,
        problems: ProblemBoard,
        clock: Clock,
        policy: DockingPolicy,
    ) -> None:
        """Join what a stay needs; nothing happens yet."""
        self._source = source
        self._ledger = ledger
        self._offload = offload
        self._wipe = wipe
        self._board = board
        self._power = power
        self._problems = problems
        self._clock = clock
        self._policy = policy

    async def stay(self, sighting: Sighting) -> None:
        """Live through one stay; returns only by being cancelled, or when the camera left."""
        camera: Camera | None = None
        try:
            camera = await self._opened(sighting)
        finally:
            if camera is None:
                self._show_left(sighting.slot)
        if camera is None:
            return
        docking = naming.docking_id(self._clock.now(), random_bytes=self._clock.random_bytes(4))
        stay = Stay(
            docking=docking,
            camera=camera,
            must_yield=lambda: self._power.must_yield(sighting.slot),
        )
        reason = "dockd stopped"
        try:
            with self._power.engaged(camera.slot):
                await self._begin(stay, family=sighting.family)
                self._show(stay)
                await self._say_whether_dirty(camera)
            await self._live(stay)
        except CameraGone:
            reason = "the camera left"
        finally:
            # Asked here and at once: behind an await, a second cancellation would leave the stay
            # without its end.
            if not camera.is_present():
                reason = "the camera left"
            with self._power.engaged(camera.slot):
                await self._end(stay, reason=reason)

    async def _opened(self, sighting: Sighting) -> Camera | None:
        """Return the camera, once it lets itself be opened; None when it left before that."""
        attempt = 0
        said: set[str] = set()
        while True:
            try:
                async with self._power.work(sighting.slot):
                    self._board.saw(sighting)
                    camera = await obtained(
                        lambda: self._source.open(sighting), give_back=lambda camera: camera.close()
                    )
            except CameraGone:
                return None
            except DockdError as error:
                # What keeps it closed now takes the place of what did before.
                await self._forget(sighting.slot, said - {error.slug})
                said = {error.slug}
                await self._trouble(sighting.slot, error)
                attempt += 1
                await self._pause(attempt)
            else:
                await self._forget(sighting.slot, said)
                return camera

    async def _forget(self, slot: str, slugs: Iterable[str]) -> None:
        await self._problems.clear_all(slugs, subject=f"slot {slot}")

    async def _say_whether_dirty(self, camera: Camera) -> None:
        """Say that a medium was not closed properly, until its camera comes with a clean one."""
        subject = f"camera {camera.serial}"
        if not camera.medium.dirty:
            await self._problems.clear("camera-dirty", subject=subject)
            return
        await self._problems.open(
            "camera-dirty",
            subject=subject,
            slot=camera.slot,
            detail=f"{camera.medium.file_system}, and was not closed properly",
        )

    async def _begin(self, stay: Stay, *, family: str) -> None:
        """Record that the stay began; a ledger that cannot take it now is asked again.

        Raises:
            CameraGone: the camera left before that.
        """
        slot, serial = stay.camera.slot, stay.camera.serial
        continued, left = self._power.seen(slot, serial)
        where = f"{serial} was seen in slot {slot}"
        gone = (facts.LeftWhileCut(docking=one.docking, reason=where) for one in left)
        try:
            await self._record_begun(stay, *gone, _beginning(stay, family=family, after=continued))
        except BaseException:
            away = left if continued is None else (continued, *left)
            self._power.unsaid(away, now_s=self._clock.monotonic_s())
            raise
        stay.begun = True

    async def _record_begun(self, stay: Stay, *recorded: facts.DockingFact) -> None:
        camera = stay.camera
        attempt = 0
        while True:
            try:
                await self._ledger.record(*recorded)
            except DockdError as error:
                await self._trouble(camera.slot, error)
            else:
                return
            attempt += 1
            await self._pause(attempt)
            if not await in_thread(camera.is_present):
                raise CameraGone(f"{camera.serial} left slot {camera.slot}")

    async def _live(self, stay: Stay) -> None:
        """Offload, wait for receipts, wipe; again whenever something is left to do."""
        attempt = 0
        while True:
            try:
                async with self._power.work(stay.camera.slot):
                    await self._offload_all(stay)
                attempt = 0
                await self._wipe_as_receipts_come(stay)
            except CameraGone:
                if not await in_thread(stay.camera.is_present):
                    raise
                attempt += 1
            except NewFootage:
                attempt += 1
            except DockdError as error:
                await self._trouble(stay.camera.slot, error)
                attempt += 1
            await self._pause(attempt)

    async def _offload_all(self, stay: Stay) -> None:
        # A cut that was none took it off the board, and its stay went on.
        self._show(stay)
        self._board.event(stay.camera.slot, SlotEvent.IDENTIFIED)
        await self._hear_battery(stay)
        clips = await self._offload.run(stay)
        if stay.news:
            await self._ledger.record(facts.DockingOffloaded(docking=stay.docking, clips=clips))
            stay.news = False
        for problem in self._problems.of_subject(f"slot {stay.camera.slot}"):
            # That is about the wipe, which says itself when it works again.
            if problem.slug != "wipe-failed":
                await self._problems.clear(problem.slug, subject=problem.subject)
        self._board.event(stay.camera.slot, SlotEvent.OFFLOADED)

    async def _hear_battery(self, stay: Stay) -> None:
        """Ask a camera for its charge; what it said in an earlier docking already is old news.

        What it says a second time was written before, by a camera that does not go on writing: that
        goes on record, for a restart of dockd forgets when it was heard.
        """
        word = await in_thread(stay.camera.battery)
        before, stay.battery = stay.battery, word
        unseen_s = 0.0
        if word is not None and (mark := word.mark) is not None:
            if before is None:
                unseen_s = await self._unseen_s(stay, mark)
            elif before == word and stay.battery_noted != mark:
                await self._ledger.record(facts.BatterySaid(docking=stay.docking, said=mark))
                stay.battery_noted = mark
        self._board.heard(
            stay.camera.slot, word, now_s=self._clock.monotonic_s(), unseen_s=unseen_s
        )

    async def _unseen_s(self, stay: Stay, mark: str) -> float:
        """Return how long ago a camera brought the same word already, in seconds; 0: it did not."""
        known = await self._ledger.newest_dockings(stay.camera.serial, limit=_DOCKINGS_LOOKED_AT)
        since = None
        for row in known:
            if row.battery_said is not None and row.battery_said != mark:
                break
            if row.battery_said is not None:
                since = datetime.fromisoformat(row.started_at)
        if since is None:
            return 0.0
        passed_s = (self._clock.now() - since).total_seconds()
        # By a clock that was set back nobody can tell.
        return passed_s if passed_s >= 0 else math.inf

    async def _wipe_as_receipts_come(self, stay: Stay) -> None:
        """Wipe what is stored; return when it is time to list the camera again."""
        cleared = False
        while not cleared:
            waiting = self._wipe.receipts_changed(stay.docking)
            began_s = self._clock.monotonic_s()
            async with self._power.work(stay.camera.slot):
                cleared = await self._wipe.run(stay)
            took_s = self._clock.monotonic_s() - began_s
            if cleared:
                break
            with suppress(TimeoutError):
                async with asyncio.timeout(self._policy.look_again_s):
                    await waiting.wait()
                    gather_s = max(self._policy.gather_s, self._policy.gather_times * took_s)
                    await self._clock.sleep(gather_s)
                    continue
            return
        await self._rest(stay)

    async def _rest(self, stay: Stay) -> None:
        """Wait beside a camera that is clear, until it is time to look at it again."""
        await self._clock.sleep(self._policy.look_again_s)
        if not await in_thread(stay.camera.is_present):
            raise CameraGone(f"{stay.camera.serial} left slot {stay.camera.slot}")

    async def _trouble(self, slot: str, error: DockdError) -> None:
        if isinstance(error, PermanentError):
            self._board.event(slot, SlotEvent.FAULTED)
        await self._problems.open(error.slug, subject=f"slot {slot}", reason=error.reason)

    async def _pause(self, attempt: int) -> None:
        if attempt:
            await self._clock.sleep(
                backoff.delay_s(
                    self._policy.retry, attempt=attempt, random_unit=self._clock.random()
                )
            )

    async def _end(self, stay: Stay, *, reason: str) -> None:
        stay.stop()
        self._wipe.forget(stay.docking)
        counted = {"read_bytes": stay.read_bytes, "read_errors": len(stay.unreadable)}
        ended: facts.Undocked = facts.Undocked(docking=stay.docking, reason=reason, **counted)
        slot, serial = stay.camera.slot, stay.camera.serial
        # What was never recorded to have begun is nobody's to continue.
        if stay.begun and self._power.is_cut(slot) and reason == "the camera left":
            ended = facts.DockingPaused(docking=stay.docking, reason=facts.SWITCHED_OFF, **counted)
            self._power.pause(Paused(slot=slot, camera=serial, docking=stay.docking))
        self._show_left(slot)
        # A ledger that cannot take this now finds the docking open at the next start, and ends it;
        # one that knows of no beginning refuses.
        with suppress(DockdError):
            await self._ledger.record(ended)
        # Nobody waits in this slot any more, for room or for a read.
        over = (SpoolFull.slug, "camera-stuck")
        await self._problems.clear_all(over, subject=f"slot {stay.camera.slot}")
        await in_thread(stay.camera.close)

    def _show(self, stay: Stay) -> None:
        camera = stay.camera
        self._board.docked(
            camera.slot,
            camera=camera.serial,
            docking=stay.docking,
            fill_fraction=camera.medium.fill_fraction,
        )

    def _show_left(self, slot: str) -> None:
        self._board.left(slot)
        if self._power.is_cut(slot):
            self._board.event(slot, SlotEvent.POWER_CUT)


def _beginning(stay: Stay, *, family: str, after: Paused | None) -> facts.Docked:
    """Return how a stay begins: as an arrival, or as what goes on after a cut."""
    camera, medium = stay.camera, stay.camera.medium
    began = facts.Docked(
        docking=stay.docking,
        camera=camera.serial,
        slot=camera.slot,
        family=family,
        file_system=medium.file_system,
        volume=medium.volume,
        dirty=medium.dirty,
    )
    if after is None:
        return began
    same = {field.name: getattr(began, field.name) for field in fields(began)}
    return facts.DockingContinued(**same, continues=after.docking)


async def end_open_dockings(ledger: Ledger) -> Sequence[str]:
    """End what an earlier run of the daemon left open or paused: a start breaks every docking.

    Nobody watched in between, so nobody can say that the camera was there all the time.
    """
    ended = [row.docking for row in await ledger.open_dockings()]
    # What paused then is in nobody's memory any more, so that nothing will ever continue it.
    paused = [row.docking for row in await ledger.paused_dockings()]
    if ended or paused:
        await ledger.record(
            *(facts.Undocked(docking=docking, reason=_AWAY) for docking in ended),
            *(facts.LeftWhileCut(docking=docking, reason=_AWAY) for docking in paused),
        )
    return [*ended, *paused]
