"""The system calls that the standard library lacks, each as one typed function raising OSError.

Sources: fsopen(2), fsconfig(2), fsmount(2), fspick(2), mount_setattr(2), prctl(2), proc(5), and
linux/fs.h for the block device's ioctls. The C library has the calls since glibc 2.36 (Debian 12).
"""

import ctypes
import fcntl
import os
import struct
from collections.abc import Iterable
from pathlib import Path
from typing import Final

_libc: Final = ctypes.CDLL(None, use_errno=True)

_CLOEXEC: Final = 1
_SET_FLAG, _SET_STRING, _CREATE, _RECONFIGURE = 0, 1, 6, 7
_FSPICK_EMPTY_PATH, _AT_EMPTY_PATH = 8, 0x1000
_RDONLY, _NOSUID, _NODEV, _NOEXEC, _NOSYMFOLLOW = 0x1, 0x2, 0x4, 0x8, 0x200000
_PR_CAP_AMBIENT, _CLEAR_ALL, _PR_SET_NO_NEW_PRIVS = 47, 4, 38
_BLKROSET, _BLKROGET, _BLKGETDISKSEQ = 0x125D, 0x125E, 0x80081280


def _call(name: str, *arguments: int | bytes | None) -> int:
    longs = [ctypes.c_long(each) if isinstance(each, int) else each for each in arguments]
    result = int(getattr(_libc, name)(*longs))
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def mount_detached(device: int, *, file_system: str, options: Iterable[str]) -> int:
    """Mount the block device read-only, attached nowhere; options are `key=value` or flags."""
    context = _call("fsopen", file_system.encode(), _CLOEXEC)
    try:
        for option in (f"source=/proc/self/fd/{device}", "ro", *options):
            key, _, value = option.encode().partition(b"=")
            _call("fsconfig", context, _SET_STRING if value else _SET_FLAG, key, value or None, 0)
        _call("fsconfig", context, _CREATE, None, None, 0)
        attributes = _RDONLY | _NOSUID | _NODEV | _NOEXEC | _NOSYMFOLLOW
        return _call("fsmount", context, _CLOEXEC, attributes)
    finally:
        os.close(context)


def reconfigure(mount: int, *, read_only: bool) -> None:
    """Make a mount and its file system writable, or write all out and make them read-only.

    That fails with EBUSY while a file is open for writing.
    """
    context = _call("fspick", mount, b"", _FSPICK_EMPTY_PATH | _CLOEXEC)
    try:
        _call("fsconfig", context, _SET_FLAG, b"ro" if read_only else b"rw", None, 0)
        _call("fsconfig", context, _RECONFIGURE, None, None, 0)
    finally:
        os.close(context)
    # What to set, what to clear, and two that are left alone.
    attributes = struct.pack("=QQQQ", _RDONLY * read_only, _RDONLY * (not read_only), 0, 0)
    _call("mount_setattr", mount, b"", _AT_EMPTY_PATH, attributes, len(attributes))


def mount_identity(descriptor: int) -> list[str]:
    """Return what tells one mount's root from anything else: mount id and inode.

    As long as one descriptor of the mount is open, no other mount has its id. The file system is
    not asked: a foreign one could keep us waiting for ever.
    """
    lines = Path(f"/proc/self/fdinfo/{descriptor}").read_text().splitlines()
    return [line for line in lines if line.startswith(("mnt_id:", "ino:"))]


def leave_children_nothing() -> None:
    """Keep this process's capabilities from the programs that it starts, unless it is root."""
    _call("prctl", _PR_CAP_AMBIENT, _CLEAR_ALL, 0, 0, 0)
    _call("prctl", _PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


def set_device_read_only(device: int, *, read_only: bool) -> None:
    """Let the kernel refuse, or permit, writable mounts of the block device."""
    fcntl.ioctl(device, _BLKROSET, struct.pack("=i", read_only))


def is_device_read_only(device: int) -> bool:
    """Return whether the kernel refuses writable mounts of the block device."""
    return any(fcntl.ioctl(device, _BLKROGET, bytes(4)))


def disk_sequence(device: int) -> int:
    """Return the disk's sequence number: unlike its name, it is never used again."""
    return int.from_bytes(fcntl.ioctl(device, _BLKGETDISKSEQ, bytes(8)), "little")
