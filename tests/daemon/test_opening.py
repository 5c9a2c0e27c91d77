"""What a station makes of the ledger that it finds."""

from pathlib import Path

import pytest

from dockd.daemon.opening import Opened, settle_epoch
from dockd.stages.problems import ProblemBoard
from dockd.station.ledger import open_ledger
from dockd.station.spool.directory import DirectorySpool
from tests.fakes.still_clock import StillClock
from tests.stages.rig import Silent
from tests.station import ledger_parts as parts


@pytest.mark.asyncio
async def test_a_ledger_of_before_a_rebuild_is_a_restored_one(tmp_path: Path) -> None:
    """The spool's checkpoint is of another ledger: no receipt counts before it was repeated."""
    rebuilt = open_ledger(tmp_path / "rebuilt.sqlite3", clock=parts.HandClock(looks=1000))
    await rebuilt.record(parts.docked())
    await rebuilt.write_checkpoint(tmp_path)
    rebuilt.close()
    ledger = open_ledger(tmp_path / "ledger.sqlite3", clock=parts.HandClock())
    try:
        await ledger.record(parts.docked(), *parts.proven(1))
        await ledger.record(*parts.stored(1))
        board = ProblemBoard(ledger=ledger, journal=Silent(), clock=StillClock())
        spool = DirectorySpool(tmp_path, reserve_bytes=0, expected_spool_id=None)
        opened = Opened(ledger=ledger, spool=spool, rebuilt=False)
        before = (await ledger.head()).epoch
        await settle_epoch(opened, folder=tmp_path, problems=board)
        assert (await ledger.head()).epoch == before + 1
        (problem,) = board.of_subject("ledger")
        assert problem.slug == "ledger-restored"
        assert "is not that of the checkpoint" in problem.reason
        await ledger.write_checkpoint(tmp_path)
        await settle_epoch(opened, folder=tmp_path, problems=board)
        assert (await ledger.head()).epoch == before + 1
    finally:
        ledger.close()
