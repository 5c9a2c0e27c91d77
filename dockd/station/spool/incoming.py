"""The folder ``incoming/``: what is in it, and what in it no clip in the ledger knows."""

import errno
import os
from collections.abc import Iterable
from typing import Final

from dockd.station.spool import layout, linux
from dockd.station.spool.disk import Disk
from dockd.station.spool.identity import sync_folder

_BLOCK_OF_BYTES: Final = 512


def set_aside(root: int, *, known: Iterable[str], disk: Disk) -> tuple[str, ...]:
    """Move every unknown copy to ``incoming/orphans/``; return the names of all that are there.

    It may be all there is of a clip, so only one that holds no data is removed, and a sidecar
    that was being written when the power went.

    Args:
        root: the spool's root.
        known: what the names of the known clips' copies begin with.
        disk: what syncs.
    """
    stems = frozenset(known)
    for name in names(root):
        path = f"{layout.INCOMING}/{name}"
        if name.endswith(".json"):
            os.unlink(path, dir_fd=root)
        elif name.partition(".part")[0] + ".part" in stems:
            continue
        elif _is_empty(root, path):
            os.unlink(path, dir_fd=root)
        else:
            _move(root, name=name)
    sync_folder(layout.ORPHANS, directory=root, disk=disk)
    sync_folder(layout.INCOMING, directory=root, disk=disk)
    return tuple(names(root, folder=layout.ORPHANS))


def names(root: int, *, folder: str = layout.INCOMING) -> list[str]:
    """Return the names of the files in ``incoming/``, or in another folder of the spool."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=root)
    try:
        with os.scandir(descriptor) as entries:
            return sorted(entry.name for entry in entries if entry.is_file(follow_symlinks=False))
    finally:
        os.close(descriptor)


def numbers(root: int) -> tuple[int, ...]:
    """Return the clip numbers that the names in ``incoming/`` begin with."""
    begins = {name.partition("-")[0] for name in names(root)}
    return tuple(sorted(int(begin) for begin in begins if begin.isascii() and begin.isdecimal()))


def _is_empty(root: int, path: str) -> bool:
    """Return whether nothing was ever written to a file, preallocated or not."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=root)
    try:
        os.lseek(descriptor, 0, os.SEEK_DATA)
    except OSError as error:
        if error.errno == errno.ENXIO:
            return True
        raise
    else:
        return False
    finally:
        os.close(descriptor)


def _move(root: int, *, name: str) -> str:
    attempt = 1
    while True:
        free = layout.part_name(name, attempt=attempt)
        try:
            linux.rename_to_nothing(
                f"{layout.INCOMING}/{name}", f"{layout.ORPHANS}/{free}", directory=root
            )
        except FileExistsError:
            attempt += 1
        else:
            return free


def allocated_bytes(root: int, *, name: str) -> int:
    """Return how much space a copy has already, 0 when it is not there."""
    try:
        found = os.stat(f"{layout.INCOMING}/{name}", dir_fd=root, follow_symlinks=False)
    except FileNotFoundError:
        return 0
    return found.st_blocks * _BLOCK_OF_BYTES
