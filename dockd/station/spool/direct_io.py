"""Whether a file's bytes can be had from the device itself, past the page cache.

A plain re-read, and even POSIX_FADV_DONTNEED, can return a stale good page after the block under
it was corrupted (measured). O_DIRECT cannot, where the file system means it. Some accept the flag
and ignore it, and those are told apart here.
"""

import errno
import fcntl
import os
import secrets
from dataclasses import dataclass
from typing import Final

from dockd.station.spool import linux

BLOCK_BYTES: Final = 4096
"""What offsets, lengths and memory are aligned to: the largest logical block in use."""

# File systems on a block device of this machine whose O_DIRECT reaches it. Only these are believed
# where the kernel does not say (STATX_DIOALIGN came with Linux 6.1, and not for all of them).
_LOCAL: Final = {
    0xEF53: "ext4",
    0x58465342: "xfs",
    0x9123683E: "btrfs",
    0xF2F52010: "f2fs",
}

# File systems that may take O_DIRECT without meaning it, whatever they say.
_NOT_BELIEVED: Final = {
    0x01021994: "tmpfs",
    0x858458F6: "ramfs",
    0x794C7630: "overlay",
    0x65735546: "a FUSE file system",
    0x6969: "NFS",
    0xFF534D42: "CIFS",
    0xFE534D42: "SMB",
    0x517B: "SMB",
    0x00C36400: "Ceph",
    0x01021997: "9p",
    0x2FC12FC1: "ZFS",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A descriptor, and why it does not bypass the page cache (None when it does)."""

    descriptor: int
    cached_because: str | None

    @property
    def direct(self) -> bool:
        """Whether reads and writes go to the device."""
        return self.cached_because is None


def open_below(directory: int, name: str, *, flags: int) -> Opened:
    """Open ``name`` below ``directory`` with O_DIRECT where that is worth anything."""
    flags |= os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        descriptor = os.open(name, flags | os.O_DIRECT, 0o640, dir_fd=directory)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        descriptor = os.open(name, flags, 0o640, dir_fd=directory)
        return Opened(descriptor=descriptor, cached_because="O_DIRECT is refused")
    because = why_not_direct(descriptor)
    if because is not None:
        _clear_direct(descriptor)
    return Opened(descriptor=descriptor, cached_because=because)


def why_not_direct(descriptor: int) -> str | None:
    """Return why O_DIRECT on this file proves nothing, or None when it does prove."""
    magic = linux.file_system_magic(descriptor)
    if magic in _NOT_BELIEVED:
        return f"the file system is {_NOT_BELIEVED[magic]}"
    alignment = linux.direct_alignment_bytes(descriptor)
    if alignment is None:
        known = magic in _LOCAL
        return None if known else f"the file system (type {magic:#x}) does not say"
    if alignment == 0:
        return "the file system denies direct I/O for it"
    if alignment > BLOCK_BYTES:
        return f"the device has blocks of {alignment} bytes"
    return None


def why_not_below(directory: int) -> str | None:
    """Return why copies below a folder cannot be read back past the cache, tried with a file.

    Raises:
        OSError: no file can be made there.
    """
    name = f".dockd-trial-{secrets.token_hex(4)}"
    trial = open_below(directory, name, flags=os.O_RDWR | os.O_CREAT | os.O_EXCL)
    try:
        return trial.cached_because
    finally:
        os.close(trial.descriptor)
        os.unlink(name, dir_fd=directory)


def _clear_direct(descriptor: int) -> None:
    flags = fcntl.fcntl(descriptor, fcntl.F_GETFL)
    fcntl.fcntl(descriptor, fcntl.F_SETFL, flags & ~os.O_DIRECT)


def aligned(size_bytes: int) -> int:
    """Return ``size_bytes`` rounded up to whole blocks."""
    return -(-size_bytes // BLOCK_BYTES) * BLOCK_BYTES
