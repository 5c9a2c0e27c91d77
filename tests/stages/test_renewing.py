"""Receipts that are asked for again: all of them after a restore, one when somebody doubts it."""

from collections.abc import AsyncGenerator
from dataclasses import replace
from pathlib import Path

import pytest

from dockd.core import facts
from dockd.core.clip import SpoolCopy
from dockd.errors import IllegalFact, StoreLostObject, StoreUnreachable
from dockd.ports.store import Outgoing, Proven
from tests.fakes.memory_store import MemoryBucket, MemoryStore
from tests.stages.rig import Rig, rig_at, running, until

CLIPS = 40


class Moody(MemoryStore):
    """A store that answers for as long as the test lets it."""

    answers = 10**9
    asked = 0

    async def prove(self, outgoing: Outgoing, *, version: str) -> Proven:
        self.asked += 1
        if not self.answers:
            raise StoreUnreachable("nobody answers")
        self.answers -= 1
        return await super().prove(outgoing, version=version)


async def stored(rig: Rig, *, clips: int = CLIPS) -> None:
    """Have clips stored and cleared, and their camera away."""
    folder = rig.rack.folder("A1", "BWC-1")
    for number in range(clips):
        (folder / f"{number}").write_bytes(b"footage %d" % number)
    rig.rack.dock("A1", "BWC-1")
    await until(lambda: rig.count(facts.ClipWiped) == clips, what="all is cleared")
    rig.rack.undock("A1")
    await until(lambda: rig.count(facts.Undocked) == 1, what="the camera is away")


async def restored(rig: Rig) -> None:
    """Begin an epoch as the daemon does."""
    epoch = await rig.ledger.begin_epoch("behind its checkpoint")
    assert epoch == 2
    await rig.problems.open("ledger-restored", subject="ledger", reason="it is behind")


async def epochs(rig: Rig) -> set[int]:
    """Return the epochs of every receipt there is."""
    return {
        receipt.epoch
        for clip in await rig.clips()
        for receipt in await rig.ledger.receipts(clip.number)
    }


def repeated(rig: Rig) -> int:
    """Return how many receipts were given in the new epoch."""
    return sum(
        isinstance(fact, facts.ReceiptAccepted) and fact.epoch == 2 for fact in rig.committed
    )


def is_over(rig: Rig) -> bool:
    """Return whether the restore is a thing of the past."""
    return "ledger-restored" not in rig.open_problems()


@pytest.mark.asyncio
async def test_a_restore_is_over_once_every_receipt_was_repeated(tmp_path: Path) -> None:
    """Also that of a copy that made room; one of a store that is not configured does not count."""
    async with rig_at(tmp_path) as rig, running(rig):
        await stored(rig)
        await rig.ledger.record(facts.SpoolPurged(clip=1, reason="room"))
        rig.spool.purge(await rig.ledger.clip(1))
        await rig.ledger.record(facts.TransferQueued(clip=2, store="former"))
        [there] = await rig.ledger.receipts(2)
        former = {**there.fields(), "store": "former"}
        await rig.ledger.record(
            facts.ObjectFinalizing(clip=2, store="former"),
            facts.ObjectConfirming(clip=2, store="former", version="v"),
            facts.ReceiptAccepted(**former),  # type: ignore[arg-type]  # as they were
        )
        await restored(rig)
        await until(lambda: is_over(rig), what="the restore is over")
        assert await epochs(rig) == {1, 2}
        assert await rig.ledger.unrepeated("central", epoch=2, after=None, limit=9) == []
        await until(lambda: rig.count(facts.ProblemClosed) == 1, what="that is on record")
        assert (await rig.ledger.clip(1)).spool_copy is SpoolCopy.PURGED


@pytest.mark.asyncio
async def test_a_restore_is_not_over_while_one_receipt_is_not_repeated(tmp_path: Path) -> None:
    """A store that falls silent in the middle keeps the word open, also across a restart."""
    bucket = MemoryBucket()
    store = Moody(bucket, name="central")
    async with rig_at(tmp_path, stores=(store,)) as rig, running(rig):
        await stored(rig)
        store.answers = CLIPS - 1
        await restored(rig)
        await until(lambda: "store-unreachable" in rig.open_problems(), what="it is silent")
        await until(lambda: repeated(rig) == CLIPS - 1, what="all but one are repeated")
        assert not is_over(rig)
        assert len(await rig.ledger.unrepeated("central", epoch=2, after=None, limit=9)) == 1
    again = Moody(bucket, name="central")
    again.answers = 0
    async with rig_at(tmp_path, stores=(again,)) as rig:
        await rig.problems.restore()
        assert not is_over(rig)
        async with running(rig):
            await until(lambda: again.asked > 3, what="it was asked, and asked again")
            assert not is_over(rig)
            again.answers = 10**9
            await until(lambda: is_over(rig), what="the restore is over")
        assert await epochs(rig) == {2}


@pytest.mark.asyncio
async def test_a_restore_is_said_although_the_daemon_died_before_it_said_so(tmp_path: Path) -> None:
    """Between the new epoch and the word of it nothing is known but the epoch: that is enough."""
    store = Moody(name="central")
    async with rig_at(tmp_path, stores=(store,)) as rig, running(rig):
        await stored(rig, clips=1)
        store.answers = 0
        await rig.ledger.begin_epoch("behind its checkpoint")
        await until(lambda: not is_over(rig), what="the restore is said")
        store.answers = 1
        await until(lambda: is_over(rig), what="the restore is over")


@pytest.mark.asyncio
async def test_what_a_store_lost_meanwhile_is_found_by_a_restore(tmp_path: Path) -> None:
    """A receipt that cannot be repeated is lost, is sent again, and holds up no restore."""
    store = MemoryStore(name="central")
    async with rig_at(tmp_path, stores=(store,)) as rig, running(rig):
        await stored(rig, clips=2)
        store.bucket.objects.clear()
        await restored(rig)
        await until(lambda: rig.count(facts.ReceiptLost) == 2, what="both losses are found")
        await until(lambda: is_over(rig), what="the restore is over")
        await until(lambda: len(store.bucket.objects) == 2, what="both are sent again")


@pytest.mark.asyncio
async def test_a_retry_finds_what_a_store_lost(tmp_path: Path) -> None:
    """A clip that somebody doubts is asked for again; what is lost is sent once more."""
    store = MemoryStore(name="central")
    async with rig_at(tmp_path, stores=(store,)) as rig, running(rig):
        await stored(rig, clips=2)
        lost, _ = store.bucket.objects.popitem()
        for clip in await rig.clips():
            await rig.ledger.record(facts.ClipRetried(clip=clip.number, why="w", actor="a"))
        await until(lambda: rig.count(facts.ReceiptLost) == 1, what="the loss is found")
        await until(lambda: lost in store.bucket.objects, what="it is sent again")
        assert rig.count(facts.ReceiptLost) == 1


async def doubted(rig: Rig, store: Moody) -> None:
    """Have a clip stored, its object lost, and that noticed while the store is silent."""
    await stored(rig, clips=1)
    store.answers = 0
    store.bucket.objects.clear()
    asked = store.asked
    await rig.ledger.record(facts.ClipRetried(clip=1, why="w", actor="a"))
    await until(lambda: store.asked > asked, what="the silent store is asked")


@pytest.mark.asyncio
@pytest.mark.parametrize("restarted", [False, True])
async def test_a_doubt_outlasts_a_silent_store(tmp_path: Path, restarted: bool) -> None:
    """However often a store does not answer, and across a restart, it is asked until it does."""
    store = Moody(name="central")
    async with rig_at(tmp_path, stores=(store,)) as rig, running(rig):
        await doubted(rig, store)
        if not restarted:
            store.answers = 10**9
            await until(lambda: rig.count(facts.ReceiptLost) == 1, what="the loss is found")
            return
    again = Moody(store.bucket, name="central")
    async with rig_at(tmp_path, stores=(again,)) as rig, running(rig):
        await until(lambda: rig.count(facts.ReceiptLost) == 1, what="the loss is found")
        await until(lambda: len(store.bucket.objects) == 1, what="it is sent again")


class Liar(MemoryStore):
    """A store that gives back other content than it says, or nothing, and counts who reads."""

    gives: bytes | None = None
    reads = 0

    async def read_back(self, key: str, *, version: str) -> AsyncGenerator[bytes, None]:
        self.reads += 1
        if self.gives is None:
            raise StoreLostObject("it is not there, whatever was said")
        yield self.gives


@pytest.mark.asyncio
@pytest.mark.parametrize("gives", [b"something else", b"", None])
async def test_a_store_in_doubt_is_not_believed_on_its_word(
    tmp_path: Path, gives: bytes | None
) -> None:
    """Who says one thing and gives another has the clip held, as often as it is let go, and kept.

    Until a person lets go of it nobody reads it again; once it reads well the receipt counts.
    """
    store = Liar(name="central")
    store.gives = gives
    async with rig_at(tmp_path, stores=(store,)) as rig, running(rig):
        await stored(rig, clips=1)
        await rig.ledger.record(facts.ClipRetried(clip=1, why="w", actor="a"))
        for held in (1, 2):
            await until(lambda held=held: rig.count(facts.ClipHeld) == held, what="it is held")  # type: ignore[misc]  # bound now
            await until(lambda: "store-conflict" in rig.open_problems(), what="that is said")
            assert store.reads == held
            await rig.renew._ask_again()
            assert store.reads == held
            clip = await rig.ledger.clip(1)
            assert (clip.vouched_by, clip.holds) == (frozenset(), ("error",))
            assert clip.spool_copy is SpoolCopy.PROVEN
            if held == 2:
                store.gives = b"footage 0"
            released = facts.ClipReleased(clip=1, hold="error", why="w", actor="a")
            await rig.ledger.record(released)
        await until(lambda: "store-conflict" not in rig.open_problems(), what="it is well")
        assert (await rig.ledger.clip(1)).vouched_by == {"central"}
        assert rig.count(facts.ReceiptLost) == 0


@pytest.mark.asyncio
async def test_what_is_in_doubt_makes_no_room(tmp_path: Path) -> None:
    """The copy of a clip stays, however short room is, until the store repeats its receipt."""
    store = Moody(name="central")
    async with rig_at(tmp_path, stores=(store,)) as rig, running(rig):
        await doubted(rig, store)
        rig.housekeeping.policy = replace(rig.housekeeping.policy, keep_stored_s=0.0)
        await rig.housekeeping._make_room()
        assert (await rig.ledger.clip(1)).spool_copy is SpoolCopy.PROVEN
        with pytest.raises(IllegalFact):
            await rig.ledger.record(facts.SpoolPurged(clip=1, reason="room"))
        store.answers = 10**9
        await until(lambda: len(store.bucket.objects) == 1, what="it is sent again")
        await until(lambda: rig.count(facts.ReceiptAccepted) > 2, what="and has a receipt")
        await rig.housekeeping._make_room()
        assert (await rig.ledger.clip(1)).spool_copy is SpoolCopy.PURGED


@pytest.mark.asyncio
async def test_a_doubt_that_is_over_lets_its_camera_go(tmp_path: Path) -> None:
    """What was in doubt is cleared from a camera in its slot as soon as the store is believed."""
    store = Liar(name="central")
    async with rig_at(tmp_path, stores=(store,)) as rig, running(rig):
        rig.wipe.policy = replace(rig.wipe.policy, after="never")
        (rig.rack.folder("A1", "BWC-1") / "0").write_bytes(b"footage 0")
        rig.rack.dock("A1", "BWC-1")
        await until(lambda: rig.count(facts.ReceiptAccepted) == 1, what="it is stored")
        rig.wipe.policy = replace(rig.wipe.policy, after="receipt")
        await rig.ledger.record(facts.ClipRetried(clip=1, why="w", actor="a"))
        await until(lambda: rig.count(facts.ClipHeld) == 1, what="it is held")
        store.gives = b"footage 0"
        await rig.ledger.record(facts.ClipReleased(clip=1, hold="error", why="w", actor="a"))
        await until(lambda: rig.count(facts.ClipWiped) == 1, what="it is cleared")
        assert store.reads == 2
