"""Footage exported onto the file systems that a courier's disk has."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.rack import odd_names
from tests.rack.camera import Family, make_camera
from tests.rack.disk import Disk
from tests.rack.footage import SETTINGS, Item, clips
from tests.rack.journey import MIB, SERIAL
from tests.rack.rack import Rack

FAMILIES: tuple[Family, ...] = ("vfat", "exfat")
DISK_BYTES = 64 * MIB
EXPORT_S = 300.0
# As whoever is given the disk does it; the ASC's tool would look for a newer one of itself.
JUDGED = """
device=$(findmnt --noheadings --output SOURCE {disk})
umount {disk}
mount -o ro $device {disk}
cd {disk}/*
sha256sum --check --strict --quiet SHA256SUMS
https_proxy=http://127.0.0.1:9 /usr/lib/dockd/bin/python -I -c \\
    'from ascmhl.cli.ascmhl_debug import mhldebugtool_cli as judge; judge()' verify .
"""


def mount_new(station: Rack, image: Path, family: Family) -> str:
    """Plug a disk into a station's box, make a file system on it and mount it, as anybody would."""
    with image.open("wb") as file:
        file.truncate(DISK_BYTES)
    disk = Disk(family, image, format="raw")
    station.machine.attach(disk)
    folder = f"/mnt/{family}"
    station.agent.shell(f"mkfs.{family} {disk.link}; mkdir {folder}; mount {disk.link} {folder}")
    return folder


def export(station: Rack, folder: str) -> dict[str, Any]:
    """Export the one docking that there is, and return what was said of it."""
    ran = station.agent.run("dockd", "export", "--json", "--all", folder, timeout_s=EXPORT_S)
    (said,) = json.loads(ran.out)["dockings"]
    return dict(said)


@pytest.mark.timeout(900)
def test_a_couriers_disk_carries_every_name(station: Rack, tmp_path: Path) -> None:
    """Onto FAT and onto exFAT everything goes, whatever it is called, and verifies there."""
    odd = (Item(f"DCIM/ODD/{name}", ascii(name).encode()) for name in odd_names.EXFAT)
    items = (*clips(seed=1, count=1, total_bytes=MIB // 2), *odd, *SETTINGS)
    camera = make_camera(tmp_path, serial=SERIAL, family="exfat", items=items)
    station.dock.dock(1, camera)
    station.until_cleared(1)
    for family in FAMILIES:
        disk = mount_new(station, tmp_path / f"{family}.img", family)
        said = export(station, disk)
        assert (said["state"], said["files"], said["absent"]) == ("exported", len(items), [])
        station.agent.shell(JUDGED.format(disk=disk), timeout_s=EXPORT_S)
        assert export(station, disk)["state"] == "already"
