"""What a camera wrote down of its battery: one number in a small file, which nobody has to believe.

It is read as everything on a camera is: never through a link, a folder at a time, and no more of it
than a number takes.
"""

import errno
import os
import stat
from typing import Final

from dockd.cameras import tree
from dockd.core.battery import Nonsense
from dockd.core.battery_word import MOST_BYTES, BatteryWord, from_text

_MISSING: Final = frozenset({errno.ENOENT, errno.ENOTDIR})
# What leads elsewhere, or is no file at all.
_NO_FILE: Final = frozenset({errno.ELOOP, errno.ENXIO, errno.EISDIR, errno.EINVAL})


def word_in(root: int, path: bytes, *, slot: str, error_percent: float) -> BatteryWord | None:
    """Return what the file at ``path`` below the folder ``root`` says; None where there is none.

    A file that was written again says something new, be it the same number.

    Raises:
        OSError: the medium, or a permission, refuses it.
    """
    try:
        status, content = _content(root, path)
    except OSError as error:
        if error.errno in _MISSING:
            return None
        if error.errno in _NO_FILE:
            return _unbelieved(slot)
        raise
    if content is None:
        return _unbelieved(slot)
    return BatteryWord(
        reading=from_text(content, slot=slot, error_percent=error_percent),
        # No inode: a file system like vfat gives a file another with each mount.
        said=f"{tree.mtime_ns_of(status)}",
    )


def _content(root: int, path: bytes) -> tuple[os.stat_result, bytes | None]:
    parent, _, name = path.rpartition(b"/")
    with tree.folder(root, parent) as folder:
        tree.refuse_to_walk(name)
        descriptor = os.open(name, tree.FILE_FLAGS, dir_fd=folder)
    try:
        status = os.fstat(descriptor)
        # One byte more shows what is too long.
        is_file = stat.S_ISREG(status.st_mode)
        return status, os.read(descriptor, MOST_BYTES + 1) if is_file else None
    finally:
        os.close(descriptor)


def _unbelieved(slot: str) -> BatteryWord:
    reason = "where the camera should say how full its battery is, there is no regular file"
    return BatteryWord(reading=Nonsense(slot=slot, what="percent", reason=reason), said="")
