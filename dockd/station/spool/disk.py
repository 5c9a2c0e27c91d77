"""The spool's disk: the few calls that can fail there, and what each failure means.

``Disk`` is the seam for faults that no real part can be made to show on demand: a test hands in
one whose fsync fails. Everything else goes through to the kernel.
"""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from dockd.errors import FsyncFailed, SpoolFull, SpoolReadOnly, TransientError
from dockd.station.spool import linux

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_NOT_POSSIBLE: Final = frozenset({errno.EOPNOTSUPP, errno.ENOSYS})


class Disk:
    """The kernel's own calls."""

    def write(self, descriptor: int, content: memoryview, *, offset: int) -> None:
        """Write all of ``content`` at ``offset``."""
        while content:
            written = os.pwrite(descriptor, content, offset)
            content = content[written:]
            offset += written

    def sync_data(self, descriptor: int) -> None:
        """Return when the content written so far is on the device."""
        os.fdatasync(descriptor)

    def sync(self, descriptor: int) -> None:
        """Return when content and metadata are on the device."""
        os.fsync(descriptor)

    def allocate(self, descriptor: int, *, size_bytes: int) -> None:
        """Reserve the blocks of a whole copy, so that it cannot run out of space half-way."""
        if size_bytes == 0:
            return
        try:
            linux.allocate(descriptor, size_bytes=size_bytes)
        except OSError as error:
            if error.errno not in _NOT_POSSIBLE:
                raise


@contextmanager
def writing(what: str) -> Iterator[None]:
    """Turn what the disk says while ``what`` is written into the spool's errors.

    A name that is not there (FileNotFoundError) is the caller's business and passes.

    Raises:
        SpoolFull: no space, or no quota.
        FsyncFailed: the device did not take a write or would not confirm it.
        SpoolReadOnly: anything else that keeps dockd from writing there.
    """
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        raise meaning_of(error, what=what) from error


def meaning_of(error: OSError, *, what: str) -> TransientError:
    """Return the spool's error for one of the system's."""
    number = error.errno or 0
    if number in _FULL:
        return SpoolFull(f"no space left for {what}", errno=number)
    if number in {errno.EIO, errno.ENXIO, errno.ENODEV}:
        return FsyncFailed(f"the device did not confirm {what}", errno=number)
    said = os.strerror(number)
    return SpoolReadOnly(f"the spool does not take {what}: {said}", errno=number)
