"""The limit of the uplink through nights, clock changes and time zones, in virtual time."""

import asyncio
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from dockd.core.schedule import RateWindow
from dockd.stages.throttle import Throttle, ThrottlePolicy
from tests.fakes.still_clock import StillClock

pytestmark = pytest.mark.asyncio

NIGHT = RateWindow(start=time(22), end=time(6), rate_bytes_s=900.0)
# Inside the hours that a clock change skips or repeats, and open to no limit at all.
SMALL_HOURS = RateWindow(start=time(1, 30), end=time(2, 30), rate_bytes_s=0.0)
DAY_BYTES_S = 100.0


class Over(Exception):
    """The time that was to be watched has passed."""


def policy(*windows: RateWindow, zone: str) -> ThrottlePolicy:
    """Return a policy with a limit outside its windows."""
    return ThrottlePolicy(windows=windows, default_bytes_s=DAY_BYTES_S, timezone=ZoneInfo(zone))


async def changes(
    throttle_policy: ThrottlePolicy, *, begin: datetime, hours: float
) -> list[tuple[str, float | None]]:
    """Follow the clock for some hours, and return when which limit came into force, in UTC."""
    clock = StillClock(now=begin)
    seen: list[tuple[str, float | None]] = []

    def change(rate_bytes_s: float | None) -> None:
        if not seen or seen[-1][1] != rate_bytes_s:
            seen.append((f"{clock.now():%d %H:%M:%S.%f}"[:-5], rate_bytes_s))

    def stop() -> None:
        if clock.now() >= begin + timedelta(hours=hours):
            raise Over

    clock.when_slept = stop
    with pytest.raises(Over):
        await Throttle(change, clock=clock, policy=throttle_policy).run()
    return seen


async def test_a_night_begins_and_ends_on_the_second() -> None:
    """A window over midnight is in force from its first second to before its end, locally."""
    begin = datetime(2026, 11, 23, 12, 0, 3, tzinfo=UTC)
    night = policy(NIGHT, zone="America/New_York")
    assert await changes(night, begin=begin, hours=24) == [
        ("23 12:00:03.0", DAY_BYTES_S),
        ("24 03:00:00.0", 900.0),
        ("24 11:00:00.0", DAY_BYTES_S),
    ]


async def test_a_zone_that_is_half_an_hour_off_keeps_its_own_hours() -> None:
    """22:00 in Kolkata is 16:30 in UTC, in winter and in summer."""
    begin = datetime(2026, 7, 1, 12, 0, 1, tzinfo=UTC)
    night = policy(NIGHT, zone="Asia/Kolkata")
    assert await changes(night, begin=begin, hours=14) == [
        ("01 12:00:01.0", DAY_BYTES_S),
        ("01 16:30:00.0", 900.0),
        ("02 00:30:00.0", DAY_BYTES_S),
    ]


async def test_the_night_that_loses_an_hour_is_an_hour_shorter() -> None:
    """In spring a window that the clock jumps into begins at the jump."""
    begin = datetime(2026, 3, 28, 20, 0, 2, tzinfo=UTC)
    night = policy(SMALL_HOURS, NIGHT, zone="Europe/Berlin")
    assert await changes(night, begin=begin, hours=10) == [
        ("28 20:00:02.0", DAY_BYTES_S),
        ("28 21:00:00.0", 900.0),
        # 01:30 is in force to 02:00, which is 03:00.
        ("29 00:30:00.0", None),
        ("29 01:00:00.0", 900.0),
        ("29 04:00:00.0", DAY_BYTES_S),
    ]


async def test_the_night_that_gains_an_hour_repeats_what_is_in_it() -> None:
    """In autumn the hour that comes twice has its limit twice."""
    begin = datetime(2026, 10, 24, 19, 0, 2, tzinfo=UTC)
    night = policy(SMALL_HOURS, NIGHT, zone="Europe/Berlin")
    assert await changes(night, begin=begin, hours=11) == [
        ("24 19:00:02.0", DAY_BYTES_S),
        ("24 20:00:00.0", 900.0),
        ("24 23:30:00.0", None),
        # 02:30 comes at 00:30 UTC, then 02:00 again at 01:00 UTC.
        ("25 00:30:00.0", 900.0),
        ("25 01:00:00.0", None),
        ("25 01:30:00.0", 900.0),
        ("25 05:00:00.0", DAY_BYTES_S),
    ]


async def test_a_clock_that_is_set_is_followed_within_seconds() -> None:
    """A wall clock that was an hour slow takes its limit along when it is put right."""
    clock = StillClock(now=datetime(2026, 11, 23, 21, 0, 1, tzinfo=UTC))
    is_night = asyncio.Event()
    throttle = Throttle(
        lambda rate_bytes_s: is_night.set() if rate_bytes_s == 900.0 else None,
        clock=clock,
        policy=policy(NIGHT, zone="UTC"),
    )
    set_at_s = 60.0
    clock.when_slept = lambda: _set_forward(clock, after_s=set_at_s)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(throttle.run())
        await is_night.wait()
        running.cancel()
    assert clock.monotonic_s() - set_at_s <= 5.0


async def test_a_new_policy_is_in_force_when_it_is_applied() -> None:
    """A reload waits for no window and for no look at the clock."""
    seen: list[float | None] = []
    throttle = Throttle(seen.append, clock=StillClock(), policy=policy(NIGHT, zone="UTC"))
    throttle.apply()
    throttle.policy = policy(zone="UTC")
    throttle.apply()
    assert seen == [900.0, DAY_BYTES_S]


def _set_forward(clock: StillClock, *, after_s: float) -> None:
    if clock.monotonic_s() >= after_s:
        clock.when_slept = lambda: None
        clock.set_forward(timedelta(hours=1))
