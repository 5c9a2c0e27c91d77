"""What must not stand still: the copying of cameras, uploads, a clock that is set, the books."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from dockd.core.health import health_of
from dockd.core.slot import SlotEvent
from dockd.ports.camera import Sighting
from dockd.stages import silence
from dockd.stages.board import SlotBoard
from dockd.stages.problems import ProblemBoard
from dockd.stages.silence import LOOK_S, STILL_S, Silence
from dockd.stages.timekeeping import Timekeeping
from tests.fakes.lines import Lines
from tests.fakes.still_clock import StillClock
from tests.stages.rig import rig_at
from tests.station import ledger_parts as parts


@dataclass(frozen=True)
class _Scene:
    """The problems of a station, and a clock on which time passes by itself."""

    problems: ProblemBoard
    lines: Lines
    clock: StillClock

    async def passes(self, watch: Silence, *, seconds: float) -> list[str]:
        """Let time pass in looks, and return the reasons of what is open then."""
        until_s = self.clock.monotonic_s() + seconds
        while self.clock.monotonic_s() < until_s:
            self.clock.advance(LOOK_S)
            await watch.look()
        return [problem.reason for problem in self.problems.current()]


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[_Scene]:
    """A board over a real ledger."""
    lines, clock = Lines(), StillClock()
    with parts.ledger_at(tmp_path / "ledger.sqlite3") as ledger:
        yield _Scene(ProblemBoard(ledger=ledger, journal=lines, clock=clock), lines, clock)


def dock(board: SlotBoard, slot: str, *events: SlotEvent) -> None:
    """Put a camera into a slot, and let things happen to it."""
    board.saw(Sighting(slot=slot, port=None, family="directory", serial=f"B-{slot}", token=""))
    for event in events:
        board.event(slot, event)


@pytest.mark.asyncio
async def test_a_rack_of_which_nothing_is_copied_is_an_alarm(scene: _Scene) -> None:
    """Cameras in and not a byte read for a quarter of an hour: fail, until something is read."""
    board = SlotBoard({})
    watch = silence.of_the_rack(board, problems=scene.problems, clock=scene.clock)
    assert await scene.passes(watch, seconds=2 * STILL_S) == []
    dock(board, "A1", SlotEvent.IDENTIFIED)
    dock(board, "A2", SlotEvent.FAULTED)
    assert await scene.passes(watch, seconds=STILL_S - LOOK_S) == []
    assert await scene.passes(watch, seconds=2 * LOOK_S) == [
        "Of 2 docked cameras 2 are not copied, and nothing was read of any for 15 min."
    ]
    assert health_of(problems=scene.problems.current()) == "fail"
    board.read("A1", size_bytes=1)
    assert await scene.passes(watch, seconds=STILL_S - LOOK_S) == []
    assert scene.lines.of("problem-closed")["lasted_s"] == 2 * LOOK_S


@pytest.mark.asyncio
async def test_a_rack_that_is_ready_or_empty_is_quiet_and_well(scene: _Scene) -> None:
    """Where a camera is ready, or none is in, nothing has to be read all night."""
    board = SlotBoard({})
    watch = silence.of_the_rack(board, problems=scene.problems, clock=scene.clock)
    dock(board, "A1", SlotEvent.IDENTIFIED, SlotEvent.OFFLOADED)
    dock(board, "A2", SlotEvent.FAULTED)
    assert await scene.passes(watch, seconds=2 * STILL_S) == []
    board.left("A1")
    assert await scene.passes(watch, seconds=STILL_S + LOOK_S) != []
    board.left("A2")
    assert await scene.passes(watch, seconds=LOOK_S) == []


@pytest.mark.asyncio
async def test_a_camera_that_is_ready_silences_no_alarm_for_the_others(scene: _Scene) -> None:
    """A spare stands in the rack for days; one that came since and is not copied is an alarm."""
    board = SlotBoard({})
    watch = silence.of_the_rack(board, problems=scene.problems, clock=scene.clock)
    dock(board, "A1", SlotEvent.IDENTIFIED, SlotEvent.OFFLOADED)
    assert await scene.passes(watch, seconds=2 * STILL_S) == []
    dock(board, "A2", SlotEvent.IDENTIFIED)
    dock(board, "A3")
    assert await scene.passes(watch, seconds=STILL_S + LOOK_S) == [
        "Of 3 docked cameras 2 are not copied, and nothing was read of any for 15 min."
    ]
    for slot in ("A2", "A3"):
        board.event(slot, SlotEvent.FAULTED)
    # What is wrong with a single camera is said of that one.
    assert await scene.passes(watch, seconds=LOOK_S) == []


@pytest.mark.asyncio
async def test_an_upload_of_which_nothing_is_taken_is_said(scene: _Scene) -> None:
    """Only while parts are sent: a store out of reach, or a pause, has a problem of its own."""
    sent, breaker, clips, paused = [0], ["closed"], {7: 1, 8: 1}, [False]
    watch = silence.of_an_upload(
        "central",
        under_way=lambda: clips,
        sent_bytes=lambda: sent[0],
        breaker=lambda: breaker[0],
        is_paused=lambda: paused[0],
        problems=scene.problems,
        clock=scene.clock,
    )
    assert await scene.passes(watch, seconds=STILL_S + 2 * LOOK_S) == [
        "2 uploads are under way, and no byte of any was taken for 15 min."
    ]
    breaker[0] = "open"
    assert await scene.passes(watch, seconds=2 * STILL_S) == []
    breaker[0] = "closed"
    paused[0] = True
    assert await scene.passes(watch, seconds=2 * STILL_S) == []
    paused[0] = False
    assert len(await scene.passes(watch, seconds=STILL_S + LOOK_S)) == 1
    sent[0] += 1
    assert await scene.passes(watch, seconds=LOOK_S) == []
    clips.clear()
    assert await scene.passes(watch, seconds=2 * STILL_S) == []


@pytest.mark.asyncio
async def test_a_clock_that_nobody_sets_is_said_until_somebody_does(scene: _Scene) -> None:
    """Ten minutes after the last synchronisation, with how long it is; the start is forgiven."""
    keeping = Timekeeping({}, problems=scene.problems, clock=scene.clock)
    scene.clock.synchronised = False
    scene.clock.advance(599)
    await keeping.look()
    assert scene.problems.current() == []
    scene.clock.advance(61)
    await keeping.look()
    (problem,) = scene.problems.current()
    assert (problem.slug, problem.reason) == (
        "clock-unsynchronised",
        "Nobody has set the clock right for 11 min.",
    )
    scene.clock.synchronised = True
    scene.clock.advance(40)
    await keeping.look()
    assert scene.problems.current() == []
    assert scene.lines.of("problem-closed")["lasted_s"] == 40


@pytest.mark.asyncio
async def test_books_that_do_not_close_are_a_problem_until_they_do(tmp_path: Path) -> None:
    """An original that is counted and is nowhere is said, with the numbers."""
    async with rig_at(tmp_path) as rig:
        await rig.ledger.record(parts.docked(), *parts.proven(1), parts.seen(2))
        await rig.housekeeping._hold_the_books()
        assert rig.open_problems() == set()
        for change, open_then in (("+ 1", {"books-open"}), ("- 1", set())):
            with parts.writable(tmp_path / "ledger.sqlite3") as connection:
                connection.execute(f"UPDATE originals SET clips = clips {change}")  # noqa: S608 - from this line
            await rig.housekeeping._hold_the_books()
            assert rig.open_problems() == open_then
