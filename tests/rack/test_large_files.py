"""Files as large as FAT can hold, and larger than that.

An emulated station would need hours for every byte of both. So their sizes, and some parts of their
copies over a yank, are looked at here; what becomes of offsets and ends beyond four GiB, from the
camera to the store and to the wipe, is tried on this host (tests/badinput).
"""

from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path

import pytest

from tests.rack.camera import Camera, Family, make_camera
from tests.rack.disk import Disk, ext4
from tests.rack.footage import FIRST_RECORDED, SETTINGS, Item
from tests.rack.journey import MIB, keys, store_of
from tests.rack.rack import Rack
from tests.rack.station import put_spool_on

GIB = 1 << 30
MEDIUM_BYTES = 5 * GIB
SPOOL_BYTES = 16 * GIB
LARGE = "DCIM/100MEDIA/LARGE.MP4"
SIZES: Mapping[Family, int] = {"vfat": 4 * GIB - 1, "exfat": 4 * GIB + 3 * MIB + 7}
PART_S = 300.0


def filmed(folder: Path, number: int, family: Family) -> Camera:
    """Make a camera with a small file and, recorded later, a large one that is almost a hole."""
    content = f"{family}: the beginning of a long night".encode()
    later = FIRST_RECORDED + timedelta(hours=1)
    items = (
        Item(LARGE, content, later, zeros_bytes=SIZES[family] - len(content)),
        Item("DCIM/100MEDIA/SMALL.MP4", b"short"),
        *SETTINGS,
    )
    serial = f"BWC-{number:06}"
    return make_camera(folder, serial=serial, family=family, items=items, size_bytes=MEDIUM_BYTES)


def parts(station: Rack, camera: Camera) -> list[int]:
    """List the parts of a camera's large file that became durable in the spool, in their order."""
    told = station.journal("DOCKD_EVENT=part-spooled", f"DOCKD_CAMERA={camera.serial}")
    return [int(entry["DOCKD_INDEX"]) for entry in told]


def until_each(
    station: Rack, cameras: Mapping[int, Camera], holds: Callable[[Camera], bool], what: str
) -> None:
    """Wait until something holds of each camera."""
    station.until(lambda: all(map(holds, cameras.values())), what, timeout_s=PART_S)


@pytest.mark.timeout(900)
def test_files_at_the_limits_of_fat(station: Rack, tmp_path: Path) -> None:
    """Both are seen at their very size and copied part by part, over a yank, no part twice."""
    spool = ext4(tmp_path / "spool.img", size_bytes=SPOOL_BYTES)
    put_spool_on(station, Disk("spool", spool, format="raw"))
    families: tuple[Family, ...] = ("vfat", "exfat")
    cameras = {slot: filmed(tmp_path, slot, family) for slot, family in enumerate(families, 1)}
    # fsck.fat counts in 32 bits and takes the largest file that FAT can hold for an empty one.
    said_before = {slot: camera.complaints() for slot, camera in cameras.items()}
    for slot, camera in cameras.items():
        station.dock.dock(slot, camera)
    until_each(station, cameras, lambda camera: bool(parts(station, camera)), "a part of each")
    for slot, camera in cameras.items():
        clips = station.get(f"/v1/clips?camera={camera.serial}")["clips"]
        sizes = {clip["path"]: clip["size_bytes"] for clip in clips}
        assert sizes == {item.path: item.size_bytes for item in camera.items}
        station.dock.yank(slot)
    before = {camera.serial: len(parts(station, camera)) for camera in cameras.values()}
    for slot, camera in cameras.items():
        station.dock.dock(slot, camera)
    until_each(
        station,
        cameras,
        lambda camera: len(parts(station, camera)) > before[camera.serial],
        "a part more of each",
    )
    for camera in cameras.values():
        copied = parts(station, camera)
        assert copied == list(range(len(copied)))
    for slot, camera in cameras.items():
        station.dock.yank(slot)
        small = {path: digest for path, digest in camera.clips.items() if path != LARGE}
        held = store_of(station).contents(camera.serial)
        assert held == keys(camera.serial, camera.others | small)
        assert camera.complaints() == said_before[slot]
        assert not camera.is_dirty
