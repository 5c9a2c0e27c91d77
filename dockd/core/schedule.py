"""Which clip goes next, how fast at this hour, and when this station takes its turn.

**Order.** What a person asked for first, then flagged clips, then those that free a full camera,
then the oldest. Each urgency is a head start in seconds that is added to the time a clip has
waited. A clip can so be overtaken only by clips that began to wait less than
`LONGEST_HEAD_START_S` after it: under any stream of urgent newcomers it goes at the latest that
much later than it would have gone strictly by age. The head start of a flagged clip is a week, so
that after an outage of days it still goes before the whole backlog.

**Rate.** Windows are wall-clock times in the station's timezone: a window from 06:00 to 08:00
is that on every day of the year. An hour that a clock change repeats counts both times, one
that it skips not at all.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Final, NamedTuple

from dockd.errors import NotFound

FLAGGED_HEAD_START_S: Final = 7 * 86_400.0
FULL_CAMERA_HEAD_START_S: Final = 86_400.0
PRIORITISED_HEAD_START_S: Final = 14 * 86_400.0
LONGEST_HEAD_START_S: Final = (
    PRIORITISED_HEAD_START_S + FLAGGED_HEAD_START_S + FULL_CAMERA_HEAD_START_S
)
# A camera that is half empty can take the next shift as it is.
_FILL_WITHOUT_HURRY: Final = 0.5

# Every boundary comes within a day, except on a day that a clock change skips whole.
_HORIZON_DAYS: Final = 4
# Far shorter than the time between two changes of any zone's offset.
_STEP: Final = timedelta(hours=6)
_RESOLUTION: Final = timedelta(seconds=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Waiting:
    """A clip that waits for its turn.

    Attributes:
        clip_id: Its id.
        flagged: Whether the camera's user marked it.
        size_bytes: What has to be sent.
        waiting_s: How long it has waited *at this station*. Never from a camera's clock, which
            could so put its clips before everyone else's.
        camera_fill_fraction: How full its camera is, 0 to 1; None when not known.
        recorded_at_s: When it was recorded, seconds since 1970; settles ties only.
        prioritised: Whether a person asked for it.
    """

    clip_id: str
    flagged: bool
    size_bytes: int
    waiting_s: float
    camera_fill_fraction: float | None
    recorded_at_s: float
    prioritised: bool = False


class Position(NamedTuple):
    """A clip's place in the line, from 1, and the ids of those ahead of it, next one first."""

    place: int
    ahead: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class RateWindow:
    """A time of day with its own rate limit.

    Attributes:
        start: The first moment inside, local wall-clock time.
        end: The first moment after; before `start` when the window crosses midnight.
        rate_bytes_s: The limit in bytes per second; 0 is no limit.
    """

    start: time
    end: time
    rate_bytes_s: float

    def __post_init__(self) -> None:
        """Refuse a window that could mean nothing or the whole day.

        Raises:
            ValueError: `start` equals `end`.
        """
        if self.start == self.end:
            message = f"a window from {self.start} to {self.end} is empty; leave it out"
            raise ValueError(message)

    def contains(self, wall: time) -> bool:
        """Say whether the wall-clock time `wall` lies inside."""
        if self.start < self.end:
            return self.start <= wall < self.end
        return wall >= self.start or wall < self.end


def order(waiting: Iterable[Waiting]) -> list[Waiting]:
    """Return `waiting` in the order in which it should be sent, next one first."""
    return sorted(waiting, key=_turn)


def is_in_a_hurry(camera_fill_fraction: float | None) -> bool:
    """Return whether a camera is so full that its clips go before older ones."""
    return _hurry(camera_fill_fraction) > 0


def position(clip_id: str, *, waiting: Iterable[Waiting]) -> Position:
    """Return where the clip stands in the line.

    Raises:
        NotFound: It does not wait.
    """
    line = [clip.clip_id for clip in order(waiting)]
    if clip_id not in line:
        raise NotFound(f"clip {clip_id} is not waiting to be sent", clip=clip_id)
    ahead = line[: line.index(clip_id)]
    return Position(place=len(ahead) + 1, ahead=tuple(ahead))


def eta_s(queued_bytes: int, *, rate_bytes_s: float) -> float | None:
    """Return the seconds until `queued_bytes` are sent at a measured rate; None when nothing moves.

    For one clip, `queued_bytes` are those of the clips ahead and its own.
    """
    if queued_bytes <= 0:
        return 0.0
    return queued_bytes / rate_bytes_s if rate_bytes_s > 0 else None


def station_jitter(name: str, *, period_s: float) -> float:
    """Return this station's own moment within `period_s`: in [0, period_s), always the same.

    Taken from the SHA-256 of the name, so that 700 stations with the same timetable spread
    evenly over the period and none has to know of the others.

    Raises:
        ValueError: `period_s` is negative.
    """
    if not period_s >= 0:
        message = f"period_s must be 0 or more, got {period_s}"
        raise ValueError(message)
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).digest()
    # 53 bits are what a float holds: the fraction stays below 1.
    return (int.from_bytes(digest[:8], "big") >> 11) / 2**53 * period_s


def rate_at(
    windows: Sequence[RateWindow], *, default_bytes_s: float, when: datetime, timezone: tzinfo
) -> float:
    """Return the limit in bytes per second at `when`; 0 is no limit.

    Args:
        windows: Where two overlap, the one that stands first counts.
        default_bytes_s: The limit outside all windows.
        when: Any moment, aware of its zone.
        timezone: The station's timezone, in which the windows are written.

    Raises:
        ValueError: `when` has no zone.
    """
    wall = _aware(when).astimezone(timezone).time()
    return next((each.rate_bytes_s for each in windows if each.contains(wall)), default_bytes_s)


def next_change(
    windows: Sequence[RateWindow], *, default_bytes_s: float, when: datetime, timezone: tzinfo
) -> datetime | None:
    """Return the first moment after `when` at which `rate_at` changes, in UTC; None if never.

    Raises:
        ValueError: `when` has no zone.
    """
    now = _aware(when).astimezone(UTC)
    rate_bytes_s = rate_at(windows, default_bytes_s=default_bytes_s, when=now, timezone=timezone)
    moments = {*_boundaries(windows, now=now, timezone=timezone), *_clock_changes(now, timezone)}
    for moment in sorted(moments):
        later_bytes_s = rate_at(
            windows, default_bytes_s=default_bytes_s, when=moment, timezone=timezone
        )
        if moment > now and later_bytes_s != rate_bytes_s:
            return moment
    return None


def _turn(clip: Waiting) -> tuple[float, float, str]:
    head_start_s = FLAGGED_HEAD_START_S if clip.flagged else 0.0
    head_start_s += PRIORITISED_HEAD_START_S if clip.prioritised else 0.0
    head_start_s += FULL_CAMERA_HEAD_START_S * _hurry(clip.camera_fill_fraction)
    return -(clip.waiting_s + head_start_s), clip.recorded_at_s, clip.clip_id


def _hurry(fill_fraction: float | None) -> float:
    if fill_fraction is None:
        return 0.0
    # A camera says of itself how full it is: beyond full is still only full.
    full = min(fill_fraction, 1.0)
    return max(0.0, (full - _FILL_WITHOUT_HURRY) / (1.0 - _FILL_WITHOUT_HURRY))


def _boundaries(
    windows: Sequence[RateWindow], *, now: datetime, timezone: tzinfo
) -> Iterator[datetime]:
    today = now.astimezone(timezone).date()
    walls = {wall for window in windows for wall in (window.start, window.end)}
    for days in range(-1, _HORIZON_DAYS):
        day: date = today + timedelta(days=days)
        for wall in walls:
            for fold in (0, 1):
                local = datetime.combine(day, wall, tzinfo=timezone).replace(fold=fold)
                yield local.astimezone(UTC)


def _clock_changes(now: datetime, timezone: tzinfo) -> Iterator[datetime]:
    # A clock change moves the wall clock across boundaries without passing through them.
    before = now.replace(microsecond=0)
    while before < now + timedelta(days=_HORIZON_DAYS):
        after = before + _STEP
        if _offset(before, timezone) != _offset(after, timezone):
            yield _change_between(before, after, timezone)
        before = after


def _change_between(before: datetime, after: datetime, timezone: tzinfo) -> datetime:
    old = _offset(before, timezone)
    while after - before > _RESOLUTION:
        middle = before + timedelta(seconds=(after - before) // _RESOLUTION // 2)
        if _offset(middle, timezone) == old:
            before = middle
        else:
            after = middle
    return after


def _offset(moment: datetime, timezone: tzinfo) -> timedelta | None:
    return moment.astimezone(timezone).utcoffset()


def _aware(when: datetime) -> datetime:
    # A time without a zone would silently be taken for the machine's own.
    if when.tzinfo is None:
        message = f"{when} has no timezone"
        raise ValueError(message)
    return when
