"""What happens in one slot, whatever happens to it: stays go on, and nothing is held up."""

import os
from pathlib import Path

import pytest

from dockd.core import facts
from dockd.core.clip import CameraCopy, SpoolCopy
from dockd.errors import CameraGone
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
