"""Files that do not keep still, cannot be read, or are not what they seem; a running station."""

import hashlib
import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import pytest

from tests.badinput.scene import Scene, fill, says_what_to_do, scene
from tests.daemon.harness import Settings
from tests.daemon.rooms import Share
from tests.daemon.scenarios import cleared, offloaded_and_away, undocked, verified
from tests.daemon.world import BIG, EMPTY, MIB, SMALL

pytestmark = [pytest.mark.real, pytest.mark.slow]
SLOWLY = Settings(limit_mb_s=12)
WITHOUT_ROOTS_EYES = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]


def _grow(file: Path) -> None:
    with file.open("ab") as written:
        written.write(b"and more")


def _shrink(file: Path) -> None:
    os.truncate(file, 3 * MIB)


def _change(file: Path) -> None:
    with file.open("r+b") as written:
        written.write(b"something else")


@pytest.mark.parametrize(
    "disturb",
    [
        pytest.param(_grow, id="grows"),
        pytest.param(_shrink, id="shrinks"),
        pytest.param(_change, id="changes"),
    ],
)
def test_a_file_that_changes_while_it_is_read_is_read_again(
    tmp_path: Path, disturb: Callable[[Path], None]
) -> None:
    """What is stored is the file as it became, whole; what was half the one is never kept."""
    share = Share(tmp_path)
    with scene(tmp_path, room=share, settings=SLOWLY) as at:
        at.station.start()
        serial = at.world.film({})
        fill(at.folder(serial), {BIG.encode(): b"film" * (8 * MIB), SMALL.encode(): b"other"})
        at.world.dock(serial, "A1")
        at.station.until(
            lambda: any((at.world.spool / "incoming").glob("*.part")), "it is being read"
        )
        file = at.world.file(serial, BIG)
        disturb(file)
        at.troubled("clip-changed-while-read", about="slot A1")
        became = hashlib.sha256(file.read_bytes()).hexdigest()
        assert not any(digest != became for key, digest in share.contents(serial) if BIG in key)
        at.station.happened("docking-cleared")
        held = share.contents(serial)
        assert sorted(digest for _, digest in held) == sorted(
            [became, hashlib.sha256(b"other").hexdigest()]
        )
        at.settled("clip-changed-while-read")
        at.station.stop()


def test_a_file_that_cannot_be_read_is_named_and_keeps_no_other_back(tmp_path: Path) -> None:
    """It stays where it is with a reason and an owner; the rest is stored and none is cleared."""
    share = Share(tmp_path)
    with scene(tmp_path, room=share) as at:
        at.station.under = WITHOUT_ROOTS_EYES
        at.station.start()
        serial = at.world.film({BIG: 2 * MIB, SMALL: 1000})
        at.world.file(serial, BIG).chmod(0)
        at.world.dock(serial, "A1")
        problem = at.troubled("clip-unreadable", about="slot A1")
        assert "0001.MP4" in problem["reason"]
        at.station.happened("receipt-accepted")
        found = at.clip(serial, BIG.encode())
        says_what_to_do(found)
        assert found["owner"] == "evidence"
        # What cannot be read was not copied, so nothing at all is deleted on that medium.
        assert at.world.file(serial, SMALL).exists()
        at.world.file(serial, BIG).chmod(0o644)
        cleared(at.station, at.world, serial)
        at.settled("clip-unreadable")
        at.station.stop()
        at.world.check_finished()


PULLED_AT = (
    "docked",
    "clip-seen",
    "part-spooled",
    "clip-copied",
    "clip-verified",
    "upload-opened",
    "receipt-accepted",
    "wipe-intended",
    "clip-wiped",
)


def test_a_camera_pulled_at_every_stage_loses_nothing(tmp_path: Path) -> None:
    """At whatever stage a camera is pulled, another slot goes on to one copy of each clip."""
    with scene(tmp_path, settings=SLOWLY) as at:
        at.station.start()
        for stage in PULLED_AT:
            # Only of a clip of several seconds are parts made durable while it is copied.
            size_bytes = 40 * MIB if stage == "part-spooled" else 17 * MIB
            serial = at.world.film({BIG: size_bytes, SMALL: 1000, EMPTY: 0})
            before = at.station.count(stage)
            at.world.dock(serial, "A1")
            at.station.happened(stage, count=before + 1)
            undocked(at.station, at.world, serial)
            at.world.check()
            at.world.dock(serial, "B2")
            cleared(at.station, at.world, serial)
            undocked(at.station, at.world, serial)
        assert at.station.get("/v1/problems")["problems"] == []
        at.station.stop()
        at.world.check_finished()


def test_a_clip_overwritten_by_its_twin_is_a_clip_of_its_own(tmp_path: Path) -> None:
    """Another clip of the same name, size and mtime is found before the wipe, and both are kept."""
    share = Share(tmp_path)
    with scene(tmp_path, room=share) as at:
        serial = offloaded_and_away(at.station, at.world, share)
        was = at.world.file(serial, SMALL)
        mtime_ns, size_bytes = was.stat().st_mtime_ns, was.stat().st_size
        at.world.record(serial, SMALL, os.urandom(size_bytes), mtime_ns=mtime_ns)
        at.world.dock(serial, "A1")
        share.come_back()
        cleared(at.station, at.world, serial)
        at.station.stop()
        at.world.check_finished()
        assert len([1 for original in at.world.originals if original.path == SMALL]) == 2


def test_one_serial_in_two_slots_is_believed_in_neither(tmp_path: Path) -> None:
    """Both slots say so, neither camera is read or cleared, and the one that stays goes on."""
    share = Share(tmp_path)
    with scene(tmp_path, room=share) as at:
        at.station.start()
        serial = at.world.film({SMALL: 1000})
        twin = at.world.rack / "B2" / serial
        twin.mkdir(parents=True)
        (twin / "other").write_bytes(b"of another camera")
        at.world.dock(serial, "A1")
        at.troubled("camera-duplicate-serial", about="slot A1")
        at.troubled("camera-duplicate-serial", about="slot B2")
        assert at.world.file(serial, SMALL).exists()
        assert (twin / "other").exists()
        twin.rename(at.world.folder / "taken-away")
        cleared(at.station, at.world, serial)
        at.settled("camera-duplicate-serial")
        assert (at.world.folder / "taken-away/other").read_bytes() == b"of another camera"
        at.station.stop()
        at.world.check_finished()


def test_other_cameras_go_on_beside_a_bad_one(tmp_path: Path) -> None:
    """While one camera has a file that cannot be read, the camera beside it is cleared."""
    with scene(tmp_path) as at:
        at.station.under = WITHOUT_ROOTS_EYES
        at.station.start()
        bad, good = at.world.film({SMALL: 1000}), at.world.film({SMALL: 1000, BIG: MIB})
        at.world.file(bad, SMALL).chmod(0)
        at.world.dock(bad, "A1")
        at.troubled("clip-unreadable", about="slot A1")
        at.world.dock(good, "B2")
        cleared(at.station, at.world, good)
        at.station.stop()


def many(at: Scene, count: int) -> str:
    """Return a camera with so many files in one folder."""
    serial = at.world.film({})
    fill(at.folder(serial), {b"DCIM/%05d.MP4" % number: b"%d" % number for number in range(count)})
    return serial


@pytest.mark.timeout(300)
def test_20_000_files_in_one_folder_are_taken_in(tmp_path: Path) -> None:
    """All are listed and recorded, copying goes on through a restart, and the station answers."""
    share = Share(tmp_path)
    with scene(tmp_path, room=share) as at:
        at.station.start()
        serial = many(at, 20_000)
        at.world.dock(serial, "A1")
        at.station.happened("listed", files=20_000)
        # Only looked for among the newest: a rack's worth of files is a long record.
        _offloaded(at, serial, 100)
        assert at.station.get("/v1/status")["slots"][0]["state"] == "offloading"
        at.station.stop()
        at.station.start()
        _offloaded(at, serial, 200)
        at.station.stop()
        for (_, digest), versions in share.contents(serial).items():
            assert versions == 1, digest
        assert len(list((at.folder(serial) / "DCIM").iterdir())) == 20_000
        (row,) = at.world.ask("SELECT count(*) AS clips FROM clips WHERE camera = ?", serial)
        assert row["clips"] == 20_000


def _offloaded(at: Scene, serial: str, count: int) -> None:
    def proven() -> bool:
        (row,) = at.world.ask(
            "SELECT count(*) AS clips FROM clips WHERE camera = ? AND spool_copy = 'proven'", serial
        )
        return bool(row["clips"] >= count)

    at.station.until(proven, f"{count} clips are proven")


CARRIED = int(os.environ.get("DOCKD_TEST_CARRIED", "2000"))
"""Small files that are carried to the end: what a busy machine of two cores does in 100 s or so."""


@pytest.mark.timeout(120 + CARRIED // 15)
def test_thousands_of_small_files_are_carried_to_the_end(tmp_path: Path) -> None:
    """Every file of a full folder is stored with its own bytes and cleared.

    These are 2,000 and not 20,000: at 18 ms of CPU a clip, from docking to cleared camera, all of
    them would take the suite minutes more. ``DOCKD_TEST_CARRIED=20000`` carries them all (it was
    done, in eight minutes beside other work).
    """
    share = Share(tmp_path)
    with scene(tmp_path, room=share) as at:
        at.station.start()
        serial = many(at, CARRIED)
        at.world.dock(serial, "A1")
        # Asked about the counts that the ledger keeps: to follow each fact is the slower part.
        _until_wiped(at, CARRIED)
        digests = {hashlib.sha256(b"%d" % number).hexdigest() for number in range(CARRIED)}
        contents = share.contents(serial)
        assert {digest for _, digest in contents} == digests
        assert sum(contents.values()) == CARRIED
        assert list((at.folder(serial) / "DCIM").iterdir()) == []
        at.station.happened("docking-cleared", clips=CARRIED)
        verified(at.station, at.world, serial, clips=0)
        at.station.stop()


def _until_wiped(at: Scene, count: int) -> None:
    # A camera is cleared when all of it is here: with very many files that alone takes long.
    for places in (("verified", "stored", "wiped"), ("wiped",)):
        for further in range(1000, count + 1, 1000):
            # Each thousand has its own patience: as long as some go, the rest will.
            at.station.until(partial(_are_at, at, places, further), f"{further} are {places}")


def _are_at(at: Scene, places: Sequence[str], count: int) -> bool:
    rows = at.world.ask("SELECT place, clips FROM tallies WHERE scope = 'station'")
    return sum(int(row["clips"]) for row in rows if row["place"] in places) >= count
