"""What is no camera, or not one of ours, in a rack: left alone by the kernel, and told of."""

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from dockd.core.catalogue import CATALOGUE
from tests.rack import gadget
from tests.rack.camera import Camera, make_camera
from tests.rack.dock import NO_SLOT
from tests.rack.gadget import Gadget
from tests.rack.rack import CONFIG, SERVICE, Rack, slot_name
from tests.rack.station import built_package, running_station

# They share a guest.
pytestmark = pytest.mark.xdist_group("wrong devices")

FRAGMENTS = f"{Path(CONFIG).parent}/dockd.d"
KEYBOARD, NETWORK, TWIN, OTHER_TWIN, STICK, RIGHT = 1, 2, 3, 4, 5, 8
NAMELESS, COMPOSITE, TWO_UNITS = range(3)
RECEIVE_BUFFER_BYTES = 4 << 20
RIGHT_SERIAL, TWO_UNITS_SERIAL = "BWC-000008", "BWC-000902"
GADGETS = {
    NAMELESS: Gadget(media=["/run/0"], vendor_id="46f4", product_id="0001"),
    COMPOSITE: Gadget(
        media=["/run/1"],
        serial="BWC-000901",
        vendor_id="46f4",
        product_id="0001",
        keyboard=True,
        network=True,
    ),
    TWO_UNITS: Gadget(
        media=["/run/2", "/run/3"], serial=TWO_UNITS_SERIAL, vendor_id="46f4", product_id="0001"
    ),
}


@dataclass(frozen=True)
class Wrong:
    """A wrong device: where it is, and what the station has to say of it.

    `place` is a slot, `NO_SLOT`, or the name of a gadget's slot.
    """

    place: int | str
    slug: str
    words: str

    def slot(self, rack: Rack) -> str:
        if isinstance(self.place, int):
            return slot_name(self.place)
        return rack.dock.port(NO_SLOT) if self.place == NO_SLOT else self.place

    def sysfs(self, rack: Rack) -> str:
        if isinstance(self.place, str) and self.place.startswith("G"):
            return gadget.sysfs(rack.agent, socket=int(self.place[1:]))
        if self.place == NO_SLOT:
            # A controller's own socket is fast enough for its other bus.
            return "/sys/bus/usb/devices/2-2"
        return rack.dock.sysfs(self.place)


UNBOUND = {
    "keyboard": Wrong(KEYBOARD, "camera-not-storage", "it has interfaces 03:01:01"),
    "network adapter": Wrong(NETWORK, "camera-not-storage", "it has interfaces 02:"),
    "not allowed": Wrong(STICK, "camera-not-allowed", 'serial = "STICK-1"'),
    "no serial number": Wrong(f"G{NAMELESS}", "camera-without-serial", "has no serial number"),
    "same serial": Wrong(TWIN, "camera-duplicate-serial", "BWC-000003 is in slots A3, A4"),
    "twice": Wrong(OTHER_TWIN, "camera-duplicate-serial", "BWC-000003 is in slots A3, A4"),
    "no slot": Wrong(NO_SLOT, "port-not-a-slot", 'slots = [{ name = "..."'),
    "composite": Wrong(f"G{COMPOSITE}", "camera-not-storage", "03:00:01"),
}
# Udev takes its time over the right camera's disk.
SLOW_RULE = f'SUBSYSTEM=="block", ATTRS{{serial}}=="{RIGHT_SERIAL}", PROGRAM="/bin/sleep 4"\n'
TWO_LUNS = Wrong(f"G{TWO_UNITS}", "camera-media-refused", "2 units (LUNs)")


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder for the cameras' media."""
    return tmp_path_factory.mktemp("shelf")


@pytest.fixture(scope="module")
def right(shelf: Path) -> Camera:
    """Give a camera with which nothing is wrong."""
    return make_camera(shelf, serial=RIGHT_SERIAL)


@pytest.fixture(scope="module")
def rack(tmp_path_factory: pytest.TempPathFactory, shelf: Path, right: Camera) -> Iterator[Rack]:
    """Give a station with everything wrong in its ports at once, and one right camera."""
    with running_station(built_package(), tmp_path_factory.mktemp("station")) as station:
        station.agent.run("systemctl", "stop", SERVICE)
        gadget.load(station.agent, sockets=len(GADGETS))
        station.agent.write(f"{FRAGMENTS}/gadgets.toml", _gadget_slots())
        # While nobody looks, so that neither was ever there alone; the bus is guarded all the same.
        for slot, name in ((TWIN, "twin"), (OTHER_TWIN, "other")):
            folder = shelf / name
            folder.mkdir()
            station.dock.dock(slot, make_camera(folder, serial="BWC-000003"))
        station.agent.run("systemctl", "start", SERVICE)
        station.until_ready()
        station.until(lambda: _guarded(station), "the gadgets' buses to be guarded")
        station.agent.run("mkdir", "--parents", "/run/udev/rules.d")
        station.agent.write("/run/udev/rules.d/50-slow.rules", SLOW_RULE)
        station.agent.run("udevadm", "control", "--reload")
        for socket, device in GADGETS.items():
            for medium in device.media:
                station.agent.shell(f"truncate -s 8M {medium}; mkfs.vfat {medium}")
            gadget.plug(station.agent, device, socket=socket)
        station.dock.plug(KEYBOARD, "usb-kbd")
        station.dock.plug_network(NETWORK)
        station.dock.dock(STICK, make_camera(shelf, serial="STICK-1"))
        station.dock.dock(NO_SLOT, make_camera(shelf, serial="BWC-000777"))
        station.dock.dock(RIGHT, right)
        yield station


def _gadget_slots() -> str:
    return "".join(
        f'[[slots]]\nname = "G{socket}"\nport = "platform-dummy_hcd.{socket}-usb-0:1"\n'
        for socket in GADGETS
    )


def _guarded(rack: Rack) -> bool:
    read = "cat /sys/devices/platform/dummy_hcd.*/usb*/authorized_default"
    return rack.agent.shell(read).text.split() == ["0"] * len(GADGETS)


def _kernel_lines(rack: Rack) -> list[str]:
    return [str(entry["MESSAGE"]) for entry in rack.journal("_TRANSPORT=kernel")]


@pytest.mark.parametrize("wrong", [*UNBOUND.values(), TWO_LUNS], ids=[*UNBOUND, "two LUNs"])
def test_a_wrong_device_is_refused_in_an_admins_words(rack: Rack, wrong: Wrong) -> None:
    """Status page and journal name the port, what is wrong, who acts, and what that person does."""
    slot = wrong.slot(rack)

    def told() -> list[dict[str, str]]:
        return [one for one in rack.problems(wrong.slug) if one["subject"] == f"slot {slot}"]

    rack.until(lambda: bool(told()), f"{wrong.slug} of {slot}")
    (problem,) = told()
    kind = CATALOGUE[wrong.slug]
    assert wrong.words in problem["reason"]
    assert slot in problem["reason"]
    assert (problem["owner"], problem["next"]) == (kind.owner, kind.next_step)
    matches = ("DOCKD_EVENT=problem-opened", f"DOCKD_SLUG={wrong.slug}", f"DOCKD_SLOT={slot}")
    (entry,) = rack.journal(*matches)
    assert entry["DOCKD_REASON"] == problem["reason"]
    assert (entry["DOCKD_OWNER"], entry["DOCKD_NEXT"]) == (kind.owner, kind.next_step)


@pytest.mark.parametrize("wrong", UNBOUND.values(), ids=UNBOUND)
def test_a_wrong_device_is_never_bound(rack: Rack, wrong: Wrong) -> None:
    """The kernel saw it, authorised nothing of it, and at no time gave it to a driver."""
    folder = wrong.sysfs(rack)
    assert rack.agent.read(f"{folder}/authorized") == b"0\n"
    name = Path(folder).name
    assert rack.agent.shell(f"find {folder}/ -maxdepth 1 -name '{name}:*'").text == ""
    lines = _kernel_lines(rack)
    assert any(f"usb {name}: New USB device found" in line for line in lines)
    assert [line for line in lines if f"{name}:1." in line] == []


def test_a_right_camera_beside_them_is_served(rack: Rack, right: Camera) -> None:
    """Nothing that is wrong in other ports keeps a camera from being emptied into the store."""
    rack.until_cleared(RIGHT)
    assert rack.slot(RIGHT)["problems"] == []
    assert right.found() == right.others
    assert rack.store is not None
    stored = {digest for _, digest in rack.store.contents(RIGHT_SERIAL)}
    assert set(right.clips.values()) <= stored
    # What is said of the wrong devices' drivers would be said of this one's.
    assert any("1-1.8:1.0" in line for line in _kernel_lines(rack))


def test_a_right_camera_is_dockds_alone(rack: Rack) -> None:
    """Udev knows it as dockd's, tells a desktop to leave it alone, and looks at it no second time.

    Nothing is mounted of it where anybody could see it.
    """
    disk = rack.dock.await_disk(RIGHT)
    known = rack.agent.run("udevadm", "info", "--query=property", disk).text.splitlines()
    assert {"UDISKS_IGNORE=1", "UDISKS_AUTO=0"} <= set(known)
    assert any(line.startswith("TAGS=") and ":dockd:" in line for line in known)
    number = rack.agent.read(f"/sys/class/block/{Path(disk).name}/dev").decode().strip()
    watched = rack.agent.run("ls", "/run/udev/watch").text.split()
    # Of each there are two links, one by the device's number: the guest's own disk is watched.
    assert any(name.startswith("b") for name in watched)
    assert f"b{number}" not in watched
    assert disk not in rack.agent.read("/proc/mounts").decode()


def test_a_camera_has_settled_before_it_is_docked(rack: Rack) -> None:
    """All of udev's rules are done with its disk, however long they take, when dockd opens it."""
    rack.until_cleared(RIGHT)
    disk = rack.dock.await_disk(RIGHT)
    known = rack.agent.run("udevadm", "info", "--query=property", disk).text
    # Both are microseconds of one clock.
    done = re.search(r"^USEC_INITIALIZED=(\d+)$", known, re.MULTILINE)
    docked, *_ = rack.journal("DOCKD_EVENT=docked", f"DOCKD_CAMERA={RIGHT_SERIAL}")
    assert done is not None
    assert int(docked["__MONOTONIC_TIMESTAMP"]) > int(done[1])


def test_nothing_wrong_became_a_disk_a_network_or_a_keyboard(rack: Rack) -> None:
    """Of all that is plugged in, only the right camera and the one with two units are disks."""
    there = "readlink -f /sys/class/net/* /sys/class/input/* /sys/class/block/*"
    # The other half of a gadget, which is the guest's own and on no bus, is none of it.
    found = [
        line
        for line in rack.agent.shell(there).text.splitlines()
        if "/usb" in line and "/dummy_udc." not in line
    ]
    allowed = (rack.dock.sysfs(RIGHT), gadget.sysfs(rack.agent, socket=TWO_UNITS))
    names = [f"/{Path(folder).name}/" for folder in allowed]
    assert [line for line in found if not any(name in line for name in names)] == []
    assert all("/block/" in line for line in found)


def test_nothing_is_read_from_a_device_with_two_units(rack: Rack) -> None:
    """That it has two media shows only to a driver; then it is refused, and no docking begins."""
    rack.until(lambda: bool(rack.problems(TWO_LUNS.slug)), "the refusal")
    assert rack.journal("DOCKD_EVENT=docked", f"DOCKD_CAMERA={TWO_UNITS_SERIAL}") == []
    assert rack.get(f"/v1/clips?camera={TWO_UNITS_SERIAL}")["clips"] == []


def test_the_events_of_many_devices_fit_into_the_buffer(rack: Rack) -> None:
    """A program without privileges gets for udev's events what the installed setting grants."""
    granted = rack.agent.run("cat", "/proc/sys/net/core/rmem_max").text
    assert int(granted) >= RECEIVE_BUFFER_BYTES


def _stored(rack: Rack) -> list[str]:
    clips = rack.get("/v1/clips?camera=STICK-1&limit=1000")["clips"]
    return [clip["path"] for clip in clips if clip["place"] in {"stored", "wiped"}]


def test_what_the_refusal_says_to_add_lets_the_device_in(station: Rack, tmp_path: Path) -> None:
    """An admin who copies the line into a file and restarts dockd has a camera more."""
    stick = make_camera(tmp_path, serial="STICK-1")
    station.dock.dock(STICK, stick)
    station.until(lambda: bool(station.problems("camera-not-allowed")), "the refusal")
    (problem,) = station.problems("camera-not-allowed")
    line = problem["reason"].partition("dockd.d: ")[2]
    assert tomllib.loads(line)["cameras"]["accept"]
    station.agent.write(f"{FRAGMENTS}/stick.toml", f"{line}\n")
    station.agent.run("systemctl", "restart", SERVICE)
    station.until(
        lambda: len(_stored(station)) == len(stick.items),
        "all that is on it to be stored",
        timeout_s=120,
    )
    assert station.problems("camera-not-allowed") == []
