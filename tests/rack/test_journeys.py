"""The whole journey of footage, over a real USB stack: camera, spool, store, and a clear camera."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from tests.rack.camera import Camera, Family, make_camera
from tests.rack.dock import SLOTS
from tests.rack.rack import CONFIG, Rack
from tests.rack.store import Store

MIB = 1 << 20
SERIAL = "BWC-000123"
# Eight MiB take eight seconds: a yank is in the middle of them.
SLOW_BYTES_S = MIB
# Any deletion takes seconds: its few kibibytes are on their way when the camera is pulled.
CREEPING_BYTES_S = 1024
EIGHT_S = 400.0


def keys(serial: str, files: Mapping[str, str]) -> Counter[tuple[str, str]]:
    """Say what a store has to hold of a camera with these files: each once, under its own key."""
    return Counter({(f"{serial}/{digest}/{path}", digest): 1 for path, digest in files.items()})


def store_of(station: Rack) -> Store:
    """Return the store beside a station."""
    assert station.store is not None
    return station.store


def arrived(station: Rack, camera: Camera) -> None:
    """Find all of a camera's files in the store, once, and only its footage gone from it."""
    held = store_of(station).contents(camera.serial)
    assert held == keys(camera.serial, camera.clips | camera.others)
    assert camera.found() == camera.others


def is_clean(camera: Camera) -> bool:
    """Say whether the camera's file system is as a careful person leaves it."""
    return camera.complaints() == "" and not camera.is_dirty


def read_of(station: Rack, number: int) -> int:
    """Say how many bytes the station has read of the camera in a slot."""
    return station.dock.moved(number)[0]


def verified(station: Rack, number: int) -> int:
    """Say how many files of the camera in a slot are proven in the spool."""
    places = station.slot(number)["clips"]
    return int(places["verified"] + places["stored"] + places["wiped"])


def yank_in_mid_copy(station: Rack, camera: Camera, number: int) -> None:
    """Dock a camera and pull it when a part of its footage, and not all, has been read."""
    station.dock.dock(number, camera, limit_bytes_s=SLOW_BYTES_S)
    # More than its file system alone: footage is on its way.
    station.until(
        lambda: station.slot(number)["bytes_total"] > 0 and read_of(station, number) > 3 * MIB,
        "a copy to be under way",
    )
    assert verified(station, number) < len(camera.items)
    assert read_of(station, number) < 8 * MIB
    station.dock.yank(number)


@pytest.mark.parametrize("family", ["vfat", "exfat"])
@pytest.mark.parametrize("partitioned", [False, True])
def test_a_camera_is_emptied_into_the_store(
    station: Rack, tmp_path: Path, family: Family, partitioned: bool
) -> None:
    """Its clips are in the store, its settings still on it, and its file system is clean."""
    camera = make_camera(tmp_path, serial=SERIAL, family=family, partitioned=partitioned)
    station.dock.dock(1, camera)
    station.until_cleared(1)
    assert station.slot(1)["problems"] == []
    station.dock.yank(1)
    station.until(lambda: station.slot(1)["state"] == "empty", "the slot to be empty")
    arrived(station, camera)
    assert is_clean(camera)
    told = [entry["DOCKD_EVENT"] for entry in station.journal(f"DOCKD_CAMERA={SERIAL}")]
    story = ["docked", "docking-offloaded", "docking-cleared", "undocked"]
    assert [event for event in told if event in story] == story


@pytest.mark.timeout(900)
def test_eight_cameras_at_once(station: Rack, tmp_path: Path) -> None:
    """A whole rack that is filled within moments is emptied, each camera as if it were alone."""
    families: Sequence[Family] = ("vfat", "exfat")
    cameras = {
        slot: make_camera(tmp_path, serial=f"BWC-{slot:06}", family=families[slot % 2])
        for slot in SLOTS
    }
    for slot, camera in cameras.items():
        station.dock.dock(slot, camera)
    station.until_cleared(*SLOTS, timeout_s=EIGHT_S)
    for slot in SLOTS:
        station.dock.yank(slot)
    for camera in cameras.values():
        arrived(station, camera)
        assert is_clean(camera)


@pytest.mark.parametrize("other", [2, 5], ids=["same-slot", "another-slot"])
def test_a_camera_is_yanked_in_mid_copy(station: Rack, tmp_path: Path, other: int) -> None:
    """What was not copied is copied when it comes back, wherever; nothing arrives twice."""
    camera = make_camera(tmp_path, serial=SERIAL)
    yank_in_mid_copy(station, camera, 2)
    assert camera.found() == camera.clips | camera.others
    station.dock.dock(other, camera)
    station.until_cleared(other)
    station.dock.yank(other)
    arrived(station, camera)
    assert is_clean(camera)


def test_a_camera_is_yanked_twice_in_a_row(station: Rack, tmp_path: Path) -> None:
    """A bad contact, or an officer who cannot decide, costs time and nothing else."""
    camera = make_camera(tmp_path, serial=SERIAL, family="exfat")
    yank_in_mid_copy(station, camera, 3)
    station.dock.dock(3, camera)
    station.dock.yank(3)
    station.dock.dock(3, camera)
    station.until_cleared(3)
    station.dock.yank(3)
    arrived(station, camera)
    assert is_clean(camera)


def test_a_camera_is_yanked_while_its_copy_is_read_back(station: Rack, tmp_path: Path) -> None:
    """A copy that is whole and unproven when its camera leaves is never taken for proven."""
    camera = make_camera(tmp_path, serial=SERIAL)
    station.pace_reads("rootdisk", limit_bytes_s=256 << 10)
    station.dock.dock(1, camera)
    station.until(lambda: station.slot(1)["clips"]["spooled"] > 0, "a copy to be read back")
    assert verified(station, 1) < len(camera.items)
    station.dock.yank(1)
    station.pace_reads("rootdisk", limit_bytes_s=0)
    assert camera.found() == camera.clips | camera.others
    station.dock.dock(1, camera)
    station.until_cleared(1)
    station.dock.yank(1)
    arrived(station, camera)


@pytest.mark.parametrize("other", [1, 8], ids=["same-slot", "another-slot"])
@pytest.mark.parametrize("family", ["vfat", "exfat"])
def test_a_camera_is_yanked_in_a_wipe(
    station: Rack, tmp_path: Path, family: Family, other: int
) -> None:
    """Whatever of it was deleted was stored, and the rest goes when it comes back."""
    camera = make_camera(tmp_path, serial=SERIAL, family=family)
    store = store_of(station)
    store.stop()
    station.dock.dock(1, camera, limit_bytes_s=16 * MIB)
    station.until(lambda: verified(station, 1) == len(camera.items), "every clip to be verified")
    station.dock.pace(1, limit_bytes_s=CREEPING_BYTES_S)
    store.start()
    station.until(lambda: station.dock.moved(1)[1] > 0, "a wipe to be under way", timeout_s=120)
    states = {copies["camera"] for copies in station.copies(SERIAL)}
    assert "wiping" in states
    assert "wiped" not in states
    station.dock.yank(1)
    assert store.contents(SERIAL) == keys(SERIAL, camera.clips | camera.others)
    assert camera.found().items() >= camera.others.items()
    station.dock.dock(other, camera)
    station.until_cleared(other)
    station.dock.yank(other)
    arrived(station, camera)


def test_the_power_is_cut_while_footage_is_sent(station: Rack, tmp_path: Path) -> None:
    """A station that comes up again sends the rest by itself, and nothing twice."""
    camera = make_camera(tmp_path, serial=SERIAL)
    paced = station.agent.read(CONFIG).decode() + "\n[uplink]\nrate_limit_mbit_s = 4\n"
    station.configure(paced)
    station.until_ready()
    station.dock.dock(6, camera)
    station.until(
        lambda: (
            verified(station, 6) == len(camera.items)
            and any(copies["stores"]["central"] == "sending" for copies in station.copies(SERIAL))
        ),
        "footage to be on its way",
    )
    assert store_of(station).contents(SERIAL) != keys(SERIAL, camera.clips | camera.others)
    station.machine.cut()
    assert camera.found().items() >= camera.others.items()
    station.boot()
    station.until_cleared(6, timeout_s=240)
    station.dock.yank(6)
    arrived(station, camera)
    assert is_clean(camera)


def test_a_clip_is_exchanged_while_the_camera_is_away(station: Rack, tmp_path: Path) -> None:
    """Another clip of the same name, size and mtime is other evidence: both are kept."""
    camera = make_camera(tmp_path, serial=SERIAL)
    store = store_of(station)
    store.stop()
    station.dock.dock(1, camera)
    station.until(lambda: verified(station, 1) == len(camera.items), "every clip to be verified")
    station.dock.yank(1)
    first, *rest = camera.items
    exchanged = camera.put(replace(first, content=first.content[::-1]), *rest)
    assert exchanged.clips.keys() == camera.clips.keys()
    station.dock.dock(1, exchanged)
    store.start()
    station.until_cleared(1)
    station.dock.yank(1)
    both = keys(SERIAL, camera.clips | camera.others) | keys(SERIAL, exchanged.clips)
    assert store.contents(SERIAL) == both
    assert exchanged.found() == exchanged.others
    assert is_clean(exchanged)
