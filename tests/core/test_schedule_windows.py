"""Rate windows: the wall clock decides, on every day of the year."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dockd.core.schedule import RateWindow, next_change, rate_at

LONDON = ZoneInfo("Europe/London")
# Half-hour clock changes, none, one across a date line, and both hemispheres.
ZONES = st.sampled_from(
    ["Europe/London", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "Pacific/Apia"]
).map(ZoneInfo)
TIMES = st.builds(time, st.integers(0, 23), st.sampled_from([0, 15, 30, 59]))
WINDOWS = st.lists(
    st.tuples(TIMES, TIMES, st.sampled_from([0.0, 1.0, 2.0]))
    .filter(lambda window: window[0] != window[1])
    .map(lambda window: RateWindow(start=window[0], end=window[1], rate_bytes_s=window[2])),
    max_size=3,
)
MOMENTS = st.integers(1_300_000_000, 1_900_000_000).map(
    lambda seconds: datetime.fromtimestamp(seconds, UTC)
) | (
    # Around clock changes: London and New York, both ways, and the day that Apia skipped.
    st.builds(
        lambda near, seconds: near + timedelta(seconds=seconds),
        st.sampled_from(
            [
                datetime(2026, 3, 29, 1, tzinfo=UTC),
                datetime(2026, 10, 25, 1, tzinfo=UTC),
                datetime(2026, 3, 8, 7, tzinfo=UTC),
                datetime(2026, 11, 1, 6, tzinfo=UTC),
                datetime(2026, 4, 4, 15, tzinfo=UTC),
                datetime(2011, 12, 30, 10, tzinfo=UTC),
            ]
        ),
        st.integers(-100_000, 100_000),
    )
)


def window(start: str, end: str, rate_bytes_s: float = 5.0) -> RateWindow:
    """Make a window from `HH:MM` to `HH:MM`."""
    return RateWindow(
        start=time.fromisoformat(start), end=time.fromisoformat(end), rate_bytes_s=rate_bytes_s
    )


def london(text: str) -> datetime:
    """Return a moment given in London's wall-clock time."""
    return datetime.fromisoformat(text).replace(tzinfo=LONDON)


def rate(windows: list[RateWindow], when: datetime) -> float:
    """Return the rate in London, with 1 as the default."""
    return rate_at(windows, default_bytes_s=1.0, when=when, timezone=LONDON)


def change(windows: list[RateWindow], when: datetime) -> datetime | None:
    """Return the next change in London, with 1 as the default."""
    return next_change(windows, default_bytes_s=1.0, when=when, timezone=LONDON)


@pytest.mark.parametrize(
    ("at", "expected"), [("05:59:59", 1.0), ("06:00:00", 5.0), ("07:59:59", 5.0), ("08:00", 1.0)]
)
def test_a_window_holds_from_its_start_to_before_its_end(at: str, expected: float) -> None:
    """The start is inside, the end is not, and outside the default counts."""
    assert rate([window("06:00", "08:00")], london(f"2026-11-23T{at}")) == expected


@pytest.mark.parametrize(
    ("at", "expected"), [("21:59", 1.0), ("22:00", 5.0), ("00:00", 5.0), ("06:00", 1.0)]
)
def test_a_window_may_cross_midnight(at: str, expected: float) -> None:
    """From 22:00 to 06:00 is one night, not an empty day."""
    assert rate([window("22:00", "06:00")], london(f"2026-11-23T{at}")) == expected


def test_where_windows_overlap_the_first_counts() -> None:
    """The order in the configuration settles an overlap."""
    windows = [window("06:00", "08:00", 5.0), window("07:00", "09:00", 9.0)]
    assert rate(windows, london("2026-11-23T07:30")) == 5.0
    assert change(windows, london("2026-11-23T07:30")) == london("2026-11-23T08:00")


def test_the_wall_clock_counts_in_summer_and_in_winter() -> None:
    """06:00 in London is 05:00 UTC in July and 06:00 UTC in November."""
    windows = [window("06:00", "08:00")]
    assert rate(windows, datetime(2026, 7, 1, 5, 30, tzinfo=UTC)) == 5.0
    assert rate(windows, datetime(2026, 11, 23, 5, 30, tzinfo=UTC)) == 1.0


def test_an_hour_that_is_repeated_counts_both_times() -> None:
    """When London's clocks go back, 01:15 to 01:45 is in force twice that night."""
    windows = [window("01:15", "01:45")]
    changes = []
    moment: datetime | None = datetime(2026, 10, 24, 23, 0, tzinfo=UTC)
    for _ in range(4):
        assert moment is not None
        moment = change(windows, moment)
        changes.append(moment)
    assert changes == [
        datetime(2026, 10, 25, 0, 15, tzinfo=UTC),
        datetime(2026, 10, 25, 0, 45, tzinfo=UTC),
        datetime(2026, 10, 25, 1, 15, tzinfo=UTC),
        datetime(2026, 10, 25, 1, 45, tzinfo=UTC),
    ]


def test_a_window_ends_where_the_clock_jumps_over_its_end() -> None:
    """When London's clocks go forward, 00:30 to 01:30 ends at 01:00, which is then 02:00."""
    moment = change([window("00:30", "01:30")], datetime(2026, 3, 29, 0, 40, tzinfo=UTC))
    assert moment == datetime(2026, 3, 29, 1, 0, tzinfo=UTC)


def test_a_window_that_the_clock_jumps_over_waits_for_the_next_day() -> None:
    """A window inside the hour that is skipped is not in force that day."""
    moment = change([window("01:15", "01:45")], datetime(2026, 3, 28, 12, 0, tzinfo=UTC))
    assert moment == datetime(2026, 3, 30, 0, 15, tzinfo=UTC)


@pytest.mark.parametrize("windows", [[], [window("06:00", "08:00", 1.0)]])
def test_a_rate_that_never_changes_has_no_next_change(windows: list[RateWindow]) -> None:
    """Without windows, or with windows that repeat the default, there is nothing to await."""
    assert change(windows, london("2026-11-23T07:30")) is None


@given(windows=WINDOWS, when=MOMENTS, timezone=ZONES, fractions=st.lists(st.floats(0, 1)))
def test_the_rate_is_the_same_until_the_next_change_and_then_another(
    windows: list[RateWindow], when: datetime, timezone: ZoneInfo, fractions: list[float]
) -> None:
    """In every zone, whatever its clock changes, nothing happens before the moment announced."""

    def rate_then(moment: datetime) -> float:
        return rate_at(windows, default_bytes_s=0.0, when=moment, timezone=timezone)

    moment = next_change(windows, default_bytes_s=0.0, when=when, timezone=timezone)
    if moment is not None:
        assert moment > when
        assert rate_then(moment) != rate_then(when)
        assert rate_then(moment - timedelta(microseconds=1)) == rate_then(when)
    until = moment or when + timedelta(days=3)
    for fraction in fractions:
        assert rate_then(when + (until - when) * min(fraction, 0.999_999)) == rate_then(when)


def test_an_empty_window_is_refused() -> None:
    """From 06:00 to 06:00 could mean nothing or all day, so it is neither."""
    with pytest.raises(ValueError, match="is empty"):
        window("06:00", "06:00")


def test_a_moment_without_a_zone_is_refused() -> None:
    """A time that does not say where it is is never taken for local time."""
    naive = london("2026-11-23T07:30").replace(tzinfo=None)
    with pytest.raises(ValueError, match="no timezone"):
        rate([], naive)
    with pytest.raises(ValueError, match="no timezone"):
        change([], naive)
