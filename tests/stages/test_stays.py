"""What happens in one slot, whatever happens to it: stays go on, and nothing is held up."""

import asyncio
import os
import threading
from pathlib import Path

import pytest

from dockd.core import facts
from dockd.core.clip import CameraCopy, Clip, SpoolCopy
from dockd.errors import CameraGone, HelperRefused, HelperUnreachable
from dockd.ports.spool import CopyTarget
from dockd.station.spool.layout import part_name, part_stem
from tests.stages.rig import rig_at, running, until


@pytest.mark.asyncio
async def test_a_camera_is_cleared_when_its_store_has_proven_it(tmp_path: Path) -> None:
    """A docked camera's clips are copied, stored and then cleared."""
    async with rig_at(tmp_path) as rig, running(rig):
        folder = rig.rack.folder("A1", "BWC-1")
        (folder / "clip").write_bytes(b"footage")
        rig.rack.dock("A1", "BWC-1")
        await until(lambda: rig.count(facts.ClipWiped) == 1, what="the camera is cleared")
        assert not (folder / "clip").exists()


@pytest.mark.asyncio
async def test_a_camera_that_was_opened_counts_as_being_read(tmp_path: Path) -> None:
    """Between its opening and its first read nothing makes its slot look free for a cut."""
    async with rig_at(tmp_path) as rig, running(rig):
        record, counted = rig.ledger.record, []

        async def watched(*recorded: facts.Fact) -> None:
            if any(isinstance(fact, facts.Docked) for fact in recorded):
                counted.append(rig.slot_power.is_at_work("A1"))
            await record(*recorded)

        rig.ledger.record = watched  # type: ignore[method-assign]  # as it is, and looked at
        (rig.rack.folder("A1", "BWC-1") / "clip").write_bytes(b"footage")
        rig.rack.dock("A1", "BWC-1")
        await until(lambda: rig.count(facts.ClipVerified) == 1, what="the clip is verified")
        await until(lambda: not rig.slot_power.is_at_work("A1"), what="its turn is over")
        assert counted == [True]


@pytest.mark.asyncio
async def test_a_camera_that_could_not_be_opened_is_tried_again(tmp_path: Path) -> None:
    """A camera that is in its slot is offloaded, though opening it failed at first."""
    refusals = [CameraGone("its folder cannot be read"), RuntimeError("a mistake of dockd's own")]

    def refuse() -> None:
        if refusals:
            raise refusals.pop()

    async with rig_at(tmp_path) as rig, running(rig):
        rig.rack.before_open = refuse
        (rig.rack.folder("A1", "BWC-1") / "clip").write_bytes(b"footage")
        rig.rack.dock("A1", "BWC-1")
        await until(lambda: rig.count(facts.ClipVerified) == 1, what="the clip is verified")
        await until(lambda: "slot-fault" not in rig.open_problems(), what="the slot is well")


@pytest.mark.asyncio
async def test_what_keeps_a_camera_closed_now_takes_the_place_of_what_did_before(
    tmp_path: Path,
) -> None:
    """A slot has one reason for not being read, the newest, and none once it is read."""
    refusals = [
        HelperRefused("it holds ntfs", slug="camera-media-refused"),
        HelperUnreachable("no answer"),
    ]
    open_at_last: list[set[str]] = []

    def refuse() -> None:
        if refusals:
            raise refusals.pop()
        open_at_last.append(rig.open_problems())

    async with rig_at(tmp_path) as rig, running(rig):
        rig.rack.before_open = refuse
        (rig.rack.folder("A1", "BWC-1") / "clip").mkdir()
        rig.rack.dock("A1", "BWC-1")
        await until(lambda: bool(open_at_last), what="it is opened")
        assert open_at_last[0] == {"camera-media-refused"}
        await until(lambda: rig.open_problems() == set(), what="nothing is left to say")


@pytest.mark.asyncio
async def test_no_time_on_a_file_keeps_a_camera_from_being_offloaded(tmp_path: Path) -> None:
    """A file whose mtime no calendar and no ledger can hold is offloaded like any other."""
    async with rig_at(tmp_path) as rig, running(rig):
        folder = rig.rack.folder("A1", "BWC-1")
        for number, mtime_ns in enumerate((10**19, -(10**18) * 2, 0)):
            (folder / f"clip{number}").write_bytes(b"footage %d" % number)
            os.utime(folder / f"clip{number}", ns=(0, mtime_ns))
        assert (folder / "clip0").stat().st_mtime_ns > 2**63
        rig.rack.dock("A1", "BWC-1")
        await until(lambda: rig.count(facts.ClipWiped) == 3, what="the camera is cleared")
        assert [clip.spool_copy for clip in await rig.clips()] == [SpoolCopy.PROVEN] * 3
        assert {clip.camera_copy for clip in await rig.clips()} == {CameraCopy.WIPED}


@pytest.mark.asyncio
async def test_a_camera_pulled_while_it_is_opened_leaves_nothing_behind(tmp_path: Path) -> None:
    """A camera that left while a thread opened it is let go of, and its slot shows empty."""
    async with rig_at(tmp_path) as rig:
        opening, go_on = threading.Event(), threading.Event()

        def slowly() -> None:
            opening.set()
            go_on.wait(20)

        async with running(rig):
            rig.rack.before_open = slowly
            rig.rack.dock("A1", "BWC-1")
            await until(opening.is_set, what="the camera is being opened")
            rig.rack.before_open = lambda: None
            rig.rack.dock("A1", "BWC-1")
            await until(lambda: rig.count(facts.Docked) == 1, what="the second stay has begun")
            rig.rack._tokens["A1"] = "1"
            go_on.set()
            await until(lambda: len(rig.rack.opened) == 2, what="the thread has ended")
            await until(lambda: rig.rack.opened[1]._root == -1, what="it is closed")
            rig.rack.undock("A1")
            await until(lambda: rig.count(facts.Undocked) == 1, what="it is undocked")
        assert [slot.camera for slot in rig.board.snapshots()] == [None]


@pytest.mark.asyncio
async def test_a_claim_made_for_nobody_is_given_up(tmp_path: Path) -> None:
    """A stay that ends while its copy is claimed leaves the copy to the next one."""
    async with rig_at(tmp_path) as rig:
        claiming, go_on, owned = threading.Event(), threading.Event(), threading.Event()
        claim = rig.spool.claim

        def slowly(clip: Clip) -> CopyTarget:
            claiming.set()
            go_on.wait(20)
            target = claim(clip)
            owned.set()
            return target

        rig.spool.claim = slowly  # type: ignore[method-assign]  # a moment that no fake can hit
        (rig.rack.folder("A1", "BWC-1") / "clip").write_bytes(b"footage")
        async with running(rig):
            rig.rack.dock("A1", "BWC-1")
            await until(claiming.is_set, what="the copy is being claimed")
            rig.rack.undock("A1")
            await until(lambda: rig.count(facts.Undocked) == 1, what="the camera is gone")
            go_on.set()
            await until(owned.is_set, what="the claim is made")
            clip = (await rig.clips())[0]
            name = part_name(part_stem(clip), attempt=1)
            await until(lambda: not rig.spool._owners.owns(name), what="nobody owns it")
            assert rig.spool._owners.promised_bytes() == 0


@pytest.mark.asyncio
async def test_a_copy_whose_stay_ends_right_behind_it_is_given_up(tmp_path: Path) -> None:
    """The next stay goes on with what was just copied, whenever the camera was pulled."""
    async with rig_at(tmp_path) as rig, running(rig):
        copied = asyncio.Event()
        clear = rig.problems.clear

        async def at_length(slug: str, *, subject: str) -> None:
            if slug == "camera-stuck" and not copied.is_set():
                copied.set()
                await asyncio.Event().wait()
            await clear(slug, subject=subject)

        rig.problems.clear = at_length  # type: ignore[method-assign]  # between copy and record
        (rig.rack.folder("A1", "BWC-1") / "clip").write_bytes(b"footage")
        rig.rack.dock("A1", "BWC-1")
        await until(copied.is_set, what="the clip is copied")
        rig.rack.undock("A1")
        await until(lambda: rig.count(facts.Undocked) == 1, what="the camera is gone")
        clip = (await rig.clips())[0]
        assert not rig.spool._owners.owns(part_name(part_stem(clip), attempt=1))


@pytest.mark.asyncio
async def test_a_clip_that_does_not_fit_holds_up_no_other(tmp_path: Path) -> None:
    """A file larger than the spool waits and is said; what fits behind it is offloaded."""
    async with rig_at(tmp_path) as rig, running(rig):
        folder = rig.rack.folder("A1", "BWC-1")
        with (folder / "a").open("wb") as file:
            file.truncate(2**42)
        os.utime(folder / "a", ns=(0, 0))
        (folder / "b").write_bytes(b"footage")
        rig.rack.dock("A1", "BWC-1")
        await until(lambda: rig.count(facts.ClipVerified) == 1, what="the small one is verified")
        await until(lambda: "spool-full" in rig.open_problems(), what="the large one is said")
        rig.rack.undock("A1")
        await until(lambda: rig.open_problems() == set(), what="nobody waits for room any more")
