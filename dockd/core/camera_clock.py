"""How far a camera's clock is off, from what its own files say (DESIGN.md section 4, "Clock").

Nobody asks a camera that is a disk for its time, but every file on it was last written while the
camera was away: after the listing in which it was not yet, and before the docking in which it is.
What the camera's clock said then stands in the file. So each new file bounds the clock's offset
from both sides, and the closer its footage fills the time away, the closer the bounds are.
"""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

_GRAIN_S: Final = 2
"""A FAT keeps the time of a file's last change in steps of two seconds."""

_FIRST_CAMERAS_S: Final = 1_104_537_600
"""2005 began: no body-worn camera had recorded anything before."""

_KNOWN_WITHIN_S: Final = 24 * 3600


class ClockSource(StrEnum):
    """What tells a camera's clock."""

    NONE = "none"
    MTIME_UTC = "mtime-utc"
    MTIME_LOCAL = "mtime-local"


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraClock:
    """What a camera's clock shows more than the time, in seconds; negative when it is behind.

    The truth is within ``uncertainty_s`` of ``offset_s``; both are None where nothing is known.
    """

    source: ClockSource = ClockSource.NONE
    offset_s: int | None = None
    uncertainty_s: int | None = None

    @property
    def is_known(self) -> bool:
        """Whether the offset is known well enough to date footage by."""
        return self.uncertainty_s is not None and self.uncertainty_s <= _KNOWN_WITHIN_S

    @property
    def wrong_by_s(self) -> int:
        """Return by how much it is wrong at least; 0 where it may be right."""
        if self.offset_s is None or self.uncertainty_s is None:
            return 0
        if self.offset_s > 0:
            return max(0, self.offset_s - self.uncertainty_s)
        return min(0, self.offset_s + self.uncertainty_s)


def measured(
    source: ClockSource, written_s: Collection[int], *, since_s: int | None, until_s: int
) -> CameraClock:
    """Return what new files say of their camera's clock.

    ``written_s`` is when each was last written by the camera's clock, ``since_s`` when the camera
    was last seen without them (None: never) and ``until_s`` when it was docked with them, all in
    seconds since 1970 UTC. Files that no single offset explains say nothing: the clock was set in
    between, or somebody copied old files back.
    """
    if source is ClockSource.NONE or not written_s:
        return CameraClock(source=source)
    least_s = max(written_s) - until_s - _GRAIN_S
    most_s = min(written_s) - (_FIRST_CAMERAS_S if since_s is None else since_s) + _GRAIN_S
    if least_s > most_s:
        return CameraClock(source=source)
    middle_s = (least_s + most_s) // 2
    return CameraClock(source=source, offset_s=middle_s, uncertainty_s=most_s - middle_s)
