"""What the journal says of a problem."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from dockd.core import facts
from dockd.core.flapping import AWAY_S, OFTEN
from dockd.ports.ledger import Ledger
from dockd.stages.guesses import FEW, QUIET_S, SLUG, SUBJECT, Guesses
from dockd.stages.problems import SUMMARY_EVERY_S, ProblemBoard
from tests.fakes.lines import Lines
from tests.fakes.still_clock import StillClock
from tests.station import ledger_parts as parts


@pytest.mark.asyncio
async def test_a_problem_is_found_by_the_name_of_what_has_it(tmp_path: Path) -> None:
    """Its beginning, its end and a mistake carry the slot, the camera or the clip as a field."""
    lines = Lines()
    with parts.ledger_at(tmp_path / "ledger.sqlite3") as ledger:
        board = ProblemBoard(ledger=ledger, journal=lines, clock=StillClock())
        await board.open("slot-fault", subject="slot A1", reason="x")
        await board.clear("slot-fault", subject="slot A1")
        await board.mistake("slot-fault", subject="camera BWC-1", error=ValueError("y"))
    assert lines.of("problem-closed")["slot"] == "A1"
    opened = [fields for event, _, fields in lines.said if event == "problem-opened"]
    assert opened[0].items() >= {"slot": "A1", "subject": "slot A1", "slug": "slot-fault"}.items()
    assert opened[1]["camera"] == lines.of("slot-fault")["camera"] == "BWC-1"


class _TurnedClock(StillClock):
    """A clock on which whoever sleeps waits for the test to let the time pass."""

    def __init__(self) -> None:
        super().__init__()
        self._passes = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await self._passes.wait()
        self._passes.clear()

    def passes(self, seconds: float) -> None:
        """Let so much time pass, and whoever slept go on."""
        self.advance(seconds)
        self._passes.set()


async def until(condition: Callable[[], object]) -> None:
    """Let everything else go on until something is true."""
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - whatever is asked about has no event
            await asyncio.sleep(0)


@dataclass(frozen=True)
class _Scene:
    """A board of problems, its journal, and a clock that the test lets go on."""

    board: ProblemBoard
    lines: Lines
    clock: _TurnedClock
    ledger: Ledger

    def told(self, event: str) -> list[dict[str, Any]]:
        """Return the fields of each line about an event."""
        return [fields for kind, _, fields in self.lines.said if kind == event]

    async def flap(self, times: int, *, slug: str = "slot-fault") -> None:
        """Have a problem of a slot come and go, each time for one second and after another."""
        for number in range(times):
            self.clock.advance(1)
            await self.board.open(slug, subject="slot A1", reason=f"reason {number}")
            self.clock.advance(1)
            await self.board.clear(slug, subject="slot A1")

    @asynccontextmanager
    async def going_on(self, work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
        """Have work go on beside a test."""
        async with asyncio.TaskGroup() as group:
            task = group.create_task(work)
            yield
            task.cancel()


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[_Scene]:
    """A board over a real ledger."""
    lines, clock = Lines(), _TurnedClock()
    with parts.ledger_at(tmp_path / "ledger.sqlite3") as ledger:
        board = ProblemBoard(ledger=ledger, journal=lines, clock=clock)
        yield _Scene(board, lines, clock, ledger)


@pytest.mark.asyncio
async def test_what_lasts_is_summed_up_once_an_hour(scene: _Scene) -> None:
    """All problems that were open for a whole hour are one line; where there are none, no line."""
    clock = scene.clock
    async with scene.going_on(scene.board.summarise()):
        await until(lambda: len(clock.slept) == 1)
        await scene.board.open("slot-fault", subject="slot A1", reason="x")
        clock.passes(SUMMARY_EVERY_S)
        await until(lambda: len(clock.slept) == 2)
        assert scene.told("problems-last") == []
        for number in range(2, 24):
            await scene.board.open("slot-fault", subject=f"slot A{number}", reason="x")
        clock.passes(SUMMARY_EVERY_S)
        await until(lambda: len(clock.slept) == 3)
        began = "slot-fault (slot A1) since 2026-11-23T02:00:00Z"
        assert scene.told("problems-last") == [{"count": 1, "problems": began}]
        clock.passes(SUMMARY_EVERY_S)
        await until(lambda: len(clock.slept) == 4)
        all_of_them = scene.told("problems-last")[-1]
        assert all_of_them["count"] == 23
        assert all_of_them["problems"].startswith(f"{began}; ")
        assert all_of_them["problems"].endswith("; 3 more")
        for number in range(1, 24):
            await scene.board.clear("slot-fault", subject=f"slot A{number}")
        clock.passes(SUMMARY_EVERY_S)
        await until(lambda: len(clock.slept) == 5)
        assert len(scene.told("problems-last")) == 2


@pytest.mark.asyncio
async def test_guessing_is_one_problem_for_as_long_as_it_goes_on(scene: _Scene) -> None:
    """A slip is none; many guesses begin it once, and ten minutes without one end it."""
    board, clock = scene.board, scene.clock
    guesses = Guesses(problems=board, clock=clock)
    async with scene.going_on(guesses.run()):
        for _ in range(2 * FEW):
            guesses.noted("192.0.2.1")
            clock.advance(QUIET_S + 1)
        # Whoever waits for the next one is not woken by these.
        await asyncio.sleep(0)
        assert (board.current(), clock.slept) == ([], [])
        for _ in range(100):
            guesses.noted("192.0.2.7")
        await until(lambda: len(clock.slept) == 1)
        assert [problem.reason for problem in board.current()] == [
            "100 wrong tokens so far, the last from 192.0.2.7."
        ]
        guesses.noted("192.0.2.8")
        clock.passes(QUIET_S)
        await until(lambda: len(clock.slept) == 2)
        assert [problem.reason for problem in board.current()] == [
            "101 wrong tokens so far, the last from 192.0.2.8."
        ]
        clock.passes(QUIET_S)
        await until(lambda: scene.told("problem-closed"))
    assert len(scene.told("problem-opened")) == len(scene.told("problem-closed")) == 1
    assert scene.told("problem-closed")[0]["lasted_s"] == 2 * QUIET_S


@pytest.mark.asyncio
async def test_guessing_that_a_crash_left_open_is_over_with_the_next_start(scene: _Scene) -> None:
    """Nobody would end it otherwise: the count began anew."""
    await scene.board.open(SLUG, subject=SUBJECT, reason="x")
    async with scene.going_on(Guesses(problems=scene.board, clock=scene.clock).run()):
        await until(lambda: scene.told("problem-closed"))
    assert scene.board.current() == []


@pytest.mark.asyncio
async def test_what_flaps_is_a_few_lines_and_as_few_entries_of_the_record(scene: _Scene) -> None:
    """Of forty times three are said, and an end when it has stayed away, with how often it came."""
    committed: list[facts.Fact] = []
    scene.ledger.on_commit(committed.extend)
    async with scene.going_on(scene.board.settle()):
        await scene.flap(40)
        assert len(scene.told("problem-opened")) == OFTEN
        assert len(scene.told("problem-closed")) == OFTEN - 1
        assert [line["times"] for line in scene.told("problem-opened")] == [None, None, OFTEN]
        assert scene.board.current() == []
        await until(lambda: scene.clock.slept)
        scene.clock.passes(AWAY_S - 1)
        await until(lambda: len(scene.clock.slept) == 2)
        assert len(scene.told("problem-closed")) == OFTEN - 1
        scene.clock.passes(1)
        await until(lambda: len(scene.told("problem-closed")) == OFTEN)
        # From its third beginning to its last end; what it stayed away for is no part of it.
        end = {"slot": "A1", "slug": "slot-fault", "subject": "slot A1", "lasted_s": 75}
        assert scene.told("problem-closed")[-1] == {**end, "times": 40}
        await scene.flap(1)
    assert len(scene.told("problem-opened")) == len(scene.told("problem-closed")) == OFTEN + 1
    opened = [fact for fact in committed if isinstance(fact, facts.ProblemOpened)]
    closed = [fact for fact in committed if isinstance(fact, facts.ProblemClosed)]
    assert len(opened) == len(closed) == OFTEN + 1
    assert [fact.times for fact in closed] == [1, 1, 40, 1]
    assert await scene.ledger.problems() == []


@pytest.mark.asyncio
async def test_what_flaps_is_shown_as_it_is(scene: _Scene) -> None:
    """While it is there it is open, with its reason of now and that it comes and goes."""
    await scene.flap(4)
    assert scene.board.current() == []
    await scene.board.open("slot-fault", subject="slot A1", reason="the fifth")
    (shown,) = scene.board.of_subject("slot A1")
    assert shown.reason == "the fifth (It comes and goes: 5 times so far.)"
    # As in the record, which has it open since its third beginning.
    assert shown.since == "2026-11-23T02:00:05Z"
    await scene.board.open_or_reword("slot-fault", subject="slot A1", reason="other words")
    assert [problem.reason for problem in scene.board.current()] == [
        "other words (It comes and goes: 5 times so far.)"
    ]


@pytest.mark.asyncio
async def test_what_flaps_is_in_the_summary_also_while_it_is_away(scene: _Scene) -> None:
    """The hour's line has it, with how often it came."""
    async with scene.going_on(scene.board.summarise()):
        await until(lambda: len(scene.clock.slept) == 1)
        await scene.flap(3)
        scene.clock.passes(SUMMARY_EVERY_S)
        await until(lambda: len(scene.clock.slept) == 2)
        await scene.flap(4)
        scene.clock.passes(SUMMARY_EVERY_S)
        await until(lambda: scene.told("problems-last"))
    said = "slot-fault (slot A1) since 2026-11-23T02:00:05Z, 7 times"
    assert scene.told("problems-last") == [{"count": 1, "problems": said}]


@pytest.mark.asyncio
async def test_a_stop_says_the_ends_that_were_not_said(scene: _Scene) -> None:
    """The next run finds no problem on record that is over; one that is there stays."""
    await scene.flap(3)
    await scene.flap(3, slug="camera-not-allowed")
    await scene.board.open("camera-not-allowed", subject="slot A1", reason="it stays")
    await scene.board.say_ends(away_s=0)
    assert [problem.slug for problem in await scene.ledger.problems()] == ["camera-not-allowed"]
    assert scene.told("problem-closed")[-1]["times"] == 3


@pytest.mark.asyncio
async def test_a_failure_that_comes_the_first_time_is_said_at_once(scene: _Scene) -> None:
    """Others that flap, of the same slot too, delay nothing."""
    await scene.flap(10)
    await scene.board.open("no-known-copy", subject="slot A1", reason="x")
    assert scene.told("problem-opened")[-1]["slug"] == "no-known-copy"
    assert {problem.slug for problem in await scene.ledger.problems()} == {
        "slot-fault",
        "no-known-copy",
    }
