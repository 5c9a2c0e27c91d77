"""What is said of a slot whose device is refused is about that device, and no other."""

from pathlib import Path

import pytest

from dockd.ports.camera import Refusal, Sighting
from dockd.stages.dock import Dock
from dockd.stages.problems import ProblemBoard
from tests.fakes.lines import Lines
from tests.fakes.seen import Seen
from tests.fakes.still_clock import StillClock
from tests.station import ledger_parts as parts


@pytest.mark.asyncio
async def test_one_refusal_takes_the_place_of_another(tmp_path: Path) -> None:
    """A slot's problem is why its device is refused now, with the newest words."""
    refusals = [
        Refusal(slot="A1", slug="camera-not-allowed", reason="a stick"),
        Refusal(slot="A1", slug="camera-duplicate-serial", reason="in slots A1, A2"),
        Refusal(slot="A1", slug="camera-duplicate-serial", reason="in slots A1, A2, A3"),
    ]
    with parts.ledger_at(tmp_path / "ledger.sqlite3") as ledger:
        clock = StillClock()
        board = ProblemBoard(ledger=ledger, journal=Lines(), clock=clock)

        async def stay(sighting: Sighting) -> None:
            raise AssertionError(sighting)

        await Dock(Seen(*refusals), stay=stay, problems=board, clock=clock).run()
        found = [(problem.slug, problem.reason) for problem in board.current()]
    assert found == [("camera-duplicate-serial", "in slots A1, A2, A3")]
