"""What of an earlier attempt a copy may go on from."""

import os
from collections.abc import Sequence

from dockd.core.clip import Part
from dockd.errors import CameraGone
from dockd.ports.camera import StopFlag
from dockd.station.spool.copying import Progress
from dockd.station.spool.direct_io import BLOCK_BYTES, Opened
from dockd.station.spool.proving import drop_cache


def progress_of(
    part: Opened, *, recorded: Sequence[Part], buffer: memoryview, stop: StopFlag
) -> Progress:
    """Re-read the recorded parts from the device and return the point up to which they hold.

    The first part whose digest is not the recorded one, and everything behind it, is copied
    again; so is everything behind a read error.

    Raises:
        CameraGone: ``stop`` said so.
    """
    proven = Progress()
    running = proven.copy()
    drop_cache(part.descriptor)
    for expected in recorded:
        if not _goes_on(running, expected):
            break
        if not _hash_until(
            running,
            part=part,
            end=expected.offset + expected.size_bytes,
            buffer=buffer,
            stop=stop,
        ):
            break
        if running.sha256.copy().hexdigest() != expected.sha256:
            break
        proven = running.copy()
    return proven


def _goes_on(progress: Progress, part: Part) -> bool:
    """Return whether ``part`` begins where the one before it ended, on whole blocks."""
    whole_blocks = part.size_bytes % BLOCK_BYTES == 0
    return part.offset == progress.offset and part.size_bytes > 0 and whole_blocks


def _hash_until(
    progress: Progress, *, part: Opened, end: int, buffer: memoryview, stop: StopFlag
) -> bool:
    """Go on over the file up to ``end``; false when it cannot be read that far."""
    while progress.offset < end:
        if stop():
            raise CameraGone("the resumed copy was stopped")
        wanted = min(len(buffer), end - progress.offset)
        try:
            count = os.preadv(part.descriptor, [buffer[:wanted]], progress.offset)
        except OSError:
            return False
        if count < wanted:
            return False
        progress.hashed(buffer[:count])
    return True
