"""Shifts start by the station's wall clock, on every day of the year."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dockd.core.shifts import Due, Shift, upcoming

LONDON = ZoneInfo("Europe/London")
EARLY = Shift(start=time(5, 40), cameras=8)


def at(text: str) -> datetime:
    """Return a moment in London."""
    return datetime.fromisoformat(text).replace(tzinfo=LONDON)


@pytest.mark.parametrize(
    ("now", "start"),
    [
        ("2026-11-26T05:39", "2026-11-26T05:40"),
        ("2026-11-26T05:40", "2026-11-27T05:40"),
        ("2026-10-24T12:00", "2026-10-25T05:40"),
        ("2026-03-28T12:00", "2026-03-29T05:40"),
    ],
)
def test_the_next_start_is_the_local_time_before_and_after_a_clock_change(
    now: str, start: str
) -> None:
    """05:40 is 05:40 on the wall, also on the mornings that follow a change."""
    (due,) = upcoming([EARLY], now=at(now), timezone=LONDON)
    assert due == Due(at=at(start).astimezone(UTC), cameras=8)


def test_a_skipped_start_comes_when_the_clock_has_jumped_and_a_repeated_one_once() -> None:
    """01:30 does not exist on 29 March and exists twice on 25 October."""
    half = Shift(start=time(1, 30), cameras=1)
    (spring,) = upcoming([half], now=at("2026-03-29T00:10"), timezone=LONDON)
    assert spring.at == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
    (autumn,) = upcoming([half], now=at("2026-10-25T00:10"), timezone=LONDON)
    assert autumn.at == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    (after,) = upcoming([half], now=autumn.at, timezone=LONDON)
    assert after.at == datetime(2026, 10, 26, 1, 30, tzinfo=UTC)


def test_days_are_kept_to_and_starts_at_one_moment_are_added_up() -> None:
    """From Friday on, the Monday shift is Monday's; two of the same moment need both numbers."""
    monday = Shift(start=time(6), cameras=3, days=frozenset({0}))
    dues = upcoming([monday, monday], now=at("2026-11-27T07:00"), timezone=LONDON)
    assert dues == (Due(at=at("2026-11-30T06:00").astimezone(UTC), cameras=6),)


@given(
    seconds=st.integers(1_700_000_000, 1_900_000_000),
    zone=st.sampled_from(["Europe/London", "Australia/Lord_Howe", "Asia/Kolkata"]),
    days=st.frozensets(st.integers(0, 6), min_size=1),
)
def test_there_is_always_a_next_start_within_the_week(
    seconds: int, zone: str, days: frozenset[int]
) -> None:
    """It lies ahead, at most a week and a clock change away."""
    now = datetime.fromtimestamp(seconds, UTC)
    shift = Shift(start=time(5, 40), cameras=1, days=days)
    (due,) = upcoming([shift], now=now, timezone=ZoneInfo(zone))
    assert timedelta(0) < due.at - now <= timedelta(days=7, hours=2)


def test_a_time_without_a_zone_is_refused() -> None:
    """It would silently be taken for the machine's."""
    with pytest.raises(ValueError, match="no timezone"):
        upcoming([EARLY], now=at("2026-01-01T00:00").replace(tzinfo=None), timezone=LONDON)


def test_a_shift_that_never_starts_is_due_at_no_time() -> None:
    """A shift with no days is as if it were not there."""
    never = Shift(start=time(6), cameras=3, days=frozenset())
    assert upcoming([never], now=at("2026-11-27T07:00"), timezone=LONDON) == ()


def test_a_moment_without_a_zone_is_refused() -> None:
    """A start would be hours off, and nobody would see it."""
    with pytest.raises(ValueError, match="no timezone"):
        upcoming([EARLY], now=datetime(2026, 11, 26, 5), timezone=LONDON)  # noqa: DTZ001  # the fault itself
