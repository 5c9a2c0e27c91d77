"""The system calls that the standard library lacks, each as one typed function raising OSError.

Sources: fsopen(2), fsconfig(2), fsmount(2), fspick(2), mount_setattr(2), statx(2), syncfs(2),
prctl(2), and linux/fs.h for the block device's ioctls. The mount calls have the same numbers on
amd64 and arm64.
"""

import ctypes
import fcntl
import os
import struct
from collections.abc import Iterable
from typing import Final

_libc: Final = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long

_FSOPEN, _FSCONFIG, _FSMOUNT, _FSPICK, _MOUNT_SETATTR = 430, 431, 432, 433, 442
_CLOEXEC: Final = 1
_SET_FLAG, _SET_STRING, _CREATE, _RECONFIGURE = 0, 1, 6, 7
_FSPICK_EMPTY_PATH: Final = 8
_RDONLY, _NOSUID, _NODEV, _NOEXEC, _NOSYMFOLLOW = 0x1, 0x2, 0x4, 0x8, 0x200000
_AT_EMPTY_PATH, _AT_STATX_DONT_SYNC = 0x1000, 0x4000
_STATX_INO_AND_MOUNT: Final = 0x100 | 0x1000
_PR_CAP_AMBIENT, _CLEAR_ALL, _PR_SET_NO_NEW_PRIVS = 47, 4, 38
_BLKROSET, _BLKGETDISKSEQ = 0x125D, 0x80081280


def _call(number: int, *arguments: int | bytes | None) -> int:
    longs = [ctypes.c_long(each) if isinstance(each, int) else each for each in arguments]
    result = int(_libc.syscall(ctypes.c_long(number), *longs))
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def mount_detached(
    device: int, *, file_system: str, options: Iterable[tuple[str, str | None]]
) -> int:
    """Mount the block device open as `device` read-only, attached nowhere; return the mount's fd.

    An option without a value is a flag.
    """
    context = _call(_FSOPEN, file_system.encode(), _CLOEXEC)
    try:
        _configure(context, (("source", f"/proc/self/fd/{device}"), ("ro", None), *options))
        _call(_FSCONFIG, context, _CREATE, None, None, 0)
        attributes = _RDONLY | _NOSUID | _NODEV | _NOEXEC | _NOSYMFOLLOW
        return _call(_FSMOUNT, context, _CLOEXEC, attributes)
    finally:
        os.close(context)


def reconfigure(mount: int, *, read_only: bool) -> None:
    """Make the file system of `mount` and the mount itself read-only or writable.

    Raises:
        OSError: EBUSY where read-only is asked for and a file is open for writing.
    """
    context = _call(_FSPICK, mount, b"", _FSPICK_EMPTY_PATH | _CLOEXEC)
    try:
        _configure(context, (("ro" if read_only else "rw", None),))
        _call(_FSCONFIG, context, _RECONFIGURE, None, None, 0)
    finally:
        os.close(context)
    to_set, to_clear = (_RDONLY, 0) if read_only else (0, _RDONLY)
    attributes = struct.pack("=QQQQ", to_set, to_clear, 0, 0)
    _call(_MOUNT_SETATTR, mount, b"", _AT_EMPTY_PATH, attributes, len(attributes))


def _configure(context: int, options: Iterable[tuple[str, str | None]]) -> None:
    for key, value in options:
        if value is None:
            _call(_FSCONFIG, context, _SET_FLAG, key.encode(), None, 0)
        else:
            _call(_FSCONFIG, context, _SET_STRING, key.encode(), value.encode(), 0)


def mount_identity(descriptor: int) -> tuple[int, ...]:
    """Return what tells one mount's root from anything else: mount id, device, inode.

    As long as one descriptor of the mount is open, no other mount has its id.
    """
    answer = ctypes.create_string_buffer(256)
    # Without asking the file system: a foreign one could keep us waiting for ever.
    flags = _AT_EMPTY_PATH | _AT_STATX_DONT_SYNC
    if _libc.statx(descriptor, b"", flags, _STATX_INO_AND_MOUNT, answer) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    (inode,) = struct.unpack_from("=Q", answer, 0x20)
    device = struct.unpack_from("=II", answer, 0x88)
    (mount_id,) = struct.unpack_from("=Q", answer, 0x90)
    return mount_id, *device, inode


def leave_children_nothing() -> None:
    """Keep this process's capabilities from the programs that it starts, unless it is root."""
    for option, argument in ((_PR_CAP_AMBIENT, _CLEAR_ALL), (_PR_SET_NO_NEW_PRIVS, 1)):
        if _libc.prctl(option, *map(ctypes.c_ulong, (argument, 0, 0, 0))) != 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def sync(mount: int) -> None:
    """Write out everything of the file system of `mount`."""
    # The mount's own descriptor is O_PATH, which syncfs does not take.
    folder = os.open(".", os.O_RDONLY | os.O_DIRECTORY, dir_fd=mount)
    try:
        if _libc.syncfs(folder) != 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    finally:
        os.close(folder)


def set_device_read_only(device: int, *, read_only: bool) -> None:
    """Let the kernel refuse, or permit, writable mounts of the block device."""
    fcntl.ioctl(device, _BLKROSET, struct.pack("=i", read_only))


def disk_sequence(device: int) -> int:
    """Return the disk's sequence number: unlike its name, it is never used again."""
    (sequence,) = struct.unpack("=Q", fcntl.ioctl(device, _BLKGETDISKSEQ, bytes(8)))
    return int(sequence)
