"""The whole journey of footage, over a real USB stack: camera, spool, store, and a clear camera."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from tests.rack.camera import Family, make_camera
from tests.rack.dock import SLOTS
from tests.rack.journey import (
    SERIAL,
    SLOW_BYTES_S,
    arrived,
    in_mid_copy,
    in_mid_wipe,
    is_clean,
    keys,
    pace_spool,
    store_of,
    verified,
)
from tests.rack.rack import READY_S, SERVICE, Rack

EIGHT_S = 400.0
FLOOD_S = 120.0
# Whoever listens from then on gets a small buffer for what udev tells.
NARROW = f"echo 16384 > /proc/sys/net/core/rmem_max; systemctl restart {SERVICE}"
# More than that holds of somebody who does not read it.
FLOOD = """
for round in $(seq 8); do
    udevadm trigger --action=change --subsystem-match=usb --subsystem-match=block
done
udevadm settle
"""


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
    in_mid_copy(station, camera, 2)
    station.dock.yank(2)
    assert camera.found() == camera.clips | camera.others
    station.dock.dock(other, camera)
    station.until_cleared(other)
    station.dock.yank(other)
    arrived(station, camera)
    assert is_clean(camera)


def test_a_camera_is_yanked_twice_in_a_row(station: Rack, tmp_path: Path) -> None:
    """A bad contact, or an officer who cannot decide, costs time and nothing else."""
    camera = make_camera(tmp_path, serial=SERIAL, family="exfat")
    in_mid_copy(station, camera, 3)
    station.dock.yank(3)
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
    station.dock.dock(1, camera, limit_bytes_s=SLOW_BYTES_S)
    station.until(
        lambda: station.slot(1)["bytes_total"] > 0, "a copy to be under way", closely=True
    )
    pace_spool(station, limit_bytes_s=256 << 10)
    station.until(
        lambda: station.slot(1)["clips"]["spooled"] > 0, "a copy to be read back", closely=True
    )
    assert verified(station, 1) < len(camera.items)
    station.dock.yank(1)
    pace_spool(station, limit_bytes_s=0)
    assert camera.found() == camera.clips | camera.others
    station.dock.dock(1, camera)
    station.until_cleared(1)
    station.dock.yank(1)
    arrived(station, camera)


def test_a_camera_that_was_away_unseen(station: Rack, tmp_path: Path) -> None:
    """Where udev's events got lost, a camera that is back is a new arrival all the same."""
    camera = make_camera(tmp_path, serial=SERIAL)
    station.agent.shell(NARROW, timeout_s=READY_S)
    in_mid_copy(station, camera, 4)
    station.agent.run("systemctl", "service-watchdogs", "no")
    station.agent.run("systemctl", "kill", "--signal=STOP", SERVICE)
    station.dock.yank(4)
    station.dock.await_nothing(4)
    station.dock.dock(4, camera)
    station.dock.await_device(4)
    station.agent.shell(FLOOD, timeout_s=FLOOD_S)
    station.agent.run("systemctl", "kill", "--signal=CONT", SERVICE)
    station.until_cleared(4)
    assert station.journal("DOCKD_EVENT=udev-events-lost")
    assert len(station.get(f"/v1/dockings?camera={SERIAL}")["dockings"]) == 2
    station.dock.yank(4)
    arrived(station, camera)
    assert is_clean(camera)


@pytest.mark.parametrize("other", [1, 8], ids=["same-slot", "another-slot"])
@pytest.mark.parametrize("family", ["vfat", "exfat"])
def test_a_camera_is_yanked_in_a_wipe(
    station: Rack, tmp_path: Path, family: Family, other: int
) -> None:
    """Whatever of it was deleted was stored, and the rest goes when it comes back."""
    camera = make_camera(tmp_path, serial=SERIAL, family=family)
    in_mid_wipe(station, camera, 1)
    station.dock.yank(1)
    left = camera.found()
    assert left.items() >= camera.others.items()
    deleted = {path: digest for path, digest in camera.clips.items() if path not in left}
    assert keys(SERIAL, deleted) <= store_of(station).contents(SERIAL)
    station.dock.dock(other, camera)
    station.until_cleared(other)
    station.dock.yank(other)
    arrived(station, camera)


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
