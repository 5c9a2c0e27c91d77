"""Cameras with a medium that no honest camera would have: made well, then spoiled byte by byte."""

import os
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from tests.rack.camera import Camera, make_camera
from tests.rack.fat import Fat

# A cluster that no volume of a camera's size has.
_NOWHERE = 0x0ABCDEF0
_SECTOR_LINKS = 128


def with_corrupted_fat(camera: Camera, path: str) -> Camera:
    """Leave a sector of nonsense in the table, in the middle of a clip's chain."""
    fat = Fat(camera.image)
    chain = fat.chain(fat.files()[path])
    first = chain[len(chain) // 2] // _SECTOR_LINKS * _SECTOR_LINKS
    fat.link(first, *[_NOWHERE + number for number in range(_SECTOR_LINKS)])
    return camera


def with_crossed_chains(camera: Camera, path: str, *, into: str) -> Camera:
    """Let the second half of one clip's chain be another's; say what is read of it then."""
    fat = Fat(camera.image)
    files, contents = fat.files(), {item.path: item.content for item in camera.items}
    own, other = fat.chain(files[path]), fat.chain(files[into])
    middle = len(own) // 2
    fat.link(own[middle - 1], other[middle])
    cut = middle * fat.cluster_bytes
    read = contents[path][:cut] + contents[into][cut : len(contents[path])]
    items = [replace(item, content=read) if item.path == path else item for item in camera.items]
    return replace(camera, items=tuple(items))


def with_looping_folder(camera: Camera, path: str, *, to: str) -> Camera:
    """Let a folder, empty until now, be one that it lies in."""
    fat = Fat(camera.image)
    files = fat.files()
    fat.point(path, cluster=files[to].first_cluster)
    return camera


def cut_off_behind(camera: Camera, path: str) -> Camera:
    """Let the device end in the middle of a clip: the volume claims to be larger."""
    fat = Fat(camera.image)
    chain = fat.chain(fat.files()[path])
    os.truncate(camera.image, fat.offset(chain[len(chain) // 2]) // 4096 * 4096)
    return camera


def foreign_camera(folder: Path, *, serial: str, make: Sequence[str | Path]) -> Camera:
    """Make a medium with a file system that no camera should have, by the maker of that."""
    camera = make_camera(folder, serial=serial)
    subprocess.run([*make, camera.image], check=True, capture_output=True)
    return camera
