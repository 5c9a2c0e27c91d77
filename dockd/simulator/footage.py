"""Footage that never was: files of believable names, sizes and dates, and what their bytes hash to.

The bytes are random, so nothing on the way can shrink them, and follow from the seed alone, so two
runs with one seed show the same digests. The digests are taken while the bytes are made: what the
demo compares everything with has never been on a disk.
"""

import hashlib
import os
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

MIB: Final = 1024 * 1024
PART_BYTES: Final = 16 * MIB
"""dockd resumes and uploads in parts of this size (DESIGN.md section 4)."""

LONG_CLIP_PARTS: Final = 6
"""Enough for a cable to be pulled, seen late on a busy machine, and still be in mid-copy."""

_LONG_SHARE_BYTES: Final = LONG_CLIP_PARTS * PART_BYTES * 5 // 4
_LEAST_SHARE_BYTES: Final = 4 * MIB
_SHIFT_BEGAN_S: Final = 1_767_592_800  # 2026-01-05 06:00 UTC, an early shift
_CLIP_APART_S: Final = 1_260
_CHUNK_BYTES: Final = MIB
_PHOTO_BYTES: Final = 380_000
_SHARES: Final = (0.46, 0.24, 0.17, 0.09, 0.04)
_LONG_SHARES: Final = (0.82, 0.12, 0.06)
_FLAGGED: Final = "LOCKED"
"""The folder that cameras put a recording in whose button was pressed (cameras/tree.py)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """One file to make: its path on the camera, its size, and when it was recorded (Unix time)."""

    path: str
    size_bytes: int
    recorded_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Clip:
    """One file that was made, and the SHA-256 of its bytes."""

    path: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Footage:
    """What one camera was given to carry."""

    camera: str
    clips: tuple[Clip, ...]

    @property
    def size_bytes(self) -> int:
        """All of it together."""
        return sum(clip.size_bytes for clip in self.clips)


def serials(cameras: int) -> tuple[str, ...]:
    """Return the serial numbers of so many cameras."""
    return tuple(f"BWC-{100 + 7 * index:06d}" for index in range(cameras))


def least_bytes(cameras: int, *, long_clip: bool) -> int:
    """Return the smallest rack's worth in which every clip has bytes, and one has many parts."""
    return _LEAST_SHARE_BYTES * (cameras - 1) + (
        _LONG_SHARE_BYTES if long_clip else _LEAST_SHARE_BYTES
    )


def plan(
    cameras: int, *, size_bytes: int, seed: int, long_clip: bool
) -> dict[str, tuple[Shot, ...]]:
    """Share ``size_bytes`` out over cameras, by serial number.

    With ``long_clip`` the first camera's first clip is one long recording of `LONG_CLIP_PARTS`
    parts or more. The others carry clips of several parts, of one part and of less, and a photo;
    one clip of each second camera is flagged, as by the button that marks an incident.
    """
    long_share = size_bytes // cameras
    if long_clip:
        long_share = max(long_share, _LONG_SHARE_BYTES)
    other_share = (size_bytes - long_share) // (cameras - 1)
    return {
        serial: tuple(
            _shots(
                long_share if index == 0 else other_share,
                shares=_LONG_SHARES if long_clip and index == 0 else _SHARES,
                chance=random.Random(f"{seed}/{serial}"),  # noqa: S311 - repeatable, not secret
                flagged=2 if index % 2 else None,
            )
        )
        for index, serial in enumerate(serials(cameras))
    }


def _shots(
    total_bytes: int,
    *,
    shares: tuple[float, ...],
    chance: random.Random,
    flagged: int | None,
) -> Iterator[Shot]:
    folder = f"DCIM/{chance.randint(100, 999)}BWCAM"
    first = chance.randint(1, 8000)
    for index, share in enumerate(shares):
        # Recordings end when the button is pressed, not at a round number of bytes.
        ragged = chance.randint(1, 60_000)
        place = f"{folder}/{_FLAGGED}" if index == flagged else folder
        yield Shot(
            path=f"{place}/BWC{first + index:05d}.MP4",
            size_bytes=max(round(total_bytes * share) - ragged, ragged),
            recorded_s=_SHIFT_BEGAN_S + index * _CLIP_APART_S + chance.randint(0, 600),
        )
    yield Shot(
        path=f"{folder}/IMG{first + len(shares):05d}.JPG",
        size_bytes=_PHOTO_BYTES + chance.randint(0, 99_999),
        recorded_s=_SHIFT_BEGAN_S + len(shares) * _CLIP_APART_S,
    )


def shoot(
    shots: tuple[Shot, ...],
    *,
    camera: str,
    folder: Path,
    seed: int,
    made: Callable[[int], object] = lambda size_bytes: size_bytes,
) -> Footage:
    """Make a camera's files below ``folder``; ``made`` is told of every further bytes written."""
    clips = []
    for shot in shots:
        path = folder / shot.path
        path.parent.mkdir(parents=True, exist_ok=True)
        digest = _record(shot, path=path, seed=f"{seed}/{camera}/{shot.path}", made=made)
        clips.append(Clip(path=shot.path, size_bytes=shot.size_bytes, sha256=digest))
    return Footage(camera=camera, clips=tuple(clips))


def _record(shot: Shot, *, path: Path, seed: str, made: Callable[[int], object]) -> str:
    """Write one file, date it, and return the SHA-256 of what was written."""
    chance = random.Random(seed)  # noqa: S311 - repeatable, not secret
    hasher = hashlib.sha256()
    with path.open("xb") as file:
        left = shot.size_bytes
        while left:
            chunk = chance.randbytes(min(left, _CHUNK_BYTES))
            hasher.update(chunk)
            file.write(chunk)
            left -= len(chunk)
            made(len(chunk))
    os.utime(path, (shot.recorded_s, shot.recorded_s))
    return hasher.hexdigest()
