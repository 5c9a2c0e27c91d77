"""What a station needs is missing: its store, its network, its spool, or room in it."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.rack.by_hand import Hands
from tests.rack.camera import Camera, make_camera
from tests.rack.disk import Disk, ext4
from tests.rack.footage import SETTINGS, clips
from tests.rack.journal import Record
from tests.rack.journey import (
    MIB,
    SERIAL,
    arrived,
    in_mid_copy,
    is_clean,
    keys,
    store_of,
    verified,
)
from tests.rack.rack import SERVICE, Rack
from tests.rack.station import (
    NOTE,
    SPOOL,
    built_package,
    mount_spool,
    running_station,
    spooled_guest,
)

AWAY_S = 240.0
OTHER_SERIAL = "BWC-000124"
SPOOL_BYTES = 512 * MIB
# Two parts; at 2 MB/s each of them takes seconds.
TWO_PARTS_BYTES = 20 * MIB
SECTORS = SPOOL_BYTES // 512
BLOCK_SECTORS = 4096 // 512
LAST = "DCIM/100MEDIA/CLIP0004.MP4"
DISK_TROUBLES = ("spool-read-only", "fsync-failed")
FILLER = "/var/filler"


@pytest.fixture
def spooled(tmp_path: Path) -> Iterator[Rack]:
    """Give a station whose spool has a disk of its own."""
    with running_station(built_package(), tmp_path, guest=spooled_guest) as rack:
        yield rack


def small(folder: Path, serial: str) -> Camera:
    """Make a camera with little on it, where the amount of it is not the point."""
    items = (*clips(seed=int(serial[-3:]), count=1, total_bytes=MIB // 2), *SETTINGS)
    return make_camera(folder, serial=serial, items=items)


def dock_and_verify(station: Rack, camera: Camera, number: int) -> None:
    """Dock a camera and wait until all that is on it is proven in the spool."""
    station.dock.dock(number, camera)
    until_verified(station, camera, number)


def until_verified(station: Rack, camera: Camera, number: int) -> None:
    """Wait until all that is on a docked camera is proven in the spool."""
    station.until(
        lambda: verified(station, number) == len(camera.items), "every clip to be verified"
    )


def is_stored(station: Rack, camera: Camera) -> bool:
    """Say whether the store has given a receipt for every clip of a camera."""
    copies = station.copies(camera.serial)
    return len(copies) == len(camera.items) and all(
        copy["stores"].get("central") == "receipted" for copy in copies
    )


def count(station: Rack, event: str) -> int:
    """Count an event in the guest's journal; the guest itself is asked, not its network."""
    return len(station.journal(f"DOCKD_EVENT={event}"))


def said(station: Rack, slug: str) -> Sequence[str]:
    """Return the reasons that the journal has for a problem, in the guest itself."""
    matches = ("DOCKD_EVENT=problem-opened", f"DOCKD_SLUG={slug}")
    return [entry["DOCKD_REASON"] for entry in station.journal(*matches)]


def test_the_store_is_down_for_the_whole_docking(
    station: Rack, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Footage waits in the spool, and the camera is cleared when it comes the next time.

    It is done by hand, as at `make rack`, and so it is told to a person as well.
    """
    hands, serial = Hands(station, tmp_path), "BWC-000001"
    hands.obey("store down")
    hands.obey("dock 1")
    camera = hands.cameras[serial]
    until_verified(station, camera, 1)
    station.until(lambda: bool(station.problems("store-unreachable")), "the problem to be said")
    hands.obey("status")
    told = capsys.readouterr().out
    assert f"A1 {serial} " in told
    assert f"{len(camera.items)} verified" in told
    assert "| store-unreachable | store central |" in told
    hands.obey("yank 1")
    assert camera.found() == camera.clips | camera.others
    hands.obey("store up")
    station.until(lambda: is_stored(station, camera), "every receipt", timeout_s=AWAY_S)
    assert store_of(station).contents(serial) == keys(serial, camera.clips | camera.others)
    assert not station.problems("store-unreachable")
    hands.obey(f"dock 1 {serial}")
    station.until_cleared(1)
    hands.obey("journal 5")
    assert "dockd" in capsys.readouterr().out
    hands.obey("yank 1")
    hands.obey(f"camera {serial}")
    told = capsys.readouterr().out
    assert "SETTINGS.INI  as it was" in told
    assert all(path in told.partition("gone:")[2] for path in camera.clips)
    arrived(station, camera)
    assert is_clean(camera)


def test_the_network_is_cut_in_mid_part(station: Rack, tmp_path: Path) -> None:
    """A part that was cut off is sent again when the network is back, and the clip arrives once."""
    footage = clips(seed=1, count=1, total_bytes=TWO_PARTS_BYTES)
    camera = make_camera(tmp_path, serial=SERIAL, items=(*footage, *SETTINGS))
    # The guest's kernel is to give a dead connection up within seconds; dockd itself has patience
    # for a minute, and would have it for a link that is only slow.
    station.agent.run("sysctl", "--write", "net.ipv4.tcp_retries2=4")
    station.agent.shell("tc qdisc add dev eth0 root tbf rate 16mbit burst 32kb latency 1s")
    station.dock.dock(1, camera)
    station.until(
        lambda: count(station, "part-sending") > 0, "a part to be on its way", closely=True
    )
    before = _sent_bytes(station)
    station.until(
        lambda: _sent_bytes(station) > before + MIB, "some of it to be sent", closely=True
    )
    station.cut_network()
    in_flight = count(station, "part-sending") - count(station, "part-stored")
    assert in_flight > 0
    assert count(station, "object-finalizing") < len(camera.items)
    # The host sees the station's status through that network, too: the guest is asked itself.
    station.until(
        lambda: bool(said(station, "store-unreachable")), "the problem to be said", timeout_s=AWAY_S
    )
    station.mend_network()
    station.until_cleared(1, timeout_s=AWAY_S)
    assert not station.problems("store-unreachable")
    station.dock.yank(1)
    arrived(station, camera)


def _sent_bytes(station: Rack) -> int:
    return int(station.agent.read("/sys/class/net/eth0/statistics/tx_bytes"))


def test_the_spool_is_full(station: Rack, tmp_path: Path) -> None:
    """Nothing new is accepted, what is there goes on, and the rest is taken once there is room."""
    early = make_camera(tmp_path, serial=SERIAL)
    late = make_camera(tmp_path, serial=OTHER_SERIAL, family="exfat")
    store = store_of(station)
    store.stop()
    dock_and_verify(station, early, 1)
    # Less than the reserve of 64 MiB is left, and more than a camera holds.
    free = f"$(( $(stat -f -c '%a * %S' {SPOOL}) - {48 * MIB} ))"
    station.agent.shell(f"fallocate -l {free} {FILLER}")
    station.dock.dock(2, late)
    station.until(lambda: bool(station.problems("spool-full")), "the problem to be said")
    assert not station.get("/v1/status")["spool"]["accepting"]
    assert station.get("/readyz")["status"] == "fail"
    store.start()
    station.until_cleared(1, timeout_s=AWAY_S)
    assert verified(station, 2) == 0
    assert late.found() == late.clips | late.others
    assert any(one["subject"] == "slot A2" for one in station.problems("spool-full"))
    station.agent.run("rm", FILLER)
    station.until_cleared(2, timeout_s=AWAY_S)
    station.until(lambda: not station.problems("spool-full"), "the problem to end")
    for number, camera in ((1, early), (2, late)):
        station.dock.yank(number)
        arrived(station, camera)
        assert is_clean(camera)


def test_the_spools_disk_gives_errors(station: Rack, tmp_path: Path) -> None:
    """Nothing that it did not take counts, nor does what it cannot give back any more.

    An admin who mends it has a station that goes on.
    """
    camera, store = make_camera(tmp_path, serial=SERIAL), store_of(station)
    disk = Disk("spool", ext4(tmp_path / "spool.img", size_bytes=SPOOL_BYTES), format="raw")
    station.machine.attach(disk)
    station.agent.run("modprobe", "dm_flakey")
    whole = f"0 {SECTORS} linear {disk.link} 0"
    station.agent.run("dmsetup", "create", "spool", "--table", whole)
    mount_spool(station, "/dev/mapper/spool")
    in_mid_copy(station, camera, 1)
    _exchange_table(station, f"0 {SECTORS} flakey {disk.link} 0 0 1 1 error_writes")
    station.until(lambda: bool(_disk_troubles(station)), "the trouble to be said")
    station.until(lambda: station.get("/readyz")["status"] == "fail", "it not to be able")
    assert camera.found() == camera.clips | camera.others
    assert store.contents(SERIAL) <= keys(SERIAL, camera.clips | camera.others)
    store.stop()
    # What an admin does: the file system has given up, and only a mount begins anew with it.
    _exchange_table(station, whole)
    station.dock.pace(1, limit_bytes_s=0)
    station.agent.shell(
        f"systemctl stop {SERVICE}; umount {SPOOL}; fsck.ext4 -p /dev/mapper/spool || test $? -le 1"
        f"; mount {SPOOL}; systemctl start {SERVICE}"
    )
    until_verified(station, camera, 1)
    station.dock.yank(1)
    # A sector of a copy goes bad, which nobody notices before it is read for the store.
    bad = _sector_of(station, f"{SERIAL}/*/{LAST}")
    behind = bad + BLOCK_SECTORS
    _exchange_table(
        station,
        f"0 {bad} linear {disk.link} 0\n{bad} {BLOCK_SECTORS} error\n"
        f"{behind} {SECTORS - behind} linear {disk.link} {behind}",
    )
    store.start()
    station.until(lambda: count(station, "spool-copy-lost") > 0, "the loss", timeout_s=AWAY_S)
    _exchange_table(station, whole)
    station.dock.dock(1, camera)
    station.until_cleared(1, timeout_s=AWAY_S)
    open_now = station.get("/v1/problems")["problems"]
    assert [one for one in open_now if one["slug"] in DISK_TROUBLES] == []
    station.dock.yank(1)
    arrived(station, camera)
    assert is_clean(camera)


def _exchange_table(station: Rack, table: str) -> None:
    """Put another table under the mounted spool, without the file system being asked."""
    station.agent.shell(
        "dmsetup suspend --noflush --nolockfs spool\n"
        f"printf '{table}\n' | dmsetup load spool; dmsetup resume spool"
    )


def _sector_of(station: Rack, clip: str) -> int:
    """Say where on its disk a clip's copy begins."""
    told = station.agent.shell(f"filefrag -v -b512 {SPOOL}/clips/{clip}").text
    first = re.search(r"^ *0: +0\.\. *\d+: +(\d+)\.\.", told, re.MULTILINE)
    assert first, told
    return int(first[1])


def _disk_troubles(station: Rack) -> list[str]:
    return [reason for slug in DISK_TROUBLES for reason in said(station, slug)]


def test_the_spool_is_not_mounted(spooled: Rack, tmp_path: Path) -> None:
    """No footage goes beneath the mount point; the station says what to do, and then goes on."""
    early, late = (small(tmp_path, serial) for serial in (SERIAL, OTHER_SERIAL))
    spooled.dock.dock(1, early)
    spooled.until_cleared(1)
    spooled.dock.yank(1)
    # Its disk is away: systemd, which is to mount it, does not even start the station.
    patience = "s/nofail/nofail,x-systemd.device-timeout=1s/"
    spooled.agent.shell(
        f"systemctl stop {SERVICE}; umount {SPOOL}; sed -i {patience} /etc/fstab"
        "; systemctl daemon-reload"
    )
    disk = next(disk for disk in spooled.machine.disks if disk.serial == "spool")
    spooled.machine.detach(disk.serial)
    beneath = _contents(spooled)
    assert "ledger.sqlite3" in beneath
    assert spooled.agent.run("systemctl", "start", SERVICE, check=False).status != 0
    told = spooled.journal(unit=SERVICE)
    assert any("Dependency failed" in str(entry["MESSAGE"]) for entry in told)
    # Nobody is to mount it: somebody did so by hand, and the next boot does not.
    spooled.agent.shell(f"sed -i '\\:{SPOOL}:d' /etc/fstab; systemctl daemon-reload")
    spooled.agent.run("systemctl", "start", "--no-block", SERVICE)
    spooled.dock.dock(2, late)
    spooled.until(lambda: bool(_refusals(spooled)), "it to say so", timeout_s=AWAY_S)
    (refusal, *_) = _refusals(spooled)
    assert "is not mounted" in refusal["DOCKD_REASON"]
    assert f"remove {NOTE}" in refusal["DOCKD_REASON"]
    assert "Mount the spool that belongs to this station" in refusal["DOCKD_NEXT"]
    assert _contents(spooled) == beneath
    assert late.found() == late.clips | late.others
    spooled.machine.attach(disk)
    spooled.agent.run("mount", disk.link, SPOOL)
    spooled.until_cleared(2, timeout_s=AWAY_S)
    spooled.dock.yank(2)
    for camera in (early, late):
        arrived(spooled, camera)
        assert is_clean(camera)


def _contents(station: Rack) -> str:
    return station.agent.shell(f"cd {SPOOL}; find . -type f -exec sha256sum {{}} + | sort").text


def _refusals(station: Rack) -> Sequence[Record]:
    return station.journal("DOCKD_EVENT=spool-changed", unit=SERVICE)
