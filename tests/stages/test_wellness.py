"""What health means: a loop that turns, a station that can take footage, and what is neither."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from dockd.stages.problems import ProblemBoard
from dockd.stages.wellness import Wellness, WellnessPolicy
from dockd.station.spool.directory import DirectorySpool
from tests.fakes.lines import Lines
from tests.fakes.still_clock import StillClock
from tests.station import ledger_parts as parts


@dataclass(frozen=True)
class _Scene:
    wellness: Wellness
    problems: ProblemBoard
    fed_ago_s: list[float] = field(default_factory=lambda: [0.0])

    async def alive(self) -> object:
        return (await self.wellness.healthz())["status"]

    async def able(self) -> object:
        return (await self.wellness.readyz())["status"]


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[_Scene]:
    """A station with a real ledger and a real spool."""
    clock, fed_ago_s = StillClock(), [0.0]
    spool = DirectorySpool(tmp_path, reserve_bytes=1, expected_spool_id=None)
    spool.adopt()
    with parts.ledger_at(tmp_path / "ledger.sqlite3") as ledger:
        problems = ProblemBoard(ledger=ledger, journal=Lines(), clock=clock)
        wellness = Wellness(
            ledger=ledger,
            spool=spool,
            problems=problems,
            clock=clock,
            policy=WellnessPolicy(station="s", version="1", has_stores=True),
            watchdog_fed_ago_s=lambda: fed_ago_s[0],
        )
        yield _Scene(wellness, problems, fed_ago_s)


@pytest.mark.asyncio
@pytest.mark.parametrize(("ago_s", "status"), [(9, "pass"), (10, "warn"), (60, "fail")])
async def test_a_loop_that_was_blocked_is_not_well(
    scene: _Scene, ago_s: float, status: str
) -> None:
    """The watchdog is fed by the loop: a minute without is a daemon that is as good as dead."""
    scene.fed_ago_s[0] = ago_s
    assert (await scene.alive(), await scene.able()) == (status, "pass")


@pytest.mark.asyncio
@pytest.mark.parametrize("slug", ["store-unreachable", "upload-stalled", "store-busy"])
async def test_a_store_in_trouble_makes_nobody_unhealthy(scene: _Scene, slug: str) -> None:
    """An upload that stands still is a warning; the process is well, and takes footage in."""
    await scene.problems.open(slug, subject="store central", reason="x")
    assert (await scene.alive(), await scene.able()) == ("pass", "warn")


@pytest.mark.asyncio
@pytest.mark.parametrize("slug", ["detection-failed", "station-silent"])
async def test_a_rack_that_nothing_is_copied_of_is_a_station_that_is_not_able(
    scene: _Scene, slug: str
) -> None:
    """Silence is an alarm: cameras that are docked and not copied fail the station."""
    await scene.problems.open(slug, subject="station", reason="x")
    assert (await scene.alive(), await scene.able()) == ("pass", "fail")
    await scene.problems.clear(slug, subject="station")
    assert await scene.able() == "pass"
