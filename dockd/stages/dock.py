"""Slot events: one sequential worker for each slot; a change of the slot ends the stay."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from dockd.core import backoff
from dockd.core.backoff import Backoff
from dockd.errors import DockdError
from dockd.ports.camera import CameraSource, Outlook, Refusal, Sighting
from dockd.ports.clock import Clock
from dockd.stages.problems import ProblemBoard

Stay = Callable[[Sighting], Awaitable[None]]
Mistake = Callable[[Sighting, Exception], Awaitable[None]]

_CANCEL_AGAIN_S: Final = 1.0
# Between two stays of one sighting: quick at first, and never a flood in the record.
_AGAIN: Final = Backoff(base_s=1.0, cap_s=300.0)


class Dock:
    """Watches one family's slots and runs a stay for every camera that is in one."""

    def __init__(
        self, source: CameraSource, *, stay: Stay, problems: ProblemBoard, clock: Clock
    ) -> None:
        """``stay`` lives until it is cancelled; it is, when its camera leaves."""
        self._source = source
        self._stay = stay
        self._problems = problems
        self._clock = clock
        self._workers: dict[str, SlotWorker] = {}

    async def run(self) -> None:
        """Follow the slots until cancelled; begun again, it finds every slot anew."""
        self._workers.clear()
        async with asyncio.TaskGroup() as group:
            async for sighting in self._source.sightings():
                if isinstance(sighting, Refusal):
                    await self._refuse(sighting)
                    continue
                if isinstance(sighting, Outlook):
                    await self._say_outlook(sighting)
                    continue
                await self._problems.clear_subject(f"slot {sighting.slot}")
                worker = self._workers.get(sighting.slot)
                if worker is None:
                    worker = self._workers[sighting.slot] = SlotWorker(
                        self._stay, self._mistake, clock=self._clock
                    )
                    group.create_task(worker.run(), name=f"slot {sighting.slot}")
                worker.saw(sighting)

    async def _refuse(self, refusal: Refusal) -> None:
        worker = self._workers.get(refusal.slot)
        if worker is not None:
            worker.saw(None)
        subject = f"slot {refusal.slot}"
        for problem in self._problems.of_subject(subject):
            # Of what was in the slot before, or of why it was refused then.
            if problem.slug != refusal.slug:
                await self._problems.clear(problem.slug, subject=subject)
        await self._problems.open_or_reword(refusal.slug, subject=subject, reason=refusal.reason)

    async def _say_outlook(self, outlook: Outlook) -> None:
        subject = f"cameras {outlook.family}"
        await self._problems.clear_subject(subject)
        if outlook.error is not None:
            await self._problems.open(
                outlook.error.slug, subject=subject, reason=outlook.error.reason
            )

    async def _mistake(self, sighting: Sighting, error: Exception) -> None:
        if isinstance(error, DockdError):
            subject = f"slot {sighting.slot}"
            await self._problems.open(error.slug, subject=subject, reason=error.reason)
            return
        await self._problems.mistake("slot-fault", subject=f"slot {sighting.slot}", error=error)


class SlotWorker:
    """Everything in one slot happens in sequence: a stay ends before the next begins."""

    def __init__(self, stay: Stay, mistake: Mistake, *, clock: Clock) -> None:
        """``stay`` is run for each camera that comes; ``mistake`` is told what it should not do."""
        self._stay = stay
        self._mistake = mistake
        self._clock = clock
        self._latest: Sighting | None = None
        self._changed = asyncio.Event()

    def saw(self, sighting: Sighting | None) -> None:
        """Take in what is in the slot now; only the newest counts."""
        self._latest = sighting
        self._changed.set()

    async def run(self) -> None:
        """Run one stay after another until cancelled."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            sighting = self._latest
            if sighting is not None and sighting.serial is not None:
                await self._until_changed(sighting)

    async def _until_changed(self, sighting: Sighting) -> None:
        async with asyncio.TaskGroup() as group:
            stay = group.create_task(self._lived_through(sighting))
            while self._latest == sighting:
                self._changed.clear()
                await self._changed.wait()
            # Leave the event set: the next sighting is the next turn's.
            while not stay.done():
                # Again, should something on the way have swallowed it.
                stay.cancel()
                await asyncio.wait({stay}, timeout=_CANCEL_AGAIN_S)

    async def _lived_through(self, sighting: Sighting) -> None:
        """Run one stay after another for as long as the same camera is seen in the slot.

        Only the rack knows that it left. A stay that ends before that (its folder could not be
        read for a moment, the ledger's disk was full, dockd made a mistake) must not leave a
        camera in its slot that nobody looks at.
        """
        attempt = 0
        while self._latest == sighting:
            began_s = self._clock.monotonic_s()
            try:
                await self._stay(sighting)
            except Exception as error:  # noqa: BLE001 - whatever it is, the other slots go on
                await self._mistake(sighting, error)
            if self._clock.monotonic_s() - began_s > _AGAIN.cap_s:
                attempt = 0
            await self._clock.sleep(
                backoff.delay_s(_AGAIN, attempt=attempt, random_unit=self._clock.random())
            )
            attempt += 1
