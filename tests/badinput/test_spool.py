"""A spool that is full, turns read-only or is another one, and a ledger from yesterday."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.badinput.scene import Kept, Scene, says_what_to_do, scene
from tests.daemon.harness import Settings
from tests.daemon.rooms import Share
from tests.daemon.scenarios import cleared, object_lost, offloaded_and_away, restored
from tests.daemon.world import BIG, MIB, SMALL
from tests.station.spool_parts import mounted

pytestmark = [pytest.mark.real, pytest.mark.slow]

# A rack test may hold a copy of every mount for as long as a power cut is judged.
_RELEASED_WITHIN_S = 90.0


def _reported(at: Scene, slug: str) -> None:
    """Fail unless the record has the problem with all that a person needs, and its end."""
    (opened, *_) = at.station.all("problem-opened", slug=slug)
    says_what_to_do({**opened.fields, "next": opened.fields["next_step"]})


def test_a_full_spool_says_so_and_goes_on_once_there_is_room(tmp_path: Path) -> None:
    """No new clip is accepted, the camera keeps everything, and with room all is stored."""
    small = mounted("-t", "tmpfs", "-o", "size=64m", "tmpfs", at=tmp_path / "mnt")
    with small as mount, scene(tmp_path) as at:
        at.world.spool = mount / "spool"
        at.station.configure(Kept(reserve="8 MiB"))
        (mount / "filling").write_bytes(bytes(44 * MIB))
        at.station.start()
        serial = at.world.film({BIG: 20 * MIB})
        at.world.dock(serial, "A1")
        at.troubled("spool-full", about="slot A1")
        says_what_to_do(at.clip(serial, BIG.encode()))
        assert at.world.file(serial, BIG).exists()
        at.world.check()
        (mount / "filling").unlink()
        at.settled("spool-full")
        cleared(at.station, at.world, serial)
        at.station.stop()
        at.world.check_finished()


def test_a_camera_pulled_from_a_full_spool_leaves_no_problem_of_its_own(tmp_path: Path) -> None:
    """A spool that has room again is no problem, also when the camera that met it has left."""
    small = mounted("-t", "tmpfs", "-o", "size=64m", "tmpfs", at=tmp_path / "mnt")
    with small as mount, scene(tmp_path) as at:
        at.world.spool = mount / "spool"
        at.station.configure(Kept(reserve="8 MiB"))
        (mount / "filling").write_bytes(bytes(44 * MIB))
        at.station.start()
        serial = at.world.film({BIG: 20 * MIB})
        at.world.dock(serial, "A1")
        at.troubled("spool-full", about="slot A1")
        at.world.yank(serial)
        at.station.happened("undocked")
        (mount / "filling").unlink()
        at.settled("spool-full")
        at.station.stop()


@contextmanager
def disk(image: Path, mount: Path) -> Iterator[str]:
    """Mount a disk of our own for the length of the context; yield the kernel's name of it."""
    with mounted("-o", "loop,errors=remount-ro", str(image), at=mount):
        found = subprocess.run(
            ["findmnt", "--noheadings", "--output", "SOURCE", str(mount)],
            check=True,
            capture_output=True,
            text=True,
        )
        yield Path(found.stdout.strip()).name
    # Whoever made a name space of mounts meanwhile, as the rack's tests do, has it mounted there as
    # well for as long as that lasts; until then this disk is the one that it was.
    deadline_s = time.monotonic() + _RELEASED_WITHIN_S
    while subprocess.run(["losetup", "-j", str(image)], check=True, capture_output=True).stdout:
        assert time.monotonic() < deadline_s, f"{image} stays attached"
        time.sleep(0.1)


def test_a_spool_that_turns_read_only_is_named_and_nothing_is_lost(tmp_path: Path) -> None:
    """When the kernel turns a failing disk read-only, it is said; repaired, all is stored."""
    image, mount = tmp_path / "disk", tmp_path / "mnt"
    with image.open("wb") as made:
        made.truncate(256 * MIB)
    subprocess.run(["mkfs.ext4", "-q", str(image)], check=True)
    with scene(tmp_path) as at:
        at.world.spool = mount / "spool"
        at.station.configure(Settings())
        with disk(image, mount) as device:
            at.station.start()
            at.station.happened("checkpointed")
            Path(f"/sys/fs/ext4/{device}/trigger_fs_error").write_text("1")
            serial = at.world.film({BIG: 2 * MIB, SMALL: 1000})
            at.world.dock(serial, "A1")
            at.troubled("spool-read-only")
            assert at.world.file(serial, BIG).exists()
            at.world.check()
            at.station.stop()
        # It corrects what the error left, and says so with 1.
        subprocess.run(["e2fsck", "-fy", str(image)], check=False, capture_output=True)
        with disk(image, mount):
            at.station.start()
            cleared(at.station, at.world, serial)
            at.settled("spool-read-only")
            at.station.stop()
            at.world.check_finished()


@pytest.mark.parametrize("damage", ["another", "none"])
def test_a_spool_that_is_another_one_stops_taking_and_wiping(tmp_path: Path, damage: str) -> None:
    """While the spool is not the ledger's, nothing is taken and no camera cleared."""
    share = Share(tmp_path)
    with scene(tmp_path, room=share) as at:
        serial = offloaded_and_away(at.station, at.world, share)
        identity = at.world.spool / "spool.json"
        ours = identity.read_bytes()
        if damage == "none":
            identity.unlink()
        else:
            identity.write_text('{"spool_id":"0000"}')
        share.come_back()
        at.world.dock(serial, "A1")
        other = at.world.film({SMALL: 1000})
        at.world.dock(other, "B2")
        at.troubled("spool-changed")
        assert at.world.file(serial, SMALL).exists()
        assert at.world.file(other, SMALL).exists()
        identity.write_bytes(ours)
        cleared(at.station, at.world, serial)
        cleared(at.station, at.world, other)
        at.settled("spool-changed")
        at.station.stop()
        at.world.check_finished()


def test_a_ledger_from_yesterday_is_noticed_and_nothing_is_lost(tmp_path: Path) -> None:
    """A restored ledger begins a new epoch, says so, and every clip is still stored once."""
    share = Share(tmp_path)
    with scene(tmp_path, room=share) as at:
        restored(at.station, at.world, share)
        _reported(at, "ledger-restored")
        assert at.station.all("problem-closed", slug="ledger-restored")
        at.world.check_finished()


def test_an_object_that_vanished_after_its_receipt_is_sent_again(tmp_path: Path) -> None:
    """A store that lost what it gave a receipt for is named, and has it again before the wipe."""
    share = Share(tmp_path)
    with scene(tmp_path, room=share) as at:
        object_lost(at.station, at.world, share)
        _reported(at, "store-lost-object")
        assert at.station.all("problem-closed", slug="store-lost-object")
        at.world.check_finished()
