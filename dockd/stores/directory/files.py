"""The blocking file work of a directory store, run in threads as whole pieces."""

import ctypes
import errno
import hashlib
import mmap
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from dockd.errors import StoreChecksumMismatch, StoreRejected

CHUNK_BYTES: Final = 1024 * 1024
_RENAME_NOREPLACE: Final = 1
_AT_FDCWD: Final = -100
_NO_LINKS: Final = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})


class Stopped(Exception):
    """The caller was cancelled; the thread ends between two chunks."""


def copy_range(
    source: BinaryIO,
    target: Path,
    *,
    offset: int,
    size_bytes: int,
    sha256: str,
    stop: threading.Event,
) -> None:
    """Copy a range to the same place in ``target`` and have it on the disk.

    Raises:
        StoreChecksumMismatch: what was read has another SHA-256; nothing may be built on it.
        OSError
        Stopped
    """
    hasher = hashlib.sha256()
    with target.open("r+b", buffering=0) as file:
        for at in range(offset, offset + size_bytes, CHUNK_BYTES):
            if stop.is_set():
                raise Stopped
            chunk = _read(source, size_bytes=min(CHUNK_BYTES, offset + size_bytes - at), at=at)
            hasher.update(chunk)
            write_all(file.fileno(), chunk, offset=at)
        os.fsync(file.fileno())
    if hasher.hexdigest() != sha256:
        raise StoreChecksumMismatch("the spool's copy is not what it was", path=str(target))


def _read(source: BinaryIO, *, size_bytes: int, at: int) -> bytes:
    try:
        return os.pread(source.fileno(), size_bytes, at)
    except OSError as error:
        raise StoreChecksumMismatch(
            f"the spool's copy cannot be read: {error.strerror}", owner="operations"
        ) from error


def write_all(fd: int, content: bytes, *, offset: int) -> None:
    """Write everything at an offset; a share may take a write in pieces."""
    view = memoryview(content)
    while view:
        count = os.pwrite(fd, view, offset)
        view = view[count:]
        offset += count


def write_durably(path: Path, content: bytes) -> None:
    """Replace a small file so that after any crash it is the old one or the new one."""
    make_directories(path.parent)
    temporary = path.with_name(f"{path.name[:200]}.new")
    with temporary.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    sync_directory(path.parent)


def make_directories(path: Path) -> None:
    """Make a directory and those above it, each durable in the one above."""
    if path.is_dir():
        return
    make_directories(path.parent)
    path.mkdir(exist_ok=True)
    sync_directory(path.parent)


def sync_directory(path: Path) -> None:
    """Have a directory's entries on the disk."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def publish(source: Path, target: Path) -> bool:
    """Give a finished file its final name; return False when something has that name already.

    Raises:
        StoreRejected: the file system cannot do that without the risk of replacing something.
    """
    make_directories(target.parent)
    try:
        os.link(source, target, follow_symlinks=False)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        if not _renamed(source, target):
            return False
    sync_directory(target.parent)
    return True


def _renamed(source: Path, target: Path) -> bool:
    """Rename without replacing (renameat2, Linux 3.15), where there are no hard links."""
    libc = ctypes.CDLL(None, use_errno=True)
    arguments = (_AT_FDCWD, os.fsencode(source), _AT_FDCWD, os.fsencode(target), _RENAME_NOREPLACE)
    if libc.renameat2(*arguments) == 0:
        return True
    code = ctypes.get_errno()
    if code == errno.EEXIST:
        return False
    raise StoreRejected(
        f"the share cannot create a file exclusively: {os.strerror(code)}",
        next_step="Use a file system with hard links or RENAME_NOREPLACE for the store.",
        path=str(target),
    )


def read_past_cache(path: Path, *, stop: threading.Event) -> tuple[int, str]:
    """Return a file's size and SHA-256 as the device gives them, not the page cache.

    A re-read through the cache gives back what was written, whatever the device holds
    (FACTS.md 6). Where O_DIRECT is refused the cache is dropped first.

    Raises:
        FileNotFoundError, OSError
        Stopped
    """
    hasher = hashlib.sha256()
    size_bytes = 0
    # An anonymous mapping is page-aligned, as direct reads want their buffer.
    with mmap.mmap(-1, CHUNK_BYTES) as buffer, memoryview(buffer) as view, _past_cache(path) as fd:
        while True:
            if stop.is_set():
                raise Stopped
            count = os.preadv(fd, [buffer], size_bytes)
            if count == 0:
                return size_bytes, hasher.hexdigest()
            hasher.update(view[:count])
            size_bytes += count
            if count % mmap.PAGESIZE:
                # The end; direct reads cannot go on from the middle of a block.
                return size_bytes, hasher.hexdigest()


@contextmanager
def _past_cache(path: Path) -> Iterator[int]:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_DIRECT | os.O_NOFOLLOW)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
    try:
        yield fd
    finally:
        os.close(fd)


def can_read_directly(path: Path) -> bool:
    """Return whether the file system takes O_DIRECT at all."""
    try:
        os.close(os.open(path, os.O_RDONLY | os.O_DIRECT))
    except OSError:
        return False
    return True
