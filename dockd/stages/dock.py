"""Slot events: one sequential worker for each slot; a change of the slot ends the stay."""

import asyncio
from collections.abc import Awaitable, Callable

from dockd.ports.camera import CameraSource, Refusal, Sighting
from dockd.stages.problems import ProblemBoard

Stay = Callable[[Sighting], Awaitable[None]]
Mistake = Callable[[Sighting, Exception], Awaitable[None]]


class Dock:
    """Watches one family's slots and runs a stay for every camera that is in one."""

    def __init__(self, source: CameraSource, *, stay: Stay, problems: ProblemBoard) -> None:
        """``stay`` lives until it is cancelled; it is, when its camera leaves."""
        self._source = source
        self._stay = stay
        self._problems = problems
        self._workers: dict[str, SlotWorker] = {}

    async def run(self) -> None:
        """Follow the slots until cancelled."""
        async with asyncio.TaskGroup() as group:
            async for sighting in self._source.sightings():
                if isinstance(sighting, Refusal):
                    await self._refuse(sighting)
                    continue
                await self._problems.clear_subject(f"slot {sighting.slot}")
                worker = self._workers.get(sighting.slot)
                if worker is None:
                    worker = self._workers[sighting.slot] = SlotWorker(self._stay, self._mistake)
                    group.create_task(worker.run(), name=f"slot {sighting.slot}")
                worker.saw(sighting)

    async def _refuse(self, refusal: Refusal) -> None:
        worker = self._workers.get(refusal.slot)
        if worker is not None:
            worker.saw(None)
        await self._problems.open(
            refusal.slug, subject=f"slot {refusal.slot}", reason=refusal.reason
        )

    async def _mistake(self, sighting: Sighting, error: Exception) -> None:
        await self._problems.mistake("slot-fault", subject=f"slot {sighting.slot}", error=error)


class SlotWorker:
    """Everything in one slot happens in sequence: a stay ends before the next begins."""

    def __init__(self, stay: Stay, mistake: Mistake) -> None:
        """``stay`` is run for each camera that comes; ``mistake`` is told what it should not do."""
        self._stay = stay
        self._mistake = mistake
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
            stay.cancel()

    async def _lived_through(self, sighting: Sighting) -> None:
        """Run a stay; a mistake of dockd's own takes one slot out of service, not the rack."""
        try:
            await self._stay(sighting)
        except Exception as error:  # noqa: BLE001 - whatever it is, the other slots go on
            await self._mistake(sighting, error)
