"""The ledger's daily work: facts in, state out, on a real SQLite file."""

import asyncio
from pathlib import Path

import pytest

from dockd.core import facts
from dockd.core.clip import Place
from dockd.core.transfer import State
from dockd.errors import IllegalFact, NotFound, Refused, SpoolReadOnly
from dockd.ports.ledger import Ledger
from dockd.station.ledger import fault_points, open_ledger, verify_chain
from tests.station import ledger_parts as parts

STORES = frozenset({parts.STORE})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where the test's ledger is."""
    return tmp_path / "ledger.sqlite3"


def test_it_is_the_ledger_that_the_stages_speak_to(path: Path) -> None:
    """`SqliteLedger` has every method of the port, with its types."""
    with parts.ledger_at(path) as ledger:
        port: Ledger = ledger
        assert port.next_clip_number() == 1


@pytest.mark.asyncio
async def test_the_whole_way_of_a_clip(path: Path) -> None:
    """A clip's way from its camera to its wipe leaves its state, its receipt and its history."""
    with parts.ledger_at(path) as ledger:
        await ledger.set_policy(required=1, stores=STORES)
        number = ledger.next_clip_number()
        await ledger.record(parts.docked(), *parts.proven(number))
        assert (await ledger.queue()).clips == 1
        await ledger.record(*parts.stored(number))
        await ledger.record(*parts.wiped(number), parts.left())
        clip = await ledger.clip(number)
        assert (await ledger.tally()).clips[Place.WIPED] == 1
        assert clip.proven_by == (parts.STORE,)
        assert await ledger.receipts(number) == [parts.receipt(number)]
        sent = (await ledger.sent([clip]))[number]
        assert (sent.receipts, set(sent.receipt_times)) == ([parts.receipt(number)], {parts.STORE})
        transfer = await ledger.transfer(number, store=parts.STORE)
        assert transfer is not None
        assert transfer.state is State.RECEIPTED
        assert [event.kind for event in await ledger.history(number)] == [
            "clip-seen",
            "clip-copied",
            "clip-verified",
            "transfer-queued",
            "object-finalizing",
            "object-confirming",
            "receipt-accepted",
            "wipe-intended",
            "clip-wiped",
        ]
        assert (await ledger.queue()).clips == 0
        assert await ledger.open_dockings() == []
    assert verify_chain(path) == "intact"


@pytest.mark.asyncio
async def test_an_illegal_fact_takes_back_its_own_submission_only(path: Path) -> None:
    """Facts handed in together stand or fall together; those of others stand."""
    with parts.ledger_at(path) as ledger:
        await ledger.record(parts.docked())
        bad = ledger.record_from_thread(parts.seen(1), parts.verified(1))
        good = ledger.record_from_thread(parts.seen(2))
        await asyncio.wrap_future(good)
        with pytest.raises(IllegalFact):
            await asyncio.wrap_future(bad)
        with pytest.raises(NotFound):
            await ledger.clip(1)
        assert [event.kind for event in await ledger.events_after(0, limit=9)] == [
            "docked",
            "clip-seen",
        ]
    assert verify_chain(path) == "intact"


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "illegal",
    [
        parts.seen(1),
        parts.docked(),
        parts.left("20261123T020000Z-ffffffff"),
        parts.seen(9, docking="20261123T020000Z-ffffffff"),
        parts.seen(9, camera="BWC-\udcff"),
        parts.seen(9, size_bytes=2**63),
        facts.ClipGone(clip=9, docking=parts.DOCKING),
        facts.ObjectFinalizing(clip=1, store=parts.STORE),
        facts.TransferQueued(clip=1, store=parts.STORE),
        facts.ClipMerged(clip=1, into=9),
        facts.EpochBegun(epoch=7, reason=""),
    ],
)
async def test_what_cannot_have_happened_is_refused(path: Path, illegal: facts.Fact) -> None:
    """A fact that the state does not permit is an IllegalFact, and leaves nothing behind."""
    with parts.ledger_at(path) as ledger:
        await ledger.record(parts.docked(), parts.seen(1))
        before = await ledger.head()
        with pytest.raises(IllegalFact):
            await ledger.record(illegal)
        assert await ledger.head() == before


@pytest.mark.asyncio
async def test_one_content_is_one_piece_of_evidence(path: Path) -> None:
    """A second clip with the same key is refused; once merged, the first is what lies there."""
    same = b"DCIM/1.mp4"
    with parts.ledger_at(path) as ledger:
        await ledger.record(parts.docked(), *parts.proven(1), parts.seen(2, path=same))
        twin = parts.verified(1)
        again = facts.ClipVerified(**{**vars(twin), "clip": 2})
        copied = facts.ClipCopied(**{**vars(parts.copied(1)), "clip": 2})
        with pytest.raises(IllegalFact, match="key"):
            await ledger.record(copied, again)
        provisional = (await ledger.clip(2)).id
        await ledger.record(facts.ClipMerged(clip=2, into=1))
        assert [clip.number for clip in await ledger.on_camera(parts.CAMERA)] == [1]
        assert [clip.number for clip in await ledger.in_docking(parts.DOCKING)] == [1]
        assert (await ledger.find(provisional)).number == 1
        assert (await ledger.completeness()).seen == 1


@pytest.mark.asyncio
async def test_dockings_and_problems_are_what_was_recorded(path: Path) -> None:
    """A docking goes through its stages once; a problem keeps its beginning until it is closed."""
    problem = {
        "slug": "spool-full",
        "subject": "spool",
        "severity": "warn",
        "reason": "first",
        "owner": "operations",
        "next_step": "n",
    }
    with parts.ledger_at(path) as ledger:
        await ledger.record(parts.docked())
        await ledger.record(
            facts.Listed(docking=parts.DOCKING, files=1, size_bytes=1, refused=0),
            facts.DockingOffloaded(docking=parts.DOCKING, clips=1),
            facts.DockingCleared(docking=parts.DOCKING, clips=1),
        )
        (row,) = await ledger.open_dockings()
        assert (row.listed, row.offloaded, row.cleared, row.ended_at) == (True, True, True, None)
        await ledger.record(parts.left())
        (row,) = await ledger.dockings(camera=parts.CAMERA)
        assert (row.end_reason, await ledger.open_dockings()) == ("pulled", [])
        with pytest.raises(IllegalFact, match="not open"):
            await ledger.record(parts.left())
        await ledger.record(facts.ProblemOpened(**problem))
        (first,) = await ledger.problems()
        await ledger.record(facts.ProblemOpened(**{**problem, "reason": "second"}))
        (second,) = await ledger.problems()
        assert (second.reason, second.since) == ("second", first.since)
        await ledger.record(facts.ProblemClosed(slug="spool-full", subject="spool", lasted_s=1))
        assert await ledger.problems() == []


@pytest.mark.asyncio
async def test_the_station_keeps_its_identity(path: Path) -> None:
    """Ledger id, epoch, spool id and numbers are the same after a restart; numbers go on."""
    with parts.ledger_at(path) as ledger:
        await ledger.record(
            facts.SpoolAdopted(spool_id="spool-1"),
            facts.StoreProbed(store=parts.STORE, strength="digest", detail="refused"),
        )
        assert await ledger.begin_epoch("restored") == 2
        number = ledger.next_clip_number()
        await ledger.record(parts.docked(), parts.seen(number))
        before = await ledger.head()
    with parts.ledger_at(path) as ledger:
        assert await ledger.head() == before
        assert (before.epoch, before.spool_id) == (2, "spool-1")
        assert ledger.next_clip_number() == number + 1


@pytest.mark.asyncio
async def test_the_clock_is_said_with_each_event(path: Path) -> None:
    """An event carries RFC 3339 UTC time and whether the clock could be trusted then."""
    clock = parts.HandClock()
    ledger = open_ledger(path, clock=clock)
    await ledger.record(facts.StationStarted(version="1", boot_id="b"))
    clock.synchronised = False
    await ledger.record(facts.StationStopped(reason="r"))
    first, second = await ledger.events_after(0, limit=9)
    ledger.close()
    assert (first.clock_quality, second.clock_quality) == ("synchronised", "unsynchronised")
    assert first.time_utc.startswith("2026-11-23T02:00:00.")
    assert first.monotonic_ns < second.monotonic_ns


@pytest.mark.asyncio
async def test_nothing_is_recorded_after_the_close(path: Path) -> None:
    """A fact handed in after the close is refused, never silently lost; so is a question."""
    with parts.ledger_at(path) as ledger:
        pass
    with pytest.raises(SpoolReadOnly, match="closed"):
        ledger.record_from_thread(parts.docked()).result(timeout=5)
    with pytest.raises(SpoolReadOnly, match="closed"):
        await ledger.head()


def test_only_one_process_writes(path: Path) -> None:
    """A ledger that is open for writing is refused to everyone else until it is closed."""
    with (
        parts.ledger_at(path),
        pytest.raises(Refused, match="another process"),
        parts.ledger_at(path),
    ):
        pass
    with parts.ledger_at(path):
        pass


@pytest.mark.asyncio
async def test_a_cancelled_waiter_takes_nothing_back(path: Path) -> None:
    """What happened is recorded, although the task that reported it was cancelled."""
    with parts.ledger_at(path) as ledger:
        waiting = asyncio.wrap_future(ledger.record_from_thread(parts.docked()))
        waiting.cancel()
        await ledger.record()
        assert len(await ledger.open_dockings()) == 1


@pytest.mark.asyncio
async def test_whoever_listens_hears_of_every_commit_in_order(path: Path) -> None:
    """Listeners hear of the facts that were recorded, of no others, and not after who waited."""
    heard: list[facts.Fact] = []
    with parts.ledger_at(path) as ledger:
        ledger.on_commit(heard.extend)
        bad = ledger.record_from_thread(parts.seen(7))
        await ledger.record(parts.docked(), parts.seen(1))
        assert heard == [parts.docked(), parts.seen(1)]
        assert isinstance(bad.exception(), IllegalFact)


def test_fault_points_are_the_facts() -> None:
    """Every fact is a point at which dockd can be killed."""
    assert set(fault_points()) == set(facts.FACTS)
