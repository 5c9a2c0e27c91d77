"""When cameras are needed: the starts of the configured shifts, by the station's wall clock.

A start is a local time of day on some days of the week. On the day a clock change skips it,
the shift starts when the clock has jumped; a time that a change repeats counts once, the first
time.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo
from typing import Final

# A week, and the day that a zone can lose by moving over the date line.
_HORIZON_DAYS: Final = 9
ALL_DAYS: Final = frozenset(range(7))


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """One configured shift.

    Attributes:
        start: The local time of day.
        cameras: How many charged cameras it needs.
        days: The days of the week on which it starts, Monday is 0.
    """

    start: time
    cameras: int
    days: frozenset[int] = ALL_DAYS


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """One start to come: when, in UTC, and how many cameras it needs."""

    at: datetime
    cameras: int


def upcoming(shifts: Sequence[Shift], *, now: datetime, timezone: tzinfo) -> tuple[Due, ...]:
    """Return each shift's next start after `now`, soonest first; starts at one moment are one.

    Raises:
        ValueError: `now` has no zone.
    """
    if now.tzinfo is None:
        raise ValueError(f"{now} has no timezone")
    starts: dict[datetime, int] = {}
    for shift in shifts:
        at = _next(shift, now=now.astimezone(UTC), timezone=timezone)
        if at is not None:
            starts[at] = starts.get(at, 0) + shift.cameras
    return tuple(Due(at=at, cameras=starts[at]) for at in sorted(starts))


def _next(shift: Shift, *, now: datetime, timezone: tzinfo) -> datetime | None:
    today = now.astimezone(timezone).date()
    for days in range(-1, _HORIZON_DAYS):
        day = today + timedelta(days=days)
        if day.weekday() not in shift.days:
            continue
        # fold 0 is the first of two, and of a time that was skipped what the old offset makes it.
        at = datetime.combine(day, shift.start, tzinfo=timezone).replace(fold=0).astimezone(UTC)
        if at > now:
            return at
    return None
