"""The system's clock, as the port has it."""

from datetime import UTC, datetime, timedelta

import pytest

from dockd.ports.clock import Clock, Synchronisation
from dockd.station.clock import SystemClock, kernel_synchronisation, system_synchronisation


def test_it_is_the_clock_that_the_stages_speak_to() -> None:
    """The system's clock is a Clock, and tells the time in UTC."""
    clock: Clock = SystemClock()
    assert clock.now().tzinfo is UTC
    assert abs(clock.now() - datetime.now(UTC)) < timedelta(minutes=1)  # noqa: TID251 - the judge


def test_monotonic_time_only_goes_on() -> None:
    """Seconds and nanoseconds are the same clock, and it never goes back."""
    clock = SystemClock()
    before = clock.monotonic_ns()
    assert before / 1e9 <= clock.monotonic_s() <= clock.monotonic_ns() / 1e9


def test_the_kernel_says_whether_it_is_synchronised() -> None:
    """The kernel is asked, and an unsynchronised clock has no offset."""
    said = kernel_synchronisation()
    assert said.synchronised or said.offset_s is None
    assert system_synchronisation() == said or said.synchronised


def test_the_kernel_is_not_asked_at_every_look() -> None:
    """The answer is kept for ten seconds, for every fact asks for it."""
    asked = []

    def ask() -> Synchronisation:
        asked.append(1)
        return Synchronisation(synchronised=True, offset_s=0.001)

    clock = SystemClock(synchronisation=ask)
    assert [clock.synchronisation().synchronised for _ in range(100)] == [True] * 100
    assert len(asked) == 1


def test_ids_and_jitter_are_unpredictable() -> None:
    """Random bytes have the length asked for and differ; jitter is from 0 to 1."""
    clock = SystemClock()
    assert len({clock.random_bytes(8) for _ in range(100)}) == 100
    assert all(0 <= clock.random() < 1 for _ in range(100))


@pytest.mark.asyncio
async def test_it_sleeps_as_the_loop_does() -> None:
    """Sleeping takes at least the time asked for."""
    clock = SystemClock()
    before = clock.monotonic_s()
    await clock.sleep(0.01)
    assert clock.monotonic_s() - before >= 0.01
