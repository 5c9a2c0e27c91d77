"""Footage that no shortcut helps with: random bytes in clips of one size, on the fastest source."""

import os
from pathlib import Path
from typing import Final

from tests.bench.measuring import MIB

_SHARED_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - a camera that costs nothing to read
_PIECE_BYTES: Final = 8 * MIB


def fastest_folder(size_bytes: int, *, otherwise: Path) -> Path:
    """Return memory where ``size_bytes`` leave half of what is free, else ``otherwise``.

    A slow source would hide what the peers cost; all of them read the same one.
    """
    if _SHARED_MEMORY.is_dir() and 2 * size_bytes < _available_bytes():
        free = os.statvfs(_SHARED_MEMORY)
        if 2 * size_bytes < free.f_bavail * free.f_frsize:
            return _SHARED_MEMORY
    return otherwise


def _available_bytes() -> int:
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return 0


def shoot(camera: Path, *, clips: int, clip_bytes: int) -> list[Path]:
    """Fill a camera's folder with random clips and return them."""
    folder = camera / "DCIM"
    folder.mkdir(parents=True)
    made = [folder / f"{number:04}.mp4" for number in range(1, clips + 1)]
    for path in made:
        with path.open("wb") as out:
            for begin in range(0, clip_bytes, _PIECE_BYTES):
                out.write(os.urandom(min(_PIECE_BYTES, clip_bytes - begin)))
    return made
