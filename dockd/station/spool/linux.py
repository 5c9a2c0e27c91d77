"""The system calls that the standard library lacks, each as one typed function raising OSError.

Sources: statx(2) with STATX_DIOALIGN (since Linux 6.1), statfs(2), renameat2(2), fallocate(2),
mincore(2), syncfs(2).
"""

import ctypes
import errno
import mmap
import os
import struct
from typing import Final

_libc: Final = ctypes.CDLL(None, use_errno=True)

_AT_EMPTY_PATH: Final = 0x1000
_STATX_DIOALIGN: Final = 0x2000
_STATX_BYTES: Final = 256
_STX_MASK_AT: Final = 0x00
_STX_DIO_ALIGN_AT: Final = 0x98
_STATFS_BYTES: Final = 256
_RENAME_NOREPLACE: Final = 1

_libc.fallocate.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64)
_libc.mincore.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p)


def _check(result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def direct_alignment_bytes(descriptor: int) -> int | None:
    """Return what O_DIRECT must be aligned to here; 0 where it is denied, None where unsaid."""
    answer = ctypes.create_string_buffer(_STATX_BYTES)
    _check(_libc.statx(descriptor, b"", _AT_EMPTY_PATH, _STATX_DIOALIGN, answer))
    (mask,) = struct.unpack_from("=I", answer, _STX_MASK_AT)
    if not mask & _STATX_DIOALIGN:
        return None
    memory, offset = struct.unpack_from("=II", answer, _STX_DIO_ALIGN_AT)
    return max(int(memory), int(offset))


def file_system_magic(descriptor: int) -> int:
    """Return the type of the file system, as statfs(2) numbers them."""
    answer = ctypes.create_string_buffer(_STATFS_BYTES)
    _check(_libc.fstatfs(descriptor, answer))
    return ctypes.c_ulong.from_buffer(answer).value & 0xFFFFFFFF


def allocate(descriptor: int, *, size_bytes: int) -> None:
    """Reserve blocks for the first ``size_bytes``, and let the file be that long.

    Not posix_fallocate: where the file system cannot, that writes to every block instead.
    """
    _check(_libc.fallocate(descriptor, 0, 0, size_bytes))


def rename_to_nothing(old: str, new: str, *, directory: int) -> None:
    """Rename ``old`` to ``new``, both below ``directory``, where ``new`` must not exist.

    Raises:
        FileExistsError: ``new`` is there already; nothing changed.
    """
    try:
        _check(
            _libc.renameat2(
                directory, os.fsencode(old), directory, os.fsencode(new), _RENAME_NOREPLACE
            )
        )
    except OSError as error:
        if error.errno not in {errno.EINVAL, errno.ENOSYS}:
            raise
        # A file system without the flag (NFS, some FUSE): a hard link never replaces either.
        os.link(old, new, src_dir_fd=directory, dst_dir_fd=directory, follow_symlinks=False)
        os.unlink(old, dir_fd=directory)


def has_resident_pages(descriptor: int, *, size_bytes: int) -> bool:
    """Return whether the page cache holds any page of the file's first ``size_bytes``."""
    window_bytes = 1 << 30
    for offset in range(0, size_bytes, window_bytes):
        length = min(window_bytes, size_bytes - offset)
        with mmap.mmap(descriptor, length, flags=mmap.MAP_PRIVATE, offset=offset) as pages:
            if _any_resident(pages, length=length):
                return True
    return False


def _any_resident(pages: mmap.mmap, *, length: int) -> bool:
    resident = ctypes.create_string_buffer(-(-length // mmap.PAGESIZE))
    # MAP_PRIVATE memory counts as writable to ctypes, which wants that for an address.
    anchor = ctypes.c_char.from_buffer(pages)
    try:
        _check(_libc.mincore(ctypes.addressof(anchor), length, resident))
    finally:
        del anchor
    return any(byte & 1 for byte in resident.raw)
