"""What a station makes of the ledger that it finds."""

import asyncio
import shutil
from pathlib import Path

import pytest

from dockd.core import facts
from dockd.core.custody import encode_checkpoint, parse_checkpoint
from dockd.daemon.opening import Opened, settle_epoch
from dockd.daemon.store_checkpoints import StoreCheckpoints
from dockd.errors import DockdError, StoreRefusedCredentials, StoreUnreachable
from dockd.stages.problems import ProblemBoard
from dockd.station.ledger import SqliteLedger, open_ledger
from dockd.station.spool.directory import DirectorySpool
from tests.fakes.memory_store import MemoryStore
from tests.fakes.still_clock import StillClock
from tests.stages.rig import Silent, until
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


class Away(MemoryStore):
    """A store that gives nothing back for as long as the test says, and takes what it is sent."""

    away = False

    async def read_record(self, key: str) -> bytes | None:
        if self.away:
            raise StoreUnreachable("nobody answers")
        return await super().read_record(key)


def told(store: MemoryStore) -> int:
    """Return up to where in the record a store was last told of it."""
    (content,) = store.bucket.records.values()
    return parse_checkpoint(content).sequence


@pytest.mark.parametrize("damaged", [False, True])
@pytest.mark.asyncio
async def test_a_store_is_told_nothing_before_it_told_what_it_knows(
    tmp_path: Path, *, damaged: bool
) -> None:
    """A whole disk was put back, and its store is away at the start: it is a witness still."""
    store = Away(name="central")
    first = open_ledger(tmp_path / "first.sqlite3", clock=parts.HandClock())
    await first.record(parts.docked())
    first.close()
    shutil.copy(tmp_path / "first.sqlite3", tmp_path / "yesterday.sqlite3")

    def checkpoints(ledger: SqliteLedger) -> tuple[StoreCheckpoints, ProblemBoard]:
        clock = StillClock()
        board = ProblemBoard(ledger=ledger, journal=Silent(), clock=clock)
        stores = {"central": store}
        at_stores = StoreCheckpoints(ledger, stores, station="s", problems=board, clock=clock)
        return at_stores, board

    later = open_ledger(tmp_path / "first.sqlite3", clock=parts.HandClock(looks=500))
    await later.record(*parts.proven(1))
    at_stores, _ = checkpoints(later)
    assert await at_stores.write(await later.checkpoint()) == ["central"]
    later.close()
    newest = told(store)
    if damaged:
        store.bucket.records = dict.fromkeys(store.bucket.records, b"?")

    ledger = open_ledger(tmp_path / "yesterday.sqlite3", clock=parts.HandClock(looks=900))
    try:
        at_stores, board = checkpoints(ledger)
        store.away = True
        assert await at_stores.write(await ledger.checkpoint()) == []
        assert damaged or told(store) == newest
        assert at_stores.unasked() == {"central"}
        store.away = False
        await at_stores.ask()
        assert at_stores.unasked() == frozenset()
        assert (await ledger.head()).epoch == (1 if damaged else 2)
        assert bool(board.of_subject("ledger")) is not damaged
        assert await at_stores.write(await ledger.checkpoint()) == ["central"]
        assert told(store) == (await ledger.head()).sequence
    finally:
        ledger.close()


@pytest.mark.parametrize("was", ["emptied", "put back", "another station's", "as it was"])
@pytest.mark.asyncio
async def test_a_store_that_forgot_what_it_was_told_has_its_receipts_repeated(
    tmp_path: Path, was: str
) -> None:
    """It is another bucket under the same name, or was restored itself: it may hold nothing."""
    store, clock = MemoryStore(name="central"), StillClock()
    ledger = open_ledger(tmp_path / "ledger.sqlite3", clock=parts.HandClock())
    other = open_ledger(tmp_path / "other.sqlite3", clock=parts.HandClock(looks=5000))
    try:
        board = ProblemBoard(ledger=ledger, journal=Silent(), clock=clock)

        def run() -> StoreCheckpoints:
            stores = {"central": store}
            return StoreCheckpoints(ledger, stores, station="s", problems=board, clock=clock)

        async def write(at_stores: StoreCheckpoints) -> None:
            checkpoint = await ledger.checkpoint()
            where = ", ".join(["spool", *await at_stores.write(checkpoint)])
            await ledger.record(
                facts.Checkpointed(where=where, sequence=checkpoint.sequence, root=checkpoint.root)
            )

        await write(run())
        yesterday = dict(store.bucket.records)
        await ledger.record(parts.docked(), *parts.proven(1))
        await write(run())
        (key,) = yesterday
        match was:
            case "emptied":
                store.bucket.records.clear()
            case "put back":
                store.bucket.records = yesterday
            case "another station's":
                store.bucket.records = {key: encode_checkpoint(await other.checkpoint())}
            case _:
                pass
        for _ in range(2):
            await write(run())
            assert (await ledger.head()).epoch == (1 if was == "as it was" else 2)
        assert bool(board.of_subject("ledger")) is (was != "as it was")
    finally:
        ledger.close()
        other.close()


class Refusing(MemoryStore):
    """A store that takes what it is sent, and says this when something is to be read."""

    says: DockdError | None = None

    async def read_record(self, key: str) -> bytes | None:
        if self.says is not None:
            raise self.says
        return await super().read_record(key)


@pytest.mark.asyncio
async def test_a_store_that_refuses_to_tell_is_said(tmp_path: Path) -> None:
    """Nothing makes room on its word, although all else goes well: somebody has to know why."""
    store, clock = Refusing(name="central"), StillClock()
    ledger = open_ledger(tmp_path / "ledger.sqlite3", clock=parts.HandClock())
    try:
        board = ProblemBoard(ledger=ledger, journal=Silent(), clock=clock)
        stores = {"central": store}
        at_stores = StoreCheckpoints(ledger, stores, station="s", problems=board, clock=clock)
        store.says = StoreUnreachable("nobody answers")
        assert await at_stores.write(await ledger.checkpoint()) == []
        assert board.current() == []
        store.says = StoreRefusedCredentials("403 AccessDenied")
        assert await at_stores.write(await ledger.checkpoint()) == []
        (problem,) = board.current()
        assert (problem.slug, problem.subject) == (
            "store-refused-credentials",
            "store central checkpoint",
        )
        assert "403 AccessDenied" in problem.reason
        store.says = StoreUnreachable("nobody answers")
        assert await at_stores.write(await ledger.checkpoint()) == []
        assert board.current() == [problem]
        store.says = None
        assert await at_stores.write(await ledger.checkpoint()) == ["central"]
        assert board.current() == []
    finally:
        ledger.close()


class Hanging(MemoryStore):
    """A share that does not come back from a read."""

    async def read_record(self, key: str) -> bytes | None:
        del key
        await asyncio.Event().wait()
        raise AssertionError


@pytest.mark.asyncio
async def test_a_store_that_hangs_keeps_no_other_from_being_asked(tmp_path: Path) -> None:
    """What is proven by the others is theirs to tell."""
    clock = StillClock()
    ledger = open_ledger(tmp_path / "ledger.sqlite3", clock=parts.HandClock())
    try:
        board = ProblemBoard(ledger=ledger, journal=Silent(), clock=clock)
        stores = {"a": Hanging(name="a"), "b": MemoryStore(name="b")}
        at_stores = StoreCheckpoints(
            ledger, stores, station="s", problems=board, clock=clock, patience_s=0.1
        )
        async with asyncio.TaskGroup() as group:
            asking = group.create_task(at_stores.ask())
            await until(lambda: at_stores.unasked() == {"a"}, what="the other was asked")
            async with asyncio.timeout(5):
                assert await at_stores.write(await ledger.checkpoint()) == ["b"]
            asking.cancel()
    finally:
        ledger.close()


@pytest.mark.asyncio
async def test_a_store_may_be_called_spool(tmp_path: Path) -> None:
    """What the spool's folder was told is nothing that a store of that name has to know."""
    ledger = open_ledger(tmp_path / "ledger.sqlite3", clock=parts.HandClock())
    try:
        told: list[int | None] = []
        for number, where in enumerate(("spool", "spool, spool", "spool")):
            await ledger.record(facts.Checkpointed(where=where, sequence=number, root="r"))
            told.append((await ledger.store_memory("spool")).told_up_to)
        assert told == [None, 1, 1]
    finally:
        ledger.close()
