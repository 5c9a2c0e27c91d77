"""What wears, looked for a few times a day in the ledger: cameras and slots to be replaced."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from dockd.core.wear import DockingWear, Part, WearVerdict, verdicts
from dockd.ports.clock import Clock
from dockd.ports.ledger import DockingRow, Ledger
from dockd.stages.problems import ProblemBoard
from dockd.stages.threads import in_thread

LOOK_EVERY_S: Final = 6 * 3600.0
_SINCE: Final = timedelta(days=180)
_PAGE: Final = 1000
_DAY_S: Final = 86_400.0
_HOUR_S: Final = 3600.0
_LEAST_PERCENT: Final = 5
_BYTES_OF_GB: Final = 1_000_000_000
# Nobody takes a camera and puts it back into the same slot so soon; half of the time, at least.
_BACK_WITHIN: Final = timedelta(seconds=60)
_LEFT: Final = "the camera left"
_WORN: Final[Mapping[Part, tuple[str, str]]] = {
    Part.CAMERA: ("camera-worn", "camera"),
    # Not the slot itself: what that has is cleared with each camera that comes.
    Part.SLOT: ("slot-worn", "port"),
}
WORN_SLUGS: Final = frozenset(slug for slug, _ in _WORN.values())


class WearWatch:
    """Holds the verdicts that stand, and has a problem open for each part to be replaced."""

    def __init__(self, *, ledger: Ledger, problems: ProblemBoard, clock: Clock) -> None:
        """Nothing was looked at yet."""
        self._ledger = ledger
        self._problems = problems
        self._clock = clock
        self.verdicts: Mapping[tuple[Part, str], WearVerdict] = {}

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await self.look()
            await self._clock.sleep(LOOK_EVERY_S)

    async def look(self) -> None:
        """Look once, and say what stands out."""
        rows = await self._rows()
        found = await in_thread(lambda: verdicts(wear_of(rows)))
        self.verdicts = {(one.part, one.name): one for one in found}
        worn = {}
        for one in found:
            if one.replace:
                slug, kind = _WORN[one.part]
                worn[slug, f"{kind} {one.name}"] = "; ".join(one.evidence)
        for problem in self._problems.current():
            if problem.slug in WORN_SLUGS and (problem.slug, problem.subject) not in worn:
                await self._problems.clear(problem.slug, subject=problem.subject)
        for (slug, subject), reason in worn.items():
            await self._problems.open_or_reword(slug, subject=subject, reason=reason)

    async def _rows(self) -> Sequence[DockingRow]:
        rows: list[DockingRow] = []
        # A docking's id begins with its time.
        after = f"{self._clock.now() - _SINCE:%Y%m%dT%H%M%SZ}"
        while page := await self._ledger.dockings(after=after, limit=_PAGE):
            rows += page
            after = page[-1].docking
        return rows


def wear_of(rows: Sequence[DockingRow]) -> Sequence[DockingWear]:
    """Return what each docking showed, in the order of ``rows``, which is that of time."""
    found = []
    last: dict[tuple[str, str], DockingRow] = {}
    for row in rows:
        place = row.camera, row.slot
        found.append(_of(row, before=last.get(place)))
        last[place] = row
    return found


def _of(row: DockingRow, *, before: DockingRow | None) -> DockingWear:
    began = datetime.fromisoformat(row.started_at)
    measured = row.charge
    percent_per_h = wh_per_percent = None
    if measured and measured.from_percent is not None and measured.to_percent is not None:
        gained = measured.to_percent - measured.from_percent
        if gained >= _LEAST_PERCENT and measured.seconds > 0:
            percent_per_h = gained * _HOUR_S / measured.seconds
            if measured.energy_mwh is not None:
                wh_per_percent = measured.energy_mwh / 1000 / gained
    return DockingWear(
        day=began.timestamp() / _DAY_S,
        camera=row.camera,
        slot=row.slot,
        percent_per_h=percent_per_h,
        wh_per_percent=wh_per_percent,
        resets=measured.resets if measured else 0,
        read_errors=row.read_errors,
        read_gb=row.read_bytes / _BYTES_OF_GB,
        contact_breaks=int(before is not None and _came_back(before, row, began=began)),
    )


def _came_back(before: DockingRow, row: DockingRow, *, began: datetime) -> bool:
    if row.continues is not None or before.ended_at is None or before.end_reason != _LEFT:
        return False
    return timedelta() <= began - datetime.fromisoformat(before.ended_at) <= _BACK_WITHIN
