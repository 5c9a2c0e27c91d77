"""What the journal says of a problem."""

from pathlib import Path

import pytest

from dockd.stages.problems import ProblemBoard
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
