"""What is new: the end of the record, and the slots and the station whenever they look different.

Implements `ports.station.StationNews`. Nothing is kept for anybody who follows: each has a place in
the record, so that a slow one costs no memory, and one that comes back goes on where it was.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace
from typing import Final

from dockd.core.clip import Clip
from dockd.core.printable import printable
from dockd.ports import answers
from dockd.ports.clock import Clock
from dockd.ports.ledger import EventRow, Ledger
from dockd.ports.station import StationEvent, StationView

_LOOK_S: Final = 1.0
_PAGE: Final = 200
_PAGES: Final = 10
_REPLAYED: Final = 10_000
_STEP_S: Final = 300
_DAY_S: Final = 86_400
_CLIP: Final = "clip:"
_PROBLEMS: Final = frozenset({"problem-opened", "problem-closed"})


class Follow:
    """Looks at the station once a second for all who follow it, and now and then for itself."""

    def __init__(self, view: StationView, *, ledger: Ledger, clock: Clock) -> None:
        """Begin with no history; ``latest`` is the station as it was last looked at."""
        self._view = view
        self._ledger = ledger
        self._clock = clock
        self._looking = asyncio.Lock()
        self._looked_s = 0.0
        self.latest: answers.StatusReport | None = None
        self._points: deque[answers.HistoryPoint] = deque(maxlen=_DAY_S // _STEP_S)

    async def events(self, *, after: int | None) -> AsyncGenerator[StationEvent, None]:
        """Yield all that is there now, then what changes; the status once a second in any case.

        Whoever was away for more than 10,000 events of the record gets none of them: what there is
        now says more.
        """
        head = (await self._ledger.head()).sequence
        told = after if after is not None and 0 <= head - after <= _REPLAYED else head
        shown: dict[str, answers.SlotReport] = {}
        while True:
            for _ in range(_PAGES):
                rows = await self._ledger.events_after(told, limit=_PAGE)
                for event in await self._described(rows):
                    yield event
                told = rows[-1].sequence if rows else told
                if len(rows) < _PAGE:
                    break
            status = await self._look()
            for slot in status.slots:
                if shown.get(slot.slot) != slot:
                    shown[slot.slot] = slot
                    yield StationEvent(name="slot", sequence=told, data=slot)
            yield StationEvent(name="status", sequence=told, data=replace(status, slots=()))
            await self._clock.sleep(_LOOK_S)

    async def _described(self, rows: Sequence[EventRow]) -> Sequence[StationEvent]:
        """Return what some of the record says of clips and problems."""
        clips = await self._ledger.numbered([number for row in rows if (number := _number(row))])
        described = []
        for row in rows:
            if row.kind in _PROBLEMS:
                described.append(_of_problem(row))
            elif (clip := clips.get(_number(row))) is not None:
                described.append(_of_clip(row, clip))
        return described

    async def _look(self) -> answers.StatusReport:
        """Return the station as it is, or was a moment ago when somebody else looked."""
        async with self._looking:
            now_s = self._clock.monotonic_s()
            if self.latest is None or now_s - self._looked_s >= _LOOK_S / 2:
                self.latest, self._looked_s = await self._view.status(), now_s
            return self.latest

    def history(self) -> answers.HistoryReport:
        """Return the last day."""
        return answers.HistoryReport(step_s=_STEP_S, points=tuple(self._points))

    async def run(self) -> None:
        """Note every five minutes what the uplink carried and how full the spool is."""
        before: tuple[float, int] | None = None
        while True:
            measured = await self._view.measurements()
            now_s, sent = self._clock.monotonic_s(), sum(measured.uploaded_bytes.values())
            since_s, had = before or (now_s, sent)
            before = now_s, sent
            self._points.append(
                answers.HistoryPoint(
                    time=f"{self._clock.now():%Y-%m-%dT%H:%M:%SZ}",
                    rate_bytes_s=round((sent - had) / (now_s - since_s)) if now_s > since_s else 0,
                    spool_used_bytes=measured.spool_used_bytes,
                    spool_free_bytes=measured.spool_free_bytes,
                )
            )
            await self._clock.sleep(_STEP_S)


def _number(row: EventRow) -> int:
    """Return the number of the clip that an event is about; 0 when it is about none."""
    return int(row.subject.removeprefix(_CLIP)) if row.subject.startswith(_CLIP) else 0


def _of_clip(row: EventRow, clip: Clip) -> StationEvent:
    data = answers.ClipEvent(
        id=clip.id, camera=clip.camera, docking=clip.docking, time=row.time_utc, kind=row.kind
    )
    return StationEvent(name="clip", sequence=row.sequence, data=data)


def _of_problem(row: EventRow) -> StationEvent:
    data = answers.ProblemEvent(
        slug=str(row.fields["slug"]),
        subject=printable(str(row.fields["subject"])),
        time=row.time_utc,
        kind=row.kind,
    )
    return StationEvent(name="problem", sequence=row.sequence, data=data)
