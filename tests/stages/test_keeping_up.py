"""A ledger that commits more slowly than things happen."""

import asyncio
import threading
from pathlib import Path

import pytest

from dockd.core import facts
from dockd.stages.keeping_up import BEHIND_S, KeepingUp
from dockd.stages.problems import ProblemBoard
from dockd.station.ledger import open_ledger
from dockd.station.ledger.writer import Moment
from tests.fakes.lines import Lines
from tests.fakes.still_clock import StillClock
from tests.stages.rig import until

PATIENCE_S = 20.0
STARTED = facts.StationStarted(version="1", boot_id="b")


class _SlowDisk:
    """Holds up the commit of everything but problems, until it is let go."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.let_go = threading.Event()

    def __call__(self, kind: str, moment: Moment) -> None:
        if kind == STARTED.kind and moment == "before":
            self.reached.set()
            assert self.let_go.wait(PATIENCE_S)


@pytest.mark.asyncio
async def test_commits_that_wait_are_said_until_they_are_through(tmp_path: Path) -> None:
    """On the board while the disk still hangs, with how many wait; over when it has caught up."""
    lines, clock, disk = Lines(), StillClock(), _SlowDisk()
    ledger = open_ledger(tmp_path / "ledger.sqlite3", clock=clock, faults=disk)
    problems = ProblemBoard(ledger=ledger, journal=lines, clock=clock)
    watch = KeepingUp(ledger=ledger, problems=problems, clock=clock)
    try:
        held_up = ledger.record_from_thread(STARTED)
        assert await asyncio.to_thread(disk.reached.wait, PATIENCE_S)
        waiting = ledger.record_from_thread(facts.Checkpointed(where="", sequence=1, root=""))
        await watch.look()
        assert problems.current() == []
        clock.advance(BEHIND_S + 1)
        async with asyncio.TaskGroup() as group:
            look = group.create_task(watch.look())
            await until(lambda: bool(problems.current()), what="it is said")
            (problem,) = problems.current()
            assert problem.slug == "ledger-behind"
            assert problem.reason == "2 facts wait and the oldest for 6 s."
            assert not look.done()
            disk.let_go.set()
        await asyncio.wrap_future(held_up)
        await asyncio.wrap_future(waiting)
        # Whoever waited is told a moment before the writer counts it as done.
        await until(lambda: not ledger.backlog().waiting, what="nothing waits")
        await watch.look()
        assert problems.current() == []
        assert lines.of("problem-closed")["slug"] == "ledger-behind"
    finally:
        disk.let_go.set()
        ledger.close()
