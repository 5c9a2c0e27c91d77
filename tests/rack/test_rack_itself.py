"""The virtual rack itself, without dockd: what the station's tests stand on."""

import hashlib
import os
import re
import subprocess
import sys
import tempfile
from itertools import takewhile
from pathlib import Path

import pytest

from tests.rack import gadget
from tests.rack.agent import GuestFailed
from tests.rack.camera import Family, make_camera
from tests.rack.dock import NO_SLOT, SLOTS
from tests.rack.footage import Item
from tests.rack.gadget import Gadget
from tests.rack.image import ROOT
from tests.rack.rack import Rack
from tests.rack.saved import bare_guest, resumed, some_ports
from tests.rack.store import running_store
from tests.rack.waiting import wait_until

FAMILIES: tuple[Family, ...] = ("vfat", "exfat")
_END_S = 120.0


def _sums(rack: Rack, disk: str, family: str) -> dict[str, str]:
    """Have the guest's own kernel read a camera."""
    rack.agent.run("mount", "-t", family, "-o", "ro", disk, "/mnt")
    listed = rack.agent.shell("cd /mnt; find . -type f -exec sha256sum {} +").text
    rack.agent.run("umount", "/mnt")
    sums = (line.split("  ./", 1) for line in listed.splitlines())
    return {path: digest for digest, path in sums}


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("partitioned", [False, True])
def test_a_docked_camera_holds_what_was_put_on_it(
    guest: Rack, tmp_path: Path, family: Family, partitioned: bool
) -> None:
    """Kernel, udev and file system of the guest see the camera that the host made, byte by byte."""
    camera = make_camera(tmp_path, serial="BWC-000123", family=family, partitioned=partitioned)
    guest.dock.dock(3, camera)
    disk = guest.dock.await_disk(3)
    told = guest.agent.run("udevadm", "info", "--query=property", disk).text.splitlines()
    assert "ID_SERIAL_SHORT=BWC-000123" in told
    assert "ID_VENDOR_ID=46f4" in told
    path = next(line for line in told if line.startswith("ID_PATH="))
    assert path.startswith(f"ID_PATH={guest.dock.port(3)}:")
    volume = f"{disk}1" if partitioned else disk
    assert _sums(guest, volume, family) == camera.clips | camera.others == camera.found()


@pytest.mark.parametrize("family", FAMILIES)
def test_what_the_guest_deletes_is_gone_from_the_camera(
    guest: Rack, tmp_path: Path, family: Family
) -> None:
    """The host reads back what the guest left, and a checker finds it clean."""
    camera = make_camera(tmp_path, serial="BWC-000123", family=family)
    guest.dock.dock(1, camera)
    disk = guest.dock.await_disk(1)
    guest.agent.shell(f"mount {disk} /mnt; rm -r /mnt/DCIM/100MEDIA/*; umount /mnt")
    guest.dock.yank(1)
    guest.dock.await_nothing(1)
    assert camera.found() == camera.others
    assert camera.complaints() == ""
    assert not camera.is_dirty


@pytest.mark.parametrize("family", FAMILIES)
def test_a_camera_that_was_not_closed_is_dirty(guest: Rack, tmp_path: Path, family: Family) -> None:
    """A dirty bit that the host sets is one to the guest's kernel."""
    camera = make_camera(tmp_path, serial="BWC-000123", family=family)
    camera.mark_dirty()
    guest.dock.dock(1, camera)
    disk = guest.dock.await_disk(1)
    guest.agent.shell(f"mount {disk} /mnt; umount /mnt")
    assert "not properly unmounted" in guest.agent.run("dmesg").text
    assert camera.is_dirty


def test_a_sparse_clip_of_more_than_four_gibibytes(guest: Rack, tmp_path: Path) -> None:
    """Where size is the point, exFAT holds it, and the host's disk does not."""
    item = Item("DCIM/100MEDIA/LONG.MP4", b"begin", zeros_bytes=5 << 30)
    camera = make_camera(
        tmp_path, serial="BWC-000123", family="exfat", items=[item], size_bytes=6 << 30
    )
    assert camera.image.stat().st_blocks * 512 < 64 << 20
    guest.dock.dock(1, camera)
    guest.agent.run("mount", "-o", "ro", guest.dock.await_disk(1), "/mnt")
    assert int(guest.agent.run("stat", "-c", "%s", f"/mnt/{item.path}").text) == item.size_bytes
    assert guest.agent.run("head", "-c", "6", f"/mnt/{item.path}").out == b"begin\0"


def test_eight_cameras_at_once(guest: Rack, tmp_path: Path) -> None:
    """Every slot takes a camera, and each is where it was docked."""
    cameras = {slot: make_camera(tmp_path, serial=f"BWC-{slot:06}") for slot in SLOTS}
    for slot, camera in cameras.items():
        guest.dock.dock(slot, camera)
    for slot, camera in cameras.items():
        disk = guest.dock.await_disk(slot)
        told = guest.agent.run("udevadm", "info", "--query=property", disk).text
        assert f"ID_SERIAL_SHORT={camera.serial}\n" in told


def test_a_yank_in_mid_read_ends_the_read(guest: Rack, tmp_path: Path) -> None:
    """A yanked camera is gone at once, whatever was being read; docked again it is back.

    Its reader gets an error, or the end of the disk, for a disk that is gone has no size.
    """
    camera = make_camera(tmp_path, serial="BWC-000123")
    guest.dock.dock(2, camera, limit_bytes_s=1 << 20)
    disk = guest.dock.await_disk(2)
    guest.agent.start(
        "/bin/sh", "-c", f"touch /run/reads; cat {disk} | wc -c > /run/count; touch /run/ended"
    )
    wait_until(lambda: guest.agent.exists("/run/reads"), what="the reader", timeout_s=_END_S)
    guest.dock.yank(2)
    guest.dock.await_nothing(2)
    wait_until(lambda: guest.agent.exists("/run/ended"), what="the reader's end", timeout_s=_END_S)
    assert int(guest.agent.read("/run/count")) < camera.image.stat().st_size
    guest.dock.dock(2, camera)
    guest.dock.await_disk(2)


def test_a_port_without_power_has_no_camera(guest: Rack, tmp_path: Path) -> None:
    """Each of the hub's ports is switched by itself, and its camera comes back with the power."""
    one, other = (make_camera(tmp_path, serial=f"BWC-{number:06}") for number in (1, 2))
    guest.dock.dock(1, one)
    guest.dock.dock(2, other)
    guest.dock.await_disk(1)
    guest.dock.await_disk(2)
    guest.dock.power_off(1)
    guest.dock.await_nothing(1)
    assert guest.agent.exists(guest.dock.sysfs(2))
    guest.dock.power_on(1)
    guest.dock.await_disk(1)


def test_nothing_unauthorised_is_bound(guest: Rack, tmp_path: Path) -> None:
    """With authorized_default off, whatever is plugged in is looked at and never driven."""
    guest.dock.authorise_by_default(False)
    guest.dock.dock(1, make_camera(tmp_path, serial="BWC-000123"))
    guest.dock.plug(2, "usb-kbd")
    guest.dock.plug_network(3)
    guest.dock.plug(NO_SLOT, "usb-tablet")
    for place in (1, 2, 3, NO_SLOT):
        guest.dock.await_device(place)
        assert guest.agent.read(f"{guest.dock.sysfs(place)}/authorized") == b"0\n"
    assert guest.agent.read(f"{guest.dock.sysfs(1)}/serial") == b"BWC-000123\n"
    bound = "ls -d /sys/class/net/usb* /sys/class/net/eth1 /dev/input/by-path/*usb* /dev/sd*"
    assert guest.agent.shell(f"{bound} 2>/dev/null", check=False).text == ""
    guest.agent.shell(f"echo 1 > {guest.dock.sysfs(1)}/authorized")
    guest.dock.await_disk(1)


def test_gadgets_are_what_qemu_has_not(guest: Rack) -> None:
    """No serial number, two media, a card reader that is a keyboard and a network card as well."""
    gadget.load(guest.agent, sockets=2)
    guest.agent.shell("truncate -s 8M /run/a /run/b")
    port = gadget.plug(guest.agent, Gadget(media=["/run/a", "/run/b"], vendor_id="1234"))
    folder = gadget.sysfs(guest.agent)
    assert guest.agent.read(f"{folder}/idVendor") == b"1234\n"
    assert not guest.agent.exists(f"{folder}/serial")
    for lun in (0, 1):
        link = f"/dev/disk/by-path/{port}:1.0-scsi-0:0:0:{lun}"
        wait_until(lambda at=link: guest.agent.exists(at), what=link, timeout_s=_END_S)  # type: ignore[misc]  # bound at once, by its default
    composite = Gadget(media=["/run/a"], serial="BWC-000123", keyboard=True, network=True)
    gadget.plug(guest.agent, composite, socket=1)
    classes = f"cat {gadget.sysfs(guest.agent, socket=1)}/*:1.*/bInterfaceClass"
    wait_until(
        lambda: {"08", "03", "02"} <= set(guest.agent.shell(classes, check=False).text.split()),
        what="storage, keyboard and network in one device",
        timeout_s=_END_S,
    )
    gadget.unplug(guest.agent, socket=1)
    assert guest.agent.shell(f"ls {folder}").text


def test_a_test_sees_nothing_of_another(guest: Rack, tmp_path: Path) -> None:
    """What a guest does to its disk and its memory ends with it, and two know different secrets."""
    other = tmp_path / "other"
    other.mkdir()
    guest.agent.write("/srv/trace", "here")
    guest.agent.run("sync")
    guest.agent.write("/run/trace", "here")
    with resumed(bare_guest(), other, ports=some_ports()) as machine:
        assert not machine.agent.exists("/srv/trace")
        assert not machine.agent.exists("/run/trace")
        secrets = [
            agent.run("head", "-c", "16", "/dev/urandom").out
            for agent in (guest.agent, machine.agent)
        ]
    assert secrets[0] != secrets[1]


def test_the_guest_knows_what_time_it_is(guest: Rack) -> None:
    """A guest that was saved yesterday does not sign with yesterday's date."""
    before = int(subprocess.run(["date", "+%s"], capture_output=True, check=True).stdout)
    now = int(guest.agent.run("date", "+%s").text)
    after = int(subprocess.run(["date", "+%s"], capture_output=True, check=True).stdout)
    assert before - 1 <= now <= after + 1


def test_files_and_failures_of_the_guest(guest: Rack) -> None:
    """Bytes go in and out unchanged, and a command that fails says what it wrote."""
    content = bytes(range(256)) * 9000
    guest.agent.write("/srv/bytes", content)
    assert guest.agent.read("/srv/bytes") == content
    ran = guest.agent.run("sha256sum", stdin=b"in")
    assert ran.text.split()[0] == hashlib.sha256(b"in").hexdigest()
    with pytest.raises(GuestFailed, match="ended with 3: no such thing"):
        guest.agent.shell("echo no such thing >&2; exit 3")
    with pytest.raises(GuestFailed, match="No such file"):
        guest.agent.read("/nowhere")


def test_the_journal_outlives_a_power_cut(guest: Rack) -> None:
    """Entries are read by their fields, those of the boot that was cut short as well."""
    # A notice would be lost: what the guest agent runs is of its unit, which keeps its own quiet.
    message = b"MESSAGE=docked\nPRIORITY=4\nDOCKD_CAMERA=BWC-000123\nDOCKD_SLOT=A1\n"
    guest.agent.run("logger", "--journald", stdin=message)
    guest.agent.run("journalctl", "--sync")
    (entry,) = guest.journal("DOCKD_CAMERA=BWC-000123")
    assert (entry["MESSAGE"], entry["DOCKD_SLOT"]) == ("docked", "A1")
    guest.machine.cut()
    assert guest.boot() == "running"
    assert [entry["MESSAGE"] for entry in guest.journal("DOCKD_CAMERA=BWC-000123")] == ["docked"]


def test_the_network_leads_to_the_store_and_nowhere_else(guest: Rack, tmp_path: Path) -> None:
    """The guest reaches the store by its name, until the cable is pulled or it is down."""
    port = guest.machine.ports.store
    with running_store(tmp_path, port=port) as store:
        guest.agent.write("/srv/store.pem", store.authority)
        ask = "curl --silent --show-error --max-time 20 --cacert /srv/store.pem"
        url = "https://store.rack.test/"
        assert "AccessDenied" in guest.agent.shell(f"{ask} {url}").text
        guest.cut_network()
        assert guest.agent.shell(f"{ask} --max-time 2 {url}", check=False).status != 0
        guest.mend_network()
        assert (
            "AccessDenied" in guest.agent.shell(f"{ask} --retry 20 --retry-all-errors {url}").text
        )
        store.stop()
        assert guest.agent.shell(f"{ask} {url}", check=False).status != 0
        store.start()
        assert "AccessDenied" in guest.agent.shell(f"{ask} {url}").text
    elsewhere = "curl --silent --max-time 3 http://10.0.2.2:22/ http://192.0.2.1/"
    assert guest.agent.shell(elsewhere, check=False).out == b""


def test_make_rack_is_a_station_by_hand() -> None:
    """A person is told where its status is, and is obeyed; nothing of it outlives a kill."""
    command = [sys.executable, "-m", "tests.rack"]
    with (
        tempfile.TemporaryDirectory() as short,
        subprocess.Popen(
            command,
            cwd=ROOT,
            env=os.environ | {"TMPDIR": short},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as process,
    ):
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write("status\n")
        process.stdin.flush()
        told = list(takewhile(lambda line: "all of it" not in line, process.stdout))
        assert any(re.match(r"status  http://127\.0\.0\.1:\d+/v1/status$", line) for line in told)
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        names = {Path(f"/proc/{child}/comm").read_text()[:4] for child in children}
        assert names == {"qemu", "weed"}
        process.kill()
        wait_until(
            lambda: not any(Path(f"/proc/{child}").exists() for child in children),
            what="the end of guest and store",
            timeout_s=_END_S,
        )
