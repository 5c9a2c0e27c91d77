"""The record, held against itself while the station runs."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from dockd.core import facts
from dockd.stages.audit import Audit
from dockd.stages.problems import ProblemBoard
from dockd.station.ledger import SqliteLedger
from tests.fakes.lines import Lines
from tests.fakes.still_clock import StillClock
from tests.station import ledger_parts as parts

MANY = 250


@dataclass(frozen=True)
class _Scene:
    """An audit of a real ledger of more events than it looks at at once."""

    audit: Audit
    problems: ProblemBoard
    lines: Lines
    ledger: SqliteLedger
    path: Path

    def set_fields(self, sequence: int, fields: str) -> str:
        """Change an event behind the ledger's back; return what stood there."""
        with parts.writable(self.path) as connection:
            connection.execute("DROP TRIGGER IF EXISTS events_no_update")
            asked = "SELECT fields FROM events WHERE sequence = ?"
            (before,) = connection.execute(asked, (sequence,)).fetchone()
            connection.execute(
                "UPDATE events SET fields = ? WHERE sequence = ?", (fields, sequence)
            )
        return str(before)

    async def fill(self) -> None:
        """Record more than one look takes in."""
        started = facts.StationStarted(version="1", boot_id="b")
        await self.ledger.record(*[started] * MANY)

    def reasons(self) -> list[str]:
        """Return the reasons of what is open."""
        return [problem.reason for problem in self.problems.current()]


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[_Scene]:
    """Lend a ledger, a board over it and an audit of it."""
    lines, clock, path = Lines(), StillClock(), tmp_path / "ledger.sqlite3"
    with parts.ledger_at(path) as ledger:
        problems = ProblemBoard(ledger=ledger, journal=lines, clock=clock)
        audit = Audit(ledger=ledger, problems=problems, clock=clock)
        yield _Scene(audit, problems, lines, ledger, path)


@pytest.mark.asyncio
async def test_a_record_that_was_meddled_with_is_said_until_it_holds_again(scene: _Scene) -> None:
    """One event changed, far behind the first look: fail, and over once the record holds."""
    await scene.fill()
    await scene.audit.walk()
    assert scene.reasons() == []
    before = scene.set_fields(MANY - 10, '{"boot_id":"b","version":"2"}')
    await scene.audit.walk()
    (problem,) = scene.problems.current()
    assert problem.severity == "fail"
    assert problem.reason == (
        f"The record cannot be believed from event {MANY - 10} on: "
        "the event was changed after it was written."
    )
    scene.set_fields(MANY - 10, before)
    await scene.audit.walk()
    assert scene.reasons() == []
    assert scene.lines.of("problem-closed")["slug"] == "ledger-broken"


@pytest.mark.asyncio
async def test_an_event_that_cannot_even_be_read_is_where_the_record_breaks(scene: _Scene) -> None:
    """What is no event at all ends the walk there, and not the audit."""
    await scene.fill()
    scene.set_fields(MANY - 20, "[]")
    await scene.audit.walk()
    (reason,) = scene.reasons()
    assert reason.startswith(f"The record cannot be believed from event {MANY - 20} on: ")
