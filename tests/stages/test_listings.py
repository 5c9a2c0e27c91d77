"""What a listing says and what it cannot be: a damaged file system costs no footage."""

from functools import partial
from pathlib import Path

import pytest

from dockd.cameras.directory.camera import DirectoryCamera
from dockd.core import facts
from dockd.core.clip import SpoolCopy
from dockd.ports.camera import Listing, RefusedName
from tests.stages.rig import Rig, rig_at, running, until


class TwiceListed(DirectoryCamera):
    """A camera whose damaged FAT has two entries of one name."""

    def listing(self) -> Listing:
        """Return every file called ``twice`` two times."""
        found = super().listing()
        again = [file for file in found.files if file.path == b"twice"]
        return Listing(files=(*found.files, *again), refused=found.refused)


@pytest.mark.asyncio
async def test_a_path_that_is_listed_twice_is_copied_once_and_nothing_is_deleted(
    tmp_path: Path,
) -> None:
    """One piece of evidence, a problem that names the path, and no deletion on such a medium.

    Deleting the one brings the other to light, which has the same name, size and mtime and was
    never read: it would be taken for the clip that has just been hashed.
    """
    async with rig_at(tmp_path) as rig, running(rig):
        rig.rack.camera_class = TwiceListed
        folder = rig.rack.folder("A1", "BWC-1")
        (folder / "twice").write_bytes(b"footage")
        (folder / "once").write_bytes(b"other footage")
        rig.rack.dock("A1", "BWC-1")
        await until(lambda: rig.count(facts.ReceiptAccepted) == 2, what="both are stored")
        looks = rig.count(facts.Listed)
        said = "camera-listing-damaged"
        await until(lambda: said in rig.open_problems(), what="it is said")
        await rig.clock.sleep(100)
        assert rig.count(facts.Listed) == looks == 1
        assert [clip.spool_copy for clip in await rig.clips()] == [SpoolCopy.PROVEN] * 2
        assert rig.count(facts.ClipSeen) == 2
        assert rig.count(facts.WipeIntended) == 0
        assert {file.name for file in folder.iterdir()} == {"once", "twice"}
        (problem,) = (found for found in rig.problems.current() if found.slug == said)
        assert "twice" in problem.reason
        assert problem.subject == "slot A1"


@pytest.mark.asyncio
async def test_waiting_for_room_is_said_once_for_as_long_as_it_is_so(tmp_path: Path) -> None:
    """A clip larger than the free space is one problem, whatever passes it and whoever looks."""
    async with rig_at(tmp_path) as rig, running(rig):
        folder = rig.rack.folder("A1", "BWC-1")
        with (folder / "huge").open("wb") as file:
            file.truncate(2**42)
        rig.rack.dock("A1", "BWC-1")
        await until(lambda: "spool-full" in rig.open_problems(), what="it is said")
        for look in range(3):
            # The spool has room by all that the housekeeping can see.
            await rig.housekeeping._say_whether_full()
            other = rig.rack.folder("B2", f"BWC-2{look}")
            (other / "clip").write_bytes(b"footage %d" % look)
            rig.rack.dock("B2", f"BWC-2{look}")
            proven = look + 1
            await until(partial(_has_proven, rig, proven), what="another camera's clip passes it")
        opened = [fact for fact in rig.committed if isinstance(fact, facts.ProblemOpened)]
        assert [fact.slug for fact in opened] == ["spool-full"]
        assert "spool-full" in rig.open_problems()
        rig.rack.undock("A1")
        await until(lambda: rig.open_problems() == set(), what="nobody waits any more")


def _has_proven(rig: Rig, clips: int) -> bool:
    return rig.count(facts.ClipVerified) == clips


class Hiding(DirectoryCamera):
    """A camera whose medium gave errors while it was listed: anything may be hidden on it."""

    def listing(self) -> Listing:
        """Return every file, and that there may be more."""
        found = super().listing()
        hidden = RefusedName(path=b"", slug="clip-unreadable", reason="the medium gave errors")
        return Listing(files=found.files, refused=(hidden, *found.refused))


@pytest.mark.asyncio
async def test_what_is_listed_is_known_however_much_is_hidden(tmp_path: Path) -> None:
    """A camera that may hide something is looked at again and again, and nothing copied twice."""
    async with rig_at(tmp_path) as rig, running(rig):
        rig.rack.camera_class = Hiding
        folder = rig.rack.folder("A1", "BWC-1")
        (folder / "clip").write_bytes(b"footage")
        rig.rack.dock("A1", "BWC-1")
        await until(lambda: rig.count(facts.ReceiptAccepted) == 1, what="it is stored")
        await rig.clock.sleep(300)
        assert rig.count(facts.ClipSeen) == 1
        assert rig.count(facts.Listed) == 1
        assert [clip.spool_copy for clip in await rig.clips()] == [SpoolCopy.PROVEN]
        assert rig.count(facts.WipeIntended) == 0
        rig.rack.undock("A1")
        await until(lambda: rig.count(facts.Undocked) == 1, what="it has left")
        (row,) = await rig.ledger.dockings(after="", limit=2)
        # However often it was looked at: what wears is judged by the files, not by the looks.
        assert (row.read_bytes, row.read_errors) == (len(b"footage"), 1)
