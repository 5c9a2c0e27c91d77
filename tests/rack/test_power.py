"""Power cuts: what a disk can look like afterwards, and that a guest comes up from it."""

import random
from itertools import pairwise
from pathlib import Path

import pytest

from tests.rack.by_hand import Hands
from tests.rack.disk import BlockLog, Disk, copy_sparsely, ext4, with_mounted
from tests.rack.rack import Rack
from tests.rack.waiting import wait_until

_SPOOL = "/dev/disk/by-id/virtio-spool"
_FILES = 12
_FILE_BYTES = 20_000
_POINTS = 12
_END_S = 60.0
# One file after the other, each durable before the next is begun.
_WRITER = f"""
import os
for number in range({_FILES}):
    with open(f"/mnt/{{number:02}}", "wb") as file:
        file.write(bytes([number]) * {_FILE_BYTES})
        file.flush()
        os.fsync(file.fileno())
"""

# What a person gets wrong, and what is answered.
_SLIPS = {
    "dok 4": "no such command: dok",
    "dock 4": "BWC-000001 is in slot 4; yank it first",
    "dock 5 BWC-000001": "BWC-000001 is docked already",
    "dock 5 ntfs": "neither a family (vfat or exfat) nor a camera: ntfs",
    "dock 9": "a slot is a number from 1 to 8",
    "yank 5": "slot 5 is empty",
    "camera BWC-2": "there are: BWC-000001",
    "store up": "there is a store only beside a station",
    "status": "that did not work",
    "journal all": "that did not work",
    "boot": "it is on",
    "sh exit 3": "(status 3)",
    "help": "cut the station's power",
}


def _whole_files(disk: Path, mounted: Path) -> list[int]:
    """Mount a disk on the host and say which files on it are whole."""

    def whole() -> list[int]:
        paths = {number: mounted / f"{number:02}" for number in range(_FILES)}
        return [
            number
            for number, path in paths.items()
            if path.exists() and path.read_bytes() == bytes([number]) * _FILE_BYTES
        ]

    return with_mounted(disk, mounted, whole)


@pytest.fixture
def logged(guest: Rack, tmp_path: Path) -> tuple[Path, Path, BlockLog]:
    """Have the guest write to a logged disk, and cut its power: the disk before, after, its log."""
    spool = ext4(tmp_path / "spool.img", size_bytes=32 << 20)
    before = copy_sparsely(spool, tmp_path / "before.img")
    guest.machine.attach(Disk("spool", spool, format="raw", log=tmp_path / "spool.log"))
    guest.agent.run("mount", _SPOOL, "/mnt")
    guest.agent.run("python3", "-c", _WRITER)
    guest.machine.cut()
    return before, spool, BlockLog(tmp_path / "spool.log")


def test_every_state_that_a_power_cut_can_leave_is_made_from_the_log(
    logged: tuple[Path, Path, BlockLog], tmp_path: Path
) -> None:
    """A prefix of the log, even without what was not flushed, holds a prefix of the work."""
    before, spool, log = logged
    target, mounted = tmp_path / "replayed.img", tmp_path / "mounted"
    mounted.mkdir()
    everything = len(log.entries)
    log.replay(before, target, point=everything)
    assert target.read_bytes() == spool.read_bytes()
    assert _whole_files(target, mounted) == list(range(_FILES))

    dice = random.Random(7)
    counts = []
    for step in range(_POINTS):
        point = everything * step // _POINTS
        unflushed = log.unflushed(point)
        for lost in ([], unflushed, dice.sample(unflushed, len(unflushed) // 2)):
            log.replay(before, target, point=point, lost=lost)
            whole = _whole_files(target, mounted)
            assert whole == list(range(len(whole)))
            counts.append((point, len(whole)))
    assert counts[0] == (0, 0)
    # What was durable at one point still is at a later one.
    least = [min(count for at, count in counts if at == point) for point, _ in counts[::3]]
    assert all(earlier <= later for earlier, later in pairwise(least))
    assert 0 < least[-1] <= _FILES


def test_what_was_flushed_cannot_get_lost(
    logged: tuple[Path, Path, BlockLog], tmp_path: Path
) -> None:
    """The replayer refuses a state that no power cut leaves."""
    before, _, log = logged
    flushes = [at for at, entry in enumerate(log.entries) if entry.is_flush]
    assert len(flushes) >= _FILES
    durable = next(at for at in range(flushes[0]) if log.entries[at].may_get_lost)
    with pytest.raises(ValueError, match="not flushed"):
        log.replay(before, tmp_path / "x.img", point=len(log.entries), lost=[durable])


def test_a_cut_guest_boots_again_from_the_same_disks(
    guest: Rack, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """After a cut in mid-write the guest comes up, and what was synced is there.

    The power is cut by hand, as at `make rack`, where whatever a person gets wrong is said.
    """
    spool = ext4(tmp_path / "spool.img", size_bytes=32 << 20)
    guest.machine.attach(Disk("spool", spool, format="raw"))
    guest.agent.run("mount", _SPOOL, "/mnt")
    hands = Hands(guest, tmp_path)
    hands.obey("dock 4 exfat")
    guest.agent.shell("echo durable > /mnt/synced; echo durable > /srv/synced; sync")
    guest.agent.start("/bin/sh", "-c", "while :; do date >> /mnt/more; done")
    wait_until(lambda: guest.agent.exists("/mnt/more"), what="writing", timeout_s=_END_S)
    capsys.readouterr()
    for line, answer in _SLIPS.items():
        hands.obey(line)
        assert answer in capsys.readouterr().out, line
    hands.obey("cut")
    assert not guest.machine.is_on
    hands.obey("boot")
    assert "the station is running" in capsys.readouterr().out
    guest.dock.await_disk(4)
    hands.obey(f"sh mount {_SPOOL} /mnt; cat /mnt/synced /srv/synced; umount /mnt")
    assert capsys.readouterr().out == "durable\ndurable\n"
    hands.obey("yank 4")
    guest.dock.await_nothing(4)
    guest.machine.shut_down()
    assert not guest.machine.is_on
