"""When footage was recorded: by its camera's clock, and by how much that clock was off."""

from collections.abc import Collection
from datetime import UTC, datetime
from typing import Final

from dockd.core.camera_clock import CameraClock, ClockSource, measured
from dockd.core.clip import Clip
from dockd.ports.camera import Camera
from dockd.ports.clock import Clock
from dockd.ports.ledger import Ledger
from dockd.stages.problems import ProblemBoard

_NS: Final = 1_000_000_000
# RFC 3339 has no more digits for a year; a folder's files may claim any.
_LAST_S: Final = 253_402_300_799
_FIRST_S: Final = -62_135_596_800
_WRONG_FROM_S: Final = 60
_DAY_S: Final = 24 * 3600


async def clock_of(
    camera: Camera, new_ns: Collection[int], *, ledger: Ledger, clock: Clock
) -> CameraClock:
    """Return what a camera's new files (their mtimes, ns) say of its clock.

    That is nothing while the station's own clock cannot be trusted.
    """
    source = ClockSource(camera.clock_source)
    if not new_ns or not clock.synchronisation().synchronised:
        return CameraClock(source=source)
    listed_at = await ledger.last_listed_at(camera.serial)
    return measured(
        source,
        [written_s(mtime_ns, source) for mtime_ns in new_ns],
        since_s=None if listed_at is None else int(datetime.fromisoformat(listed_at).timestamp()),
        until_s=int(clock.now().timestamp()),
    )


async def say_if_wrong(camera: Camera, found: CameraClock, *, problems: ProblemBoard) -> None:
    """Say that a camera's clock is certainly wrong, until its footage shows that it is not."""
    subject = f"camera {camera.serial}"
    wrong_by_s = found.wrong_by_s
    if abs(wrong_by_s) >= _WRONG_FROM_S:
        way = "ahead" if wrong_by_s > 0 else "behind"
        await problems.open(
            "camera-clock-wrong",
            subject=subject,
            camera=camera.serial,
            way=way,
            by=_lasting(abs(wrong_by_s)),
        )
    elif found.offset_s is not None:
        await problems.clear("camera-clock-wrong", subject=subject)


async def clock_behind(clip: Clip, *, ledger: Ledger) -> CameraClock:
    """Return what is known of the clock that a clip was recorded by."""
    row = await ledger.docking(clip.birth_docking)
    return CameraClock() if row is None else row.clock


def recorded_at(mtime_ns: int, source: ClockSource = ClockSource.NONE) -> str:
    """Return a camera's mtime as RFC 3339 UTC, to the second."""
    seconds = written_s(mtime_ns, source)
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")


def written_s(mtime_ns: int, source: ClockSource) -> int:
    """Return a camera's mtime in seconds since 1970 UTC, by its own clock.

    A camera that keeps local time is taken to keep the station's.
    """
    seconds = min(max(mtime_ns // _NS, _FIRST_S + _DAY_S), _LAST_S - _DAY_S)
    if source is not ClockSource.MTIME_LOCAL:
        return seconds
    return int(datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None).timestamp())


def _lasting(seconds: int) -> str:
    for unit, length_s in (("years", 365 * _DAY_S), ("days", _DAY_S), ("hours", 3600)):
        if seconds >= 2 * length_s:
            return f"{seconds // length_s} {unit}"
    return f"{seconds // 60} minutes"
