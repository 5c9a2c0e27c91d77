"""A ledger that was put back to an earlier day: what the spool holds since is known again."""

import os
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NoReturn

import pytest

from dockd.core import facts
from dockd.core.clip import Clip, SpoolCopy
from dockd.errors import CameraGone, ClipUnreadable
from dockd.ports.spool import Keeping
from tests.fakes.memory_store import MemoryStore
from tests.stages.rig import Rig, failing_behind, rig_at, running, until
from tests.station.spool_parts import PART, content_of

pytestmark = pytest.mark.asyncio

SIZE = 2 * PART + 100


def offloaded(rig: Rig) -> bool:
    """Return whether all of a camera is proven."""
    return rig.count(facts.DockingOffloaded) > 0


async def offload(rig: Rig, *files: str, there: Callable[[Rig], bool] = offloaded) -> None:
    """Have a camera offloaded and taken out again, with no store that takes anything."""
    for number, name in enumerate(files):
        file = rig.rack.folder("A1", "BWC-1") / name
        file.write_bytes(content_of(SIZE, seed=number))
        os.utime(file, ns=(1, 1))
    async with running(rig, uploads=False):
        rig.rack.dock("A1", "BWC-1")
        await until(lambda: there(rig), what="it is offloaded so far")
        rig.rack.undock("A1")
        await until(lambda: rig.count(facts.Undocked) == 1, what="the camera is gone")


def back_up(folder: Path) -> None:
    """Copy the ledger of a rig that is closed."""
    shutil.copy(folder / "ledger.sqlite3", folder / "backup")


@asynccontextmanager
async def restored(folder: Path) -> AsyncIterator[Rig]:
    """Lend a station whose ledger was put back to the backup."""
    for file in folder.glob("ledger.sqlite3*"):
        file.unlink()
    shutil.copy(folder / "backup", folder / "ledger.sqlite3")
    async with rig_at(folder) as rig:
        await rig.ledger.begin_epoch("restored")
        yield rig


async def all_are_stored(rig: Rig, clips: int) -> None:
    """Check that each clip is sent, although no camera ever comes back."""
    async with running(rig):
        await until(lambda: rig.count(facts.ReceiptAccepted) == clips, what="all is stored")
    store = rig.stores["central"]
    assert isinstance(store, MemoryStore)
    assert {each[0].content for each in store.bucket.objects.values()} == {
        content_of(SIZE, seed=number) for number in range(clips)
    }


async def test_what_was_offloaded_since_the_backup_is_sent(tmp_path: Path) -> None:
    """The cameras were taken out and may never come back: the spool's copies are all there is."""
    async with rig_at(tmp_path):
        pass
    back_up(tmp_path)
    async with rig_at(tmp_path) as rig:
        await offload(rig, "a", "b")
        before = {clip.key: clip for clip in await rig.clips()}
    async with restored(tmp_path) as rig:
        await rig.housekeeping.begin()
        after = {clip.key: clip for clip in await rig.clips()}
        assert after.keys() == before.keys()
        for key, clip in after.items():
            assert clip.spool_copy is SpoolCopy.PROVEN
            assert _of_its_origin(clip) == _of_its_origin(before[key])
        assert await rig.ledger.open_dockings() == []
        await rig.housekeeping.begin()
        assert len(await rig.clips()) == 2
        await all_are_stored(rig, 2)


def _of_its_origin(clip: Clip) -> tuple[object, ...]:
    return (clip.camera, clip.birth_docking, clip.path, clip.slot, clip.mtime_ns, clip.sha256)


@pytest.mark.parametrize("begun_bytes", [0, PART])
async def test_what_was_only_begun_at_the_backup_is_sent(tmp_path: Path, begun_bytes: int) -> None:
    """The ledger knows the clip, and nothing or a part of its copy: it is the one that is kept."""
    async with rig_at(tmp_path) as rig:
        rig.rack.camera_class = failing_behind(begun_bytes, ClipUnreadable("not today"))
        await offload(rig, "a", there=lambda rig: rig.count(facts.ClipTroubled) > 0)
        (known,) = await rig.clips()
        assert len(known.spool_parts) == begun_bytes // PART
    back_up(tmp_path)
    async with rig_at(tmp_path) as rig:
        rig.clock.advance(3600)
        await offload(rig, "a")
        (before,) = await rig.clips()
    async with restored(tmp_path) as rig:
        await rig.housekeeping.begin()
        (clip,) = await rig.clips()
        assert (clip.number, clip.key) == (known.number, before.key)
        assert clip.spool_copy is SpoolCopy.PROVEN
        assert clip.seen_in == before.seen_in
        await all_are_stored(rig, 1)


async def test_what_a_crash_left_to_be_proven_is_left_to_that(tmp_path: Path) -> None:
    """A copy was kept and its proof not recorded: that it is read back first is not left out."""
    async with rig_at(tmp_path) as rig:
        await rig.ledger.begin_epoch("restored")
        keep = rig.spool.keep

        def keeping(*proven: Keeping) -> None:
            keep(*proven)
            raise CameraGone("the power failed")

        rig.spool.keep = keeping  # type: ignore[method-assign]  # a moment that no fake can hit
        await offload(rig, "a", there=lambda rig: bool(list(rig.spool.sidecars())))
        rig.spool.keep = keep  # type: ignore[method-assign]  # all is well again
        recover, rig.housekeeping.recover = rig.housekeeping.recover, _nothing  # type: ignore[method-assign]  # it fails
        await rig.housekeeping.begin()
        assert rig.count(facts.ClipVerified) == 0
        assert await recover() == 1
        await rig.housekeeping.begin()
        assert len(await rig.clips()) == 1


async def _nothing() -> int:
    return 0


async def test_a_kept_copy_that_is_cut_short_is_not_called_proven(tmp_path: Path) -> None:
    """It is said, and keeps the others from nothing."""
    async with rig_at(tmp_path):
        pass
    back_up(tmp_path)
    async with rig_at(tmp_path) as rig:
        await offload(rig, "a", "b")
    (short,) = (path for path in (tmp_path / "spool/clips").rglob("a") if path.is_file())
    os.truncate(short, PART)
    async with restored(tmp_path) as rig:
        await rig.housekeeping.begin()
        assert [clip.path for clip in await rig.clips()] == [b"b"]
        assert "spool-changed" in rig.open_problems()
        short.unlink()
        await rig.housekeeping.begin()
        assert rig.open_problems() == set()


async def keep_twice(tmp_path: Path) -> None:
    """Have a ledger restored twice, and the spool a copy of one clip from each time since."""
    async with rig_at(tmp_path):
        pass
    back_up(tmp_path)
    for number in range(2):
        for file in tmp_path.glob("ledger.sqlite3*"):
            file.unlink()
        shutil.copy(tmp_path / "backup", tmp_path / "ledger.sqlite3")
        async with rig_at(tmp_path) as rig:
            rig.clock.advance(3600 * number)
            await offload(rig, "a")


async def test_what_is_kept_twice_is_one_clip(tmp_path: Path) -> None:
    """Restored twice, it copied once more what it had forgotten: that is one piece of evidence."""
    await keep_twice(tmp_path)
    async with restored(tmp_path) as rig:
        assert len(list(rig.spool.sidecars())) == 2
        await rig.housekeeping.begin()
        assert len(await rig.clips()) == 1
        assert rig.open_problems() == set()
        await all_are_stored(rig, 1)


@pytest.mark.parametrize("unread", ["a", "a.dockd.json"])
async def test_what_the_disk_does_not_give_keeps_no_camera_waiting(
    tmp_path: Path, unread: str
) -> None:
    """A bad block in one kept copy, or in its sidecar: the others are taken in all the same."""
    async with rig_at(tmp_path):
        pass
    back_up(tmp_path)
    async with rig_at(tmp_path) as rig:
        await offload(rig, "a", "b")
    (bad,) = (path for path in (tmp_path / "spool/clips").rglob(unread) if path.is_file())
    bad.unlink()
    # A file that is there and fails to be opened.
    bad.symlink_to(bad.name)
    async with restored(tmp_path) as rig:
        await rig.housekeeping.begin()
        assert [clip.path for clip in await rig.clips()] == [b"b"]
        assert rig.open_problems()
        bad.unlink()
        await rig.housekeeping.begin()
        assert rig.open_problems() == set()


async def test_of_what_is_kept_twice_the_good_one_is_taken(tmp_path: Path) -> None:
    """The copy that is found first was cut short: the other may be all there is of the clip."""
    await keep_twice(tmp_path)
    for short in range(2):
        async with restored(tmp_path) as rig:
            kept = [path for path in (tmp_path / "spool/clips").rglob("a") if path.is_file()]
            content = kept[short].read_bytes()
            os.truncate(kept[short], PART)
            await rig.housekeeping.begin()
            assert len(await rig.clips()) == 1
            await all_are_stored(rig, 1)
            kept[short].write_bytes(content)


async def test_a_ledger_that_was_never_restored_takes_nothing_in(tmp_path: Path) -> None:
    """What lies in the spool then is what it knows, and a large spool is not read in vain."""
    async with rig_at(tmp_path) as rig:
        rig.spool.sidecars = _never  # type: ignore[method-assign]  # it must not be asked
        await rig.housekeeping.begin()


def _never() -> NoReturn:
    raise AssertionError
