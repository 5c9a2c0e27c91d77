"""Cameras as the rack sees them: images of vfat and exFAT volumes, made and judged on the host."""

import os
import struct
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from tests.rack.exfat import Exfat
from tests.rack.fat import Fat
from tests.rack.footage import SETTINGS, Item, clips

Family = Literal["vfat", "exfat"]

DEFAULT_BYTES = 64 << 20
_PARTITION_BYTES = 1 << 20
_SECTOR_BYTES = 512
# Where a volume says that it was not unmounted, and with which bit: FAT32's reserved byte, exFAT's
# VolumeFlags.
_DIRTY = {"vfat": (65, 0x01), "exfat": (106, 0x02)}
_PARTITION_KIND = {"vfat": 0x0C, "exfat": 0x07}


@dataclass(frozen=True)
class Camera:
    """A camera's medium, what was put on it, and the serial number that it shows."""

    image: Path
    serial: str
    family: Family
    items: tuple[Item, ...]
    partitioned: bool = False

    @property
    def clips(self) -> dict[str, str]:
        """The footage that was put on it: path to SHA-256."""
        return {item.path: item.sha256 for item in self.items if item.path.startswith("DCIM/")}

    @property
    def others(self) -> dict[str, str]:
        """What a wipe must leave alone: path to SHA-256."""
        return {item.path: item.sha256 for item in self.items if item.path not in self.clips}

    def found(self) -> dict[str, str]:
        """Read the medium as it is now: every file's path and SHA-256."""
        with self._volume() as volume:
            inside = Exfat(volume) if self.family == "exfat" else Fat(volume)
            return {
                file.path: Item(file.path, inside.read(file)).sha256
                for file in inside.files().values()
                if not file.is_folder
            }

    def copied_to(self, image: Path) -> "Camera":
        """Copy the medium as it is now."""
        _copy_sparsely(self.image, image)
        return replace(self, image=image)

    def complaints(self) -> str:
        """Say what the file system's own checker finds wrong; nothing when it is clean."""
        with self._volume() as volume:
            command = [f"fsck.{self.family}", "-n", str(volume)]
            result = subprocess.run(command, capture_output=True, text=True, check=False)
        return "" if result.returncode == 0 else result.stdout + result.stderr

    def mark_dirty(self) -> None:
        """Leave the volume as a camera does that was switched off while it recorded."""
        place, bit = _DIRTY[self.family]
        self.patch(place, bytes([self.peek(place, 1)[0] | bit]))

    @property
    def is_dirty(self) -> bool:
        """Whether the volume says that it was not unmounted."""
        place, bit = _DIRTY[self.family]
        return bool(self.peek(place, 1)[0] & bit)

    def peek(self, offset: int, size_bytes: int) -> bytes:
        """Read raw bytes of the volume."""
        with self.image.open("rb") as file:
            file.seek(self._start_bytes + offset)
            return file.read(size_bytes)

    def patch(self, offset: int, content: bytes) -> None:
        """Overwrite raw bytes of the volume."""
        with self.image.open("r+b") as file:
            file.seek(self._start_bytes + offset)
            file.write(content)

    def put(self, *items: Item) -> "Camera":
        """Record again on an empty medium: a fresh volume with these files and the same serial."""
        return make_camera(
            self.image.parent,
            serial=self.serial,
            family=self.family,
            items=items,
            size_bytes=self.image.stat().st_size,
            partitioned=self.partitioned,
        )

    @property
    def _start_bytes(self) -> int:
        return _PARTITION_BYTES if self.partitioned else 0

    @contextmanager
    def _volume(self) -> Iterator[Path]:
        """Give the volume as a file of its own."""
        if not self.partitioned:
            yield self.image
            return
        with tempfile.TemporaryDirectory(dir=self.image.parent) as folder:
            volume = Path(folder) / "volume"
            _copy_sparsely(self.image, volume, skip_bytes=_PARTITION_BYTES)
            yield volume


def make_camera(
    folder: Path,
    *,
    serial: str,
    family: Family = "vfat",
    items: Sequence[Item] | None = None,
    size_bytes: int = DEFAULT_BYTES,
    partitioned: bool = False,
) -> Camera:
    """Make a camera; without `items` it holds 8 MiB of footage, by its serial, and settings."""
    if items is None:
        items = (*clips(seed=int.from_bytes(serial.encode(), "big")), *SETTINGS)
    image, volume = folder / f"{serial}.img", folder / f"{serial}.volume"
    for path in (image, volume):
        path.unlink(missing_ok=True)
    _allocate(volume, size_bytes - (_PARTITION_BYTES if partitioned else 0))
    if family == "exfat":
        _run("mkfs.exfat", "-c", "32K", volume)
        Exfat(volume).fill(items)
    else:
        # FAT32 also where it is small: its dirty bit is where Linux looks.
        _run("mkfs.vfat", "-F", "32", "-s", "1" if size_bytes < 512 << 20 else "64", volume)
        Fat(volume).fill(items)
    if partitioned:
        _allocate(image, size_bytes)
        _copy_sparsely(volume, image, seek_bytes=_PARTITION_BYTES)
        _write_partition_table(image, family=family)
        volume.unlink()
    else:
        volume.rename(image)
    return Camera(image, serial, family, tuple(items), partitioned)


def _write_partition_table(image: Path, *, family: Family) -> None:
    """Write an MBR with one partition that fills the medium."""
    first = _PARTITION_BYTES // _SECTOR_BYTES
    count = image.stat().st_size // _SECTOR_BYTES - first
    kind = _PARTITION_KIND[family]
    entry = struct.pack("<B3sB3sII", 0, b"\xfe\xff\xff", kind, b"\xfe\xff\xff", first, count)
    with image.open("r+b") as file:
        file.seek(446)
        file.write(entry + bytes(48) + b"\x55\xaa")


def _allocate(path: Path, size_bytes: int) -> None:
    path.touch()
    os.truncate(path, size_bytes)


def _copy_sparsely(source: Path, target: Path, *, skip_bytes: int = 0, seek_bytes: int = 0) -> None:
    _run(
        *("dd", f"if={source}", f"of={target}", "bs=1M", "conv=sparse,notrunc", "status=none"),
        *("iflag=skip_bytes", "oflag=seek_bytes", f"skip={skip_bytes}", f"seek={seek_bytes}"),
    )


def _run(*command: str | Path) -> None:
    result = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode != 0:
        raise RuntimeError(f"{command[0]} failed: {result.stdout}{result.stderr}")
