"""The journey of footage through a station, and how far it has come, for the tests of the rack."""

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

from tests.rack.aftermath import Aftermath, aftermath
from tests.rack.camera import Camera
from tests.rack.disk import copy_sparsely
from tests.rack.dock import Dock
from tests.rack.rack import Rack
from tests.rack.store import Store

MIB = 1 << 20
SERIAL = "BWC-000123"
# Eight MiB take eight seconds: what happens then happens in the middle of them.
SLOW_BYTES_S = MIB
# Any deletion takes seconds: its few kibibytes are on their way when something happens.
CREEPING_BYTES_S = 1024
_LONGEST_PART = 255
_END_S = 240.0


def keys(serial: str, files: Mapping[str, str]) -> Counter[tuple[str, str]]:
    """Say what a store has to hold of a camera with these files: each once, under its own key."""
    return Counter(
        {(f"{serial}/{digest}/{_safe(path)}", digest): 1 for path, digest in files.items()}
    )


def _safe(path: str) -> str:
    """Write a path as a part of a key: DESIGN.md, section 9."""
    parts = []
    for part in path.encode().split(b"/"):
        escaped = quote(part, safe="").replace("~", "%7E")
        cut = f"{escaped[:200]}~{hashlib.sha256(part).hexdigest()[:16]}"
        parts.append(escaped if len(escaped) <= _LONGEST_PART else cut)
    return "/".join(parts)


def store_of(station: Rack) -> Store:
    """Return the store beside a station."""
    assert station.store is not None
    return station.store


def arrived(station: Rack, camera: Camera) -> None:
    """Find all of a camera's files in the store, once, and only its footage gone from it."""
    held = store_of(station).contents(camera.serial)
    assert held == keys(camera.serial, camera.clips | camera.others)
    assert camera.found() == camera.others


def goes_on(station: Rack, camera: Camera, number: int, *, folder: Path) -> None:
    """Switch a station on with a camera in a slot; by itself it ends what a power cut ended.

    In the end its power goes again: what it says that it holds is held against what there is.
    """
    dock = Dock(station.machine)
    booted = replace(station, dock=dock)
    assert booted.machine.boot(plugged=lambda: dock.dock(number, camera)) == "running"
    # The power may have gone when all was done.
    booted.until(lambda: booted.was_cleared(number), "the camera to be clear", timeout_s=_END_S)
    # A camera that lost its power amid a wipe was not closed. What the start met, a store that did
    # not answer at once, say, is over in the end.
    booted.until(lambda: booted.slugs() <= {"camera-dirty"}, "every other problem to be over")
    dock.yank(number)
    booted.machine.cut()
    arrived(booted, camera)
    folder.mkdir()
    left = camera.copied_to(folder / "left.img")
    spool = copy_sparsely(station.machine.folder / "spool.img", folder / "spool.img")
    aftermath(Aftermath.judge, folder, spool=spool, camera=left, store=store_of(station))


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


def pace_spool(station: Rack, *, limit_bytes_s: int, disk: str = "rootdisk") -> None:
    """Let the disk with the station's spool read no faster than this; 0 is as fast as it can."""
    backend = f"/machine/peripheral/disk-{disk}/virtio-backend"
    command = f"block_set_io_throttle {backend} 0 {limit_bytes_s} 0 0 0 0"
    said = station.machine.monitor.do("human-monitor-command", command_line=command)
    assert said == "", said


def in_mid_copy(station: Rack, camera: Camera, number: int) -> None:
    """Dock a camera and wait until a part of its footage, and not all, has been read."""
    station.dock.dock(number, camera, limit_bytes_s=SLOW_BYTES_S)
    # More than its file system alone: footage is on its way.
    station.until(
        lambda: station.slot(number)["bytes_total"] > 0 and read_of(station, number) > 3 * MIB,
        "a copy to be under way",
        closely=True,
    )
    assert verified(station, number) < len(camera.items)
    assert read_of(station, number) < 8 * MIB


def in_mid_wipe(station: Rack, camera: Camera, number: int) -> None:
    """Dock a camera and wait until a part of its deletions, and not all, has been written."""
    # It is read as fast as any; only what is written to it creeps, and that is its deletions.
    station.dock.dock(number, camera, write_limit_bytes_s=CREEPING_BYTES_S)
    station.until(
        lambda: station.dock.moved(number)[1] > 0, "a wipe to be under way", timeout_s=120
    )
    states = {copies["camera"] for copies in station.copies(camera.serial)}
    assert "wiping" in states
    assert "wiped" not in states
