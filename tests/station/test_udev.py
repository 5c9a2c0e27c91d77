"""udev and sysfs: the real pyudev on umockdev's events, and the real reader on made-up files."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from dockd.station.udev import UdevBus, sysfs
from tests.cameras.usb_parts import Lines
from tests.fakes.usb_bus import CONTROLLER, HUB, Bell, FakeBus
from tests.station.udev_scene import BURSTS


def scene(name: str) -> dict[str, Any]:
    """Play a scene in a process of its own, for umockdev has to be there before anything else."""
    played = subprocess.run(
        ["umockdev-wrapper", sys.executable, "-m", "tests.station.udev_scene", name],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    seen: dict[str, Any] = json.loads(played.stdout)
    return seen


@pytest.mark.real
def test_a_device_that_comes_or_goes_rings() -> None:
    """Udev's events ring through the real pyudev, and an exchanged device is another one."""
    assert scene("come-and-go") == {
        "seen": [[], ["BWC-3"], [], ["BWC-4"]],
        "port": f"{CONTROLLER}-usb-0:1.2",
        "still": False,
    }


@pytest.mark.real
def test_what_belongs_to_a_device_does_not_ring() -> None:
    """A camera's interface and disk change nothing in its slot; the camera's leaving does."""
    assert scene("below") == {"rings": 0, "serials": []}


@pytest.mark.real
def test_bursts_are_drained() -> None:
    """Events that come in bursts are all taken in, and what comes after them still rings."""
    played = scene("burst")
    assert played["serials"] == []
    assert played["rings"] >= BURSTS


def test_a_device_has_the_stable_name_of_its_port(tmp_path: Path) -> None:
    """A port is named by its controller and the way through its hubs, as ID_PATH begins."""
    bus = FakeBus(tmp_path / "sys")
    bus.plug("1-1.3", serial="BWC-3")
    bus.plug("1-2", serial=None)
    found = {device.name: device for device in sysfs.devices(bus.root)}
    assert {name: device.port.removeprefix(CONTROLLER) for name, device in found.items()} == {
        HUB: "-usb-0:1",
        "1-1.3": "-usb-0:1.3",
        "1-2": "-usb-0:2",
    }
    assert found[HUB].is_hub
    assert (found["1-1.3"].serial, found["1-2"].serial) == ("BWC-3", "")


def test_a_port_behind_bridges_and_on_a_board_is_named_as_udev_does(tmp_path: Path) -> None:
    """Of several bridges in a row the innermost counts; what is above another kind counts too."""
    path = tmp_path / "sys/devices/platform/soc/fd500000.pcie"
    steps = {
        "fd500000.pcie": "platform",
        "0000:00:00.0": "pci",
        "0000:01:00.0": "pci",
        "usb1": "usb",
    }
    for name, kind in steps.items():
        path = path if path.name == name else path / name
        path.mkdir(parents=True)
        kinds = tmp_path / "bus" / kind
        kinds.mkdir(parents=True, exist_ok=True)
        (path / "subsystem").symlink_to(kinds)
    (path / "1-1").mkdir()
    found = sysfs.controller_of(path / "1-1")
    assert found == "platform-fd500000.pcie-pci-0000:01:00.0"


def test_a_device_that_leaves_while_it_is_read_is_left_out(tmp_path: Path) -> None:
    """Half a device is none; the others are seen all the same."""
    bus = FakeBus(tmp_path / "sys")
    for number in (1, 2):
        bus.plug(f"1-1.{number}", serial=f"BWC-{number}")
    (bus.root / "bus/usb/devices/1-1.1/idVendor").unlink()
    found = [device.serial for device in sysfs.devices(bus.root) if not device.is_hub]
    assert found == ["BWC-2"]
    assert sysfs.devices(tmp_path / "nowhere") == ()


def test_a_disk_is_settled_with_its_partitions(tmp_path: Path) -> None:
    """Udev is done with a device once it is with all of it: its rules have tagged each part."""
    bus = FakeBus(tmp_path / "sys")
    bus.settles = False
    bus.plug("1-1.1", serial="BWC-1")
    (device,) = (device for device in sysfs.devices(bus.root) if not device.is_hub)

    def is_settled() -> bool:
        return sysfs.is_settled(device, root=bus.root, tags=bus.tags)

    assert not is_settled()
    bus.authorise("1-1.1")
    disk = bus.unit("1-1.1") / "block/sda"
    assert not is_settled()
    bus.settle(disk)
    assert is_settled()
    part = disk / "sda1"
    part.mkdir()
    (part / "partition").write_text("1\n")
    assert not is_settled()
    (part / "dev").write_text("8:17\n")
    assert not is_settled()
    bus.settle(part)
    assert is_settled()
    bus.unplug("1-1.1")
    assert not is_settled()


def test_two_units_are_no_disk(tmp_path: Path) -> None:
    """A device with two disks has none that could be meant; one that left has none either."""
    bus = FakeBus(tmp_path / "sys")
    bus.plug("1-1.1", serial="BWC-1")
    (device,) = (device for device in sysfs.devices(bus.root) if not device.is_hub)
    assert sysfs.disk(device, root=bus.root) is None
    bus.authorise("1-1.1")
    found = sysfs.disk(device, root=bus.root)
    assert found is not None
    assert (found.sequence, found.works, found.errors) == (1, True, 2)
    second = bus.unit("1-1.1").parent / "9:0:0:1/block/sdb"
    second.mkdir(parents=True)
    assert sysfs.disk(device, root=bus.root) is None
    bus.unplug("1-1.1")
    assert sysfs.disk(device, root=bus.root) is None
    assert not sysfs.is_there(device, root=bus.root)


def test_a_monitor_that_cannot_be_had_is_asked_for_again(tmp_path: Path) -> None:
    """A bus whose monitor fails goes on, says so, and is closed without a trace."""
    bell = Bell()
    journal = Lines()
    failures = [OSError("no netlink"), OSError("no netlink")]

    def open_monitor() -> Bell:
        if failures:
            raise failures.pop()
        return bell.open()

    async def run() -> None:
        rung = asyncio.Event()
        bus = UdevBus(journal=journal, root=tmp_path, open_monitor=open_monitor)
        with bus.listening(rung.set):
            assert not rung.is_set()
        with bus.listening(rung.set):
            assert not rung.is_set()
        with bus.listening(rung.set):
            assert rung.is_set()
            rung.clear()
            bell.overflow()
            await rung.wait()
        assert bell.opened == 2

    asyncio.run(run())
    assert journal.said == ["udev-events-lost"] * 3
    bell.close()
