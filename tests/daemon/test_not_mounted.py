"""A spool that is not mounted takes its ledger along: the box's own disk remembers which it was."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.daemon.harness import Settings, StationProcess, station
from tests.daemon.rooms import Share
from tests.daemon.scenarios import cleared, undocked, verified
from tests.daemon.world import World

pytestmark = [pytest.mark.real, pytest.mark.slow]


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Everything around one station."""
    return World(tmp_path, room=Share(tmp_path))


@pytest.fixture
def note(tmp_path: Path) -> Path:
    """Where the box's own disk is, and the note on it."""
    return tmp_path / "spool-is"


@pytest.fixture
def dockd(world: World, note: Path) -> Iterator[StationProcess]:
    """A station that is not started yet."""
    with station(world) as process:
        process.under = ["env", f"DOCKD_WITNESS={note}"]
        yield process


def contents(folder: Path) -> dict[str, bytes]:
    """Return every file below a folder."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


@pytest.mark.parametrize("beneath", ["nothing", "an older ledger"])
def test_what_is_beneath_a_mount_point_is_not_taken_for_the_station(
    dockd: StationProcess, world: World, note: Path, beneath: str
) -> None:
    """It does not start, says why and what to do, and goes on when the spool is mounted again."""
    below, mounted = world.folder / "below", world.folder / "mounted"
    # The station's first hour, on the disk of the box; then the admin mounts another over it.
    dockd.start()
    dockd.stop()
    world.spool.rename(below)
    dockd.begin_record_anew()
    dockd.start()
    assert not note.exists()
    serial = world.film()
    world.dock(serial, "A1")
    cleared(dockd, world, serial)
    undocked(dockd, world, serial)
    dockd.until(note.exists, "the spool is noted")
    dockd.stop()
    world.spool.rename(mounted)
    if beneath == "nothing":
        world.spool.mkdir()
    else:
        below.rename(world.spool)
    before = contents(world.spool)
    other = world.film()
    world.dock(other, "A1")
    assert dockd.start_in_vain() == 1
    said = dockd.log.read_text()
    assert "spool-changed" in said
    assert "is not mounted" in said
    assert "Mount the spool that belongs to this station" in said
    assert f"remove {note}" in said
    assert contents(world.spool) == before
    shutil.rmtree(world.spool)
    mounted.rename(world.spool)
    dockd.start()
    cleared(dockd, world, other)
    dockd.stop()


def test_an_admin_may_begin_anew(dockd: StationProcess, world: World, note: Path) -> None:
    """A disk that is lost is lost: what the words say to remove lets the station go on."""
    # What was cleared by then would not be there for the new spool to copy.
    dockd.configure(Settings(wipe_after="never"))
    dockd.start()
    serial = world.film()
    world.dock(serial, "A1")
    verified(dockd, world, serial)
    dockd.until(note.exists, "the spool is noted")
    spool_id = json.loads(note.read_text())["spool_id"]
    dockd.stop()
    world.yank(serial)
    world.spool.rename(world.folder / "lost")
    assert dockd.start_in_vain() == 1
    note.unlink()
    dockd.begin_record_anew()
    dockd.start()
    world.dock(serial, "A1")
    verified(dockd, world, serial)
    dockd.until(note.exists, "the new one is noted")
    assert json.loads(note.read_text())["spool_id"] != spool_id
    dockd.stop()


def test_a_note_that_is_damaged_stops_nothing(
    dockd: StationProcess, world: World, note: Path
) -> None:
    """It is a second witness: without it the spool's own word stands, and it is noted again."""
    note.write_text('{"spool_id": ')
    dockd.start()
    serial = world.film()
    world.dock(serial, "A1")
    cleared(dockd, world, serial)
    dockd.until(lambda: note.read_text().endswith("}\n"), "the spool is noted")
    dockd.stop()
