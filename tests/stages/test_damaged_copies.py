"""Bytes that arrive damaged: whose fault it is, and that a clip is held for no fault of its own."""

import os
from pathlib import Path

import pytest

from dockd.core import facts
from dockd.core.clip import SpoolCopy
from dockd.errors import StoreChecksumMismatch
from dockd.ports.store import Outgoing
from tests.fakes.memory_store import MemoryStore
from tests.stages.rig import Rig, rig_at, running, until

pytestmark = pytest.mark.asyncio

TROUBLE = StoreChecksumMismatch.slug
FOOTAGE = b"footage of a quiet night"


class Mangled(MemoryStore):
    """A store behind something that damages what is sent to it, so many times."""

    def __init__(self, *, times: int) -> None:
        super().__init__(name="central")
        self._left = times

    async def put_whole(self, outgoing: Outgoing) -> str:
        if self._left:
            self._left -= 1
            raise StoreChecksumMismatch("other bytes than announced")
        return await super().put_whole(outgoing)


async def docked(rig: Rig) -> None:
    """Have a clip of one part filmed, and its camera docked."""
    (rig.rack.folder("A1", "BWC-1") / "clip").write_bytes(FOOTAGE)
    rig.rack.dock("A1", "BWC-1")
    await until(lambda: rig.count(facts.ClipVerified) > 0, what="it is proven in the spool")


async def in_time(rig: Rig, kind: type[facts.Fact], *, what: str) -> None:
    """Let the time go by until there was a fact of a kind: what failed is not tried at once."""

    def looked() -> bool:
        rig.clock.advance(60)
        return rig.count(kind) > 0

    await until(looked, what=what)


async def test_a_small_clip_that_was_damaged_once_is_sent_again(tmp_path: Path) -> None:
    """A clip that goes as a whole has the same second chance as a part of a larger one."""
    async with rig_at(tmp_path, stores=(Mangled(times=1),)) as rig, running(rig):
        await docked(rig)
        await in_time(rig, facts.ReceiptAccepted, what="it is stored")
        assert rig.count(facts.ClipHeld) == rig.count(facts.SpoolCopyLost) == 0


async def test_a_small_clip_that_is_damaged_again_is_held(tmp_path: Path) -> None:
    """What lies between is a person's to look at, once the station's own copy was read again."""
    async with rig_at(tmp_path, stores=(Mangled(times=2),)) as rig, running(rig):
        await docked(rig)
        await in_time(rig, facts.ClipHeld, what="it is held")
        assert rig.count(facts.TransferRefused) == 1
        assert rig.count(facts.SpoolCopyLost) == 0
        assert TROUBLE in rig.open_problems()


async def test_a_small_clip_whose_copy_rots_is_copied_again(tmp_path: Path) -> None:
    """The copy is at fault: it is made again from the camera, and nobody holds the clip."""
    store = MemoryStore(name="central")
    async with rig_at(tmp_path, stores=(store,)) as rig:
        async with running(rig, uploads=False):
            await docked(rig)
            rig.rack.undock("A1")
            await until(lambda: rig.count(facts.Undocked) > 0, what="the camera is away")
        [kept] = (file for file in (tmp_path / "spool/clips").rglob("clip") if file.is_file())
        kept.write_bytes(FOOTAGE[::-1])
        async with running(rig):
            await in_time(rig, facts.SpoolCopyLost, what="the loss is known")
            assert [clip.spool_copy for clip in await rig.clips()] == [SpoolCopy.NONE]
            rig.rack.dock("A1", "BWC-1")
            await in_time(rig, facts.ClipWiped, what="it is stored and cleared")
        assert rig.count(facts.ClipHeld) == 0
    [stored] = (there for versions in store.bucket.objects.values() for there in versions)
    assert stored.content == FOOTAGE


async def test_a_good_copy_is_not_given_up_for_one_that_rots(tmp_path: Path) -> None:
    """A clip comes again under another time, and what is kept of it is not what was proven."""
    async with rig_at(tmp_path) as rig, running(rig, uploads=False):
        await docked(rig)
        rig.rack.undock("A1")
        await until(lambda: rig.count(facts.Undocked) > 0, what="the camera is away")
        [kept] = (file for file in (tmp_path / "spool/clips").rglob("clip") if file.is_file())
        kept.write_bytes(FOOTAGE[::-1])
        os.utime(rig.rack.folder("A1", "BWC-1") / "clip", ns=(1, 1))
        rig.rack.dock("A1", "BWC-1")
        await until(lambda: rig.count(facts.ClipMerged) > 0, what="it is known for what it is")
        [clip] = await rig.clips()
        assert clip.spool_copy is SpoolCopy.PROVEN
        assert rig.spool.verify(clip, stop=lambda: False).sha256 == clip.sha256
        assert rig.count(facts.SpoolCopyLost) == 1
