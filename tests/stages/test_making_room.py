"""Room in the spool: what is stored everywhere goes, and whatever stays is said with its reason."""

import asyncio
from pathlib import Path

import pytest

from dockd.core import facts
from dockd.core.clip import Clip, SpoolCopy
from dockd.errors import StoreRejected, StoreUnreachable
from dockd.ports.spool import Space
from dockd.ports.store import Outgoing, Probe
from dockd.stages.wipe import WipePolicy
from tests.fakes.holds_post import Post, fresh
from tests.fakes.memory_store import MemoryStore
from tests.stages.rig import Rig, rig_at, running, until

MANY = 70


class Second(MemoryStore):
    """A second store, out of reach for as long as the test says."""

    away = True

    async def probe(self) -> Probe:
        if self.away:
            raise StoreUnreachable("nobody answers")
        return await super().probe()


class Refusing(MemoryStore):
    """A store that takes nothing."""

    async def put_whole(self, outgoing: Outgoing) -> str:
        raise StoreRejected(f"{outgoing.expected.key} is not wanted here")


def make_short(rig: Rig) -> None:
    """Have the spool say that it is full, whatever is done about it."""
    rig.spool.space = lambda: Space(  # type: ignore[method-assign]  # no disk is full at will
        used_bytes=100, free_bytes=5, reserve_bytes=10, accepting=False
    )


async def make_room(rig: Rig, *, rounds: int = 1) -> None:
    """Have the house look for room, and say what it finds."""
    for _ in range(rounds):
        await rig.housekeeping._make_room()
    await rig.housekeeping._say_whether_full()


def why_full(rig: Rig) -> str:
    """Return why the spool is full, as people are told."""
    [problem] = [each for each in rig.problems.current() if each.slug == "spool-full"]
    return problem.reason


async def stored_and_away(rig: Rig, *, slot: str = "A1", serial: str = "BWC-1") -> None:
    """Have a clip stored at the first store and its camera gone."""
    (rig.rack.folder(slot, serial) / "clip").write_bytes(b"footage " + serial.encode())
    before, left = rig.count(facts.ReceiptAccepted), rig.count(facts.Undocked)
    rig.rack.dock(slot, serial)
    await until(lambda: rig.count(facts.ReceiptAccepted) > before, what="it is stored")
    rig.rack.undock(slot)
    await until(lambda: rig.count(facts.Undocked) > left, what="the camera is away")


@pytest.mark.asyncio
async def test_a_copy_stays_for_the_store_that_is_still_to_have_it(tmp_path: Path) -> None:
    """One receipt is required, and yet the second store gets what it was configured to get."""
    second = Second(name="second")
    async with rig_at(tmp_path, stores=(MemoryStore(name="central"), second)) as rig, running(rig):
        await stored_and_away(rig)
        make_short(rig)
        await make_room(rig)
        assert rig.count(facts.SpoolPurged) == 0
        [clip] = await rig.clips()
        assert f"store second is still to have {clip.size_bytes} bytes" in why_full(rig)
        second.away = False
        rig.clock.advance(3600.0)
        await until(
            lambda: any(
                isinstance(fact, facts.ReceiptAccepted) and fact.store == "second"
                for fact in rig.committed
            ),
            what="the second store has it",
        )
        await make_room(rig)
        assert [clip.spool_copy for clip in await rig.clips()] == [SpoolCopy.PURGED]
        assert "still to have" not in why_full(rig)


@pytest.mark.asyncio
async def test_a_copy_that_one_store_refuses_for_ever_stays_and_is_said(tmp_path: Path) -> None:
    """A refusal is for a person to settle: the copy stays, also once somebody let the hold go."""
    stores = (MemoryStore(name="central"), Refusing(name="second"))
    async with rig_at(tmp_path, stores=stores) as rig, running(rig):
        await stored_and_away(rig)
        await until(lambda: rig.count(facts.ClipHeld) == 1, what="it is set aside")
        make_short(rig)
        await make_room(rig)
        [clip] = await rig.clips()
        assert f"{clip.size_bytes} bytes are of clips on hold" in why_full(rig)
        freed = facts.ClipReleased(clip=clip.number, hold="error", why="never mind", actor="bob")
        await rig.ledger.record(freed)
        await make_room(rig)
        assert rig.count(facts.SpoolPurged) == 0


@pytest.mark.asyncio
async def test_what_has_to_stay_hides_nothing_that_may_go(tmp_path: Path) -> None:
    """However many copies of docked cameras stand in front, those behind them make room."""
    async with rig_at(tmp_path) as rig, running(rig):
        rig.wipe.policy = WipePolicy(
            after="never", rehash="after-break", required=1, stores=frozenset(rig.stores)
        )
        folder = rig.rack.folder("A1", "BWC-1")
        for number in range(MANY):
            (folder / f"{number}").write_bytes(b"footage %d" % number)
        rig.rack.dock("A1", "BWC-1")
        await until(lambda: rig.count(facts.ReceiptAccepted) == MANY, what="all is stored")
        await stored_and_away(rig, slot="B2", serial="BWC-2")
        make_short(rig)
        await make_room(rig)
        purged = [clip.camera for clip in await rig.clips() if clip.spool_copy is SpoolCopy.PURGED]
        assert purged == ["BWC-2"]


@pytest.mark.asyncio
async def test_no_receipt_of_before_a_restore_makes_room(tmp_path: Path) -> None:
    """After a restore the stores' old word is no reason to let a copy go."""
    async with rig_at(tmp_path) as rig, running(rig, uploads=True):
        await stored_and_away(rig)
        make_short(rig)
        await rig.ledger.begin_epoch("restored")
        await make_room(rig)
        assert rig.count(facts.SpoolPurged) == 0
        await rig.confirming.confirm(await rig.clips(), epoch=2)
        await make_room(rig)
        assert rig.count(facts.SpoolPurged) == 1


@pytest.mark.asyncio
async def test_nothing_goes_before_its_store_told_whether_the_ledger_was_restored(
    tmp_path: Path,
) -> None:
    """Not for want of room, and not what an interrupted purge left over; and it is said."""
    async with rig_at(tmp_path) as rig, running(rig):
        await stored_and_away(rig)
        make_short(rig)
        rig.unasked = frozenset({"central"})
        await make_room(rig)
        assert rig.count(facts.SpoolPurged) == 0
        assert "store central is first to tell" in why_full(rig)
        [clip] = await rig.clips()
        await rig.ledger.record(facts.SpoolPurged(clip=clip.number, reason="room is short"))
        await rig.housekeeping._remove_leftovers()
        assert len(list(rig.spool.sidecars())) == 1
        rig.unasked = frozenset()
        await rig.housekeeping._remove_leftovers()
        await make_room(rig)
        assert list(rig.spool.sidecars()) == []
        assert "is first to tell" not in why_full(rig)


@pytest.mark.asyncio
@pytest.mark.parametrize("held", [True, False])
async def test_what_another_station_holds_makes_no_room(tmp_path: Path, held: bool) -> None:
    """What the shared list names stays, however old the list is; it keeps nothing else here."""
    post = Post()
    async with rig_at(tmp_path, holds=post) as rig, running(rig):
        post.on_disk = fresh(rig.clock, cameras=["BWC-1" if held else "BWC-2"], days=30)
        await rig.shared_holds.settle()
        await stored_and_away(rig)
        make_short(rig)
        await make_room(rig)
        (clip,) = await rig.clips()
        assert (clip.spool_copy is SpoolCopy.PROVEN) == held


@pytest.mark.asyncio
async def test_a_hold_while_room_is_made_keeps_what_is_left(tmp_path: Path) -> None:
    """Once a person was told that cameras are held, no copy of their clips makes room."""
    async with rig_at(tmp_path) as rig, running(rig):
        cameras = ("BWC-1", "BWC-2")
        for serial in cameras:
            await stored_and_away(rig, serial=serial)
        make_short(rig)
        purge, loop = rig.spool.purge, asyncio.get_running_loop()
        holds = [
            facts.SetAside(subject=f"camera {serial}", hold="legal", why="a court", actor="bob")
            for serial in cameras
        ]

        def purged_meanwhile(clip: Clip) -> None:
            asyncio.run_coroutine_threadsafe(rig.ledger.record(*holds), loop).result()
            purge(clip)

        rig.spool.purge = purged_meanwhile  # type: ignore[method-assign]  # between two of a page
        await make_room(rig)
        assert rig.count(facts.SpoolPurged) == 1
