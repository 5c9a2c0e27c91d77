"""A camera's files below one descriptor: listed, opened and deleted, and never through a link.

A camera is hostile input. Every step is taken from a folder's descriptor with O_NOFOLLOW, one
component at a time, so that no name, link or race leads out of the camera's root, and no path is
too long. Only regular files on the root's own file system are footage.

Names that are not footage, compared without regard to case and left alone:

- at the root: ``System Volume Information``, ``$RECYCLE.BIN``, ``.Trashes``, ``.fseventsd``,
  ``.Spotlight-V100`` (what Windows and macOS write on any medium);
- anywhere: ``.DS_Store``, ``Thumbs.db``, ``desktop.ini``.

A name is believed only if it leads to a file of its own. FAT and exFAT look names up without regard
to case, and FAT to dots at their end; on a damaged or malicious medium two files may have names
that are one to the kernel, which then shows the first one's status and content for both. The second
comes to light, unread, when the first is deleted.

Unless a model marks them otherwise, a file is flagged when a folder on its path is called
``FLAGGED`` or ``LOCKED``, in any case.
"""

import errno
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from dockd.core.printable import quoted
from dockd.errors import ClipChangedWhileRead, ClipUnreadable, ListingDamaged
from dockd.ports.camera import FoundFile, Listing, RefusedName

SYSTEM_ROOT_FOLDERS: Final = frozenset(
    {
        b"system volume information",
        b"$recycle.bin",
        b".trashes",
        b".fseventsd",
        b".spotlight-v100",
    }
)
SYSTEM_FILES: Final = frozenset({b".ds_store", b"thumbs.db", b"desktop.ini"})
FLAG_FOLDERS: Final = frozenset({b"flagged", b"locked"})

DEEPEST: Final = 256
"""Folders within folders beyond this are refused: no camera makes them, an attacker does."""

_FURTHEST_NS: Final = 2**63 - 1
_FOLDER_FLAGS: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# O_NONBLOCK: a fifo put in the file's place must not hold the thread up.
FILE_FLAGS: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC

_KINDS: Final = {
    stat.S_IFLNK: "a symbolic link",
    stat.S_IFIFO: "a fifo",
    stat.S_IFSOCK: "a socket",
    stat.S_IFBLK: "a block device",
    stat.S_IFCHR: "a character device",
}


Flagging = Callable[[bytes, os.stat_result], bool]
"""Tells by its raw path and status whether a file was marked as urgent on the camera."""


@dataclass(slots=True)
class _Found:
    flagging: Flagging
    files: list[FoundFile] = field(default_factory=list)
    refused: list[RefusedName] = field(default_factory=list)
    folders: list[bytes] = field(default_factory=list)
    by_inode: dict[int, bytes] = field(default_factory=dict)


def lies_in_flagged_folder(path: bytes, status: os.stat_result) -> bool:
    """Return whether a folder on the path marks its files as urgent."""
    del status
    return any(name.lower() in FLAG_FOLDERS for name in path.split(b"/")[:-1])


def listing(root: int, *, flagging: Flagging) -> Listing:
    """Return every file below ``root``, and everything that cannot be footage.

    What cannot be read is among the refused (``clip-unreadable``, ``camera-listing-damaged``), so
    that the rest is offloaded all the same; the listing then never counts as all that is there.
    """
    device = os.fstat(root).st_dev
    found = _Found(flagging=flagging, folders=[b""])
    while found.folders:
        path = found.folders.pop()
        try:
            with folder(root, path) as descriptor:
                _look_into(descriptor, path, device=device, found=found)
        except OSError as error:
            found.refused.append(_unreadable(path, f"cannot be read: {error.strerror}"))
    # Sorted: a directory's own order is the file system's accident.
    return Listing(
        files=tuple(sorted(found.files, key=lambda file: file.path)),
        refused=tuple(sorted(found.refused, key=lambda name: name.path)),
    )


def _unreadable(path: bytes, reason: str) -> RefusedName:
    shown = quoted(path) if path else "the camera's topmost folder"
    return RefusedName(path=path, slug=ClipUnreadable.slug, reason=f"{shown} {reason}")


def _look_into(descriptor: int, path: bytes, *, device: int, found: _Found) -> None:
    """Sort the entries of one folder into files, folders and what is refused."""
    if os.fstat(descriptor).st_dev != device:
        found.refused.append(_refused(path, "another file system is mounted there"))
        return
    missed: list[str] = []
    with os.scandir(descriptor) as entries:
        for entry in entries:
            if _is_system_name(os.fsencode(entry.name), at_root=not path):
                continue
            below = _below(path, entry.name)
            try:
                status = entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                missed.append(entry.name)
            except OSError as error:
                reason = f"cannot be read: {error.strerror}"
                found.refused.append(_unreadable(below, reason))
            else:
                _sort(below, status, found=found)
    # Deleted since, by the camera itself at work; or still there under a name that leads nowhere.
    for name in set(missed).intersection(os.listdir(descriptor) if missed else ()):
        found.refused.append(_unreadable(_below(path, name), "is listed and cannot be found"))


def _below(path: bytes, name: str) -> bytes:
    return os.fsencode(f"{os.fsdecode(path)}/{name}".lstrip("/"))


def _is_system_name(name: bytes, *, at_root: bool) -> bool:
    lowered = name.lower()
    return lowered in SYSTEM_FILES or (at_root and lowered in SYSTEM_ROOT_FOLDERS)


def _sort(path: bytes, status: os.stat_result, *, found: _Found) -> None:
    kind = stat.S_IFMT(status.st_mode)
    twin = _twin(path, status, found=found)
    if twin is not None:
        reason = f"{quoted(path)} leads to the file or folder that is also {quoted(twin)}"
        found.refused.append(RefusedName(path=path, slug=ListingDamaged.slug, reason=reason))
    elif kind == stat.S_IFREG:
        found.files.append(
            FoundFile(
                path=path,
                size_bytes=status.st_size,
                mtime_ns=mtime_ns_of(status),
                flagged=found.flagging(path, status),
            )
        )
    elif kind != stat.S_IFDIR:
        said = _KINDS.get(kind, "neither a file nor a folder")
        found.refused.append(_refused(path, f"it is {said}"))
    elif path.count(b"/") + 1 >= DEEPEST:
        found.refused.append(_refused(path, f"it lies {DEEPEST} folders deep"))
    else:
        found.folders.append(path)


def _twin(path: bytes, status: os.stat_result, *, found: _Found) -> bytes | None:
    """Return the other path at which the same file was found, though it has only one name."""
    if status.st_nlink > 1 and not stat.S_ISDIR(status.st_mode):
        return None
    first = found.by_inode.setdefault(status.st_ino, path)
    # One path twice is told of as that.
    return None if first == path else first


def mtime_ns_of(status: os.stat_result) -> int:
    """Return a file's mtime, or the nearest that 64 bits hold: the years 1677 to 2262.

    A file system may claim any year, and no file's time may keep the others from being recorded.
    """
    return max(-_FURTHEST_NS, min(_FURTHEST_NS, status.st_mtime_ns))


def _refused(path: bytes, reason: str) -> RefusedName:
    return RefusedName(path=path, slug="name-unsupported", reason=reason)


@contextmanager
def folder(root: int, path: bytes) -> Iterator[int]:
    """Lend the descriptor of the folder at ``path`` ("" is the root's), one component at a time."""
    descriptor = os.open(".", _FOLDER_FLAGS, dir_fd=root)
    try:
        for name in path.split(b"/") if path else ():
            refuse_to_walk(name)
            below = os.open(name, _FOLDER_FLAGS, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = below
        yield descriptor
    finally:
        os.close(descriptor)


def refuse_to_walk(name: bytes) -> None:
    """Raise OSError for a component that would lead elsewhere; no listing has one."""
    if name in {b"", b".", b".."}:
        raise OSError(errno.EINVAL, "the path leads elsewhere")


def open_file(root: int, file: FoundFile) -> int:
    """Return a read-only descriptor of a file that is still the one that was listed.

    Raises:
        ClipChangedWhileRead: it is another file, or none, or no file at all.
        ClipUnreadable: the media, or a permission, refuses it.
    """
    parent, _, name = file.path.rpartition(b"/")
    try:
        with folder(root, parent) as descriptor:
            refuse_to_walk(name)
            opened = os.open(name, FILE_FLAGS, dir_fd=descriptor)
    except OSError as error:
        raise meaning_of(error, file=file) from error
    try:
        refuse_another(os.fstat(opened), file=file)
    except ClipChangedWhileRead:
        os.close(opened)
        raise
    return opened


def meaning_of(error: OSError, *, file: FoundFile) -> ClipChangedWhileRead | ClipUnreadable:
    """Return what it means that a listed file cannot be opened."""
    number = error.errno or 0
    # Gone, or a link, a folder, a socket or a device in its place.
    if number in {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENXIO}:
        return ClipChangedWhileRead(f"{quoted(file.path)} is no longer the file that was listed")
    return ClipUnreadable(
        f"{quoted(file.path)} cannot be opened: {error.strerror}",
        errno=number,
        error=errno.errorcode.get(number, str(number)),
    )


def refuse_another(status: os.stat_result, *, file: FoundFile) -> None:
    """Raise ClipChangedWhileRead unless ``status`` is a regular file as it was listed."""
    same = (status.st_size, mtime_ns_of(status)) == (file.size_bytes, file.mtime_ns)
    if not stat.S_ISREG(status.st_mode) or not same:
        raise ClipChangedWhileRead(
            f"{quoted(file.path)} is no longer the file that was listed",
            listed_bytes=file.size_bytes,
            found_bytes=status.st_size,
        )
