"""A disk without a single free block, under spool and ledger alike: a real ext4, really full."""

import errno
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dockd.station.ledger import verify_chain
from tests.badinput.scene import Kept, Scene, scene
from tests.daemon.rooms import Share
from tests.daemon.scenarios import cleared, verified
from tests.daemon.world import LEDGER, MIB, SMALL
from tests.station.spool_parts import mounted

MOMENTS = ("before a docking", "while it copies", "while it sends")


@contextmanager
def disk_of(size_bytes: int, folder: Path) -> Iterator[Path]:
    """Mount an ext4 of so many bytes, none of them kept for root."""
    image = folder / "disk"
    with image.open("wb") as made:
        made.truncate(size_bytes)
    subprocess.run(["mkfs.ext4", "-q", "-m", "0", str(image)], check=True)
    attached = subprocess.run(
        ["losetup", "--find", "--show", str(image)], check=True, capture_output=True, text=True
    )
    device = attached.stdout.strip()
    try:
        # Whoever had this device before may have left it read-only: the flag outlives its image.
        subprocess.run(["blockdev", "--setrw", device], check=True)
        with mounted(device, at=folder / "mnt") as mount:
            yield mount
    finally:
        subprocess.run(["losetup", "--detach", device], check=True)


def fill(filling: Path) -> None:
    """Take every block that is left; doing it again takes what became free since."""
    with filling.open("ab", buffering=0) as file:
        for block in (MIB, 4096, 1):
            while True:
                try:
                    os.write(file.fileno(), bytes(block))
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise
                    break
        os.fsync(file.fileno())


def ready_once(at: Scene, mount: Path) -> None:
    """Have a station run once, with its spool on the disk."""
    at.world.spool = mount / "spool"
    at.station.configure(Kept(reserve="1 MiB"))
    at.station.start()
    at.station.happened("checkpointed")


def goes_on(at: Scene, serial: str) -> None:
    """Wait until all is stored and cleared, and nothing is wrong any more."""
    cleared(at.station, at.world, serial)
    at.settled("spool-full")
    at.station.stop()
    at.world.check_finished()
    assert verify_chain(at.world.spool / LEDGER) == "intact"


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_disk_that_is_really_full_stops_nothing_for_good(tmp_path: Path, moment: str) -> None:
    """It is said, no fact is half recorded, and with room dockd goes on without a new start."""
    share = Share(tmp_path)
    with disk_of(96 * MIB, tmp_path) as mount, scene(tmp_path, room=share) as at:
        filling = mount / "filling"
        at.world.spool = mount / "spool"
        at.station.configure(Kept(reserve="1 MiB"))
        at.station.start()
        at.station.happened("checkpointed")
        serial = at.world.film()
        if moment == "before a docking":
            fill(filling)
        if moment == "while it sends":
            share.leave()
        at.world.dock(serial, "A1")
        if moment == "while it copies":
            at.station.happened("clip-seen")
            fill(filling)
        if moment == "while it sends":
            verified(at.station, at.world, serial)
            fill(filling)
            share.come_back()
        at.troubled("spool-full")
        fill(filling)
        at.world.check()
        assert verify_chain(at.world.spool / LEDGER) == "intact"
        filling.unlink()
        goes_on(at, serial)


def test_a_start_on_a_full_disk_after_a_kill_waits_for_room(tmp_path: Path) -> None:
    """Started on a full disk, dockd says so, and goes on by itself once there is room."""
    with disk_of(96 * MIB, tmp_path) as mount, scene(tmp_path) as at:
        ready_once(at, mount)
        at.station.kill()
        fill(mount / "filling")
        at.station.spawn()
        at.station.until(lambda: "slug=spool-full" in at.station.log.read_text(), "it says so")
        (mount / "filling").unlink()
        at.station.until(lambda: at.station.is_ready, "it says READY=1")
        serial = at.world.film({SMALL: 1000})
        at.world.dock(serial, "A1")
        goes_on(at, serial)


def test_a_ledger_that_cannot_even_be_opened_for_want_of_room_is_said(tmp_path: Path) -> None:
    """The station ends with the words of a full spool; with room the next start is a good one."""
    with disk_of(96 * MIB, tmp_path) as mount, scene(tmp_path) as at:
        ready_once(at, mount)
        at.station.stop()
        fill(mount / "filling")
        at.station.spawn()
        assert at.station._reaped() == 1
        assert "The station cannot run." in at.station.log.read_text()
        assert "the spool's file system is full" in at.station.log.read_text()
        (mount / "filling").unlink()
        at.station.start()
        serial = at.world.film({SMALL: 1000})
        at.world.dock(serial, "A1")
        goes_on(at, serial)
