"""The disk that an export goes to: folders by descriptor, no link followed, errors explained."""

import errno
import fcntl
import os
import shutil
import stat
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Self

from dockd.core.printable import printable
from dockd.errors import (
    ExportDiskFull,
    ExportDiskReadOnly,
    ExportFailed,
    ExportFileTooLarge,
    ExportInTheWay,
    ExportNameUnsupported,
    Refused,
)

_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NEW: Final = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
# By errno, what an error of the disk is, and what it means.
_MEANINGS: Final[dict[int, tuple[type[ExportFailed], str]]] = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT), (ExportDiskFull, "the disk is full")),
    errno.EFBIG: (
        ExportFileTooLarge,
        "the disk's file system does not hold files as large as this one",
    ),
    **dict.fromkeys(
        (errno.EROFS, errno.EACCES, errno.EPERM),
        (ExportDiskReadOnly, "the disk may not be written to"),
    ),
    **dict.fromkeys(
        (errno.EINVAL, errno.EILSEQ, errno.ENAMETOOLONG),
        (ExportNameUnsupported, "the disk's file system does not carry this name"),
    ),
    **dict.fromkeys(
        (errno.ELOOP, errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENOTEMPTY),
        (ExportInTheWay, "something else stands there (a link is never followed)"),
    ),
}
_FAILED: Final = (ExportFailed, "the disk failed or was pulled out")


@contextmanager
def writing(what: str) -> Iterator[None]:
    """Turn what the disk says of ``what`` into an error that says what to do.

    Raises:
        ExportFailed: of one of the kinds above.
    """
    try:
        yield
    except OSError as error:
        number = error.errno or 0
        kind, meaning = _MEANINGS.get(number, _FAILED)
        said = os.strerror(number) if number else str(error)
        raise kind(f"{printable(what)}: {meaning} ({said})", errno=number) from error


class Target:
    """One folder of the disk, by its descriptor; ``path`` is what people call it."""

    def __init__(self, descriptor: int, *, path: str) -> None:
        self.descriptor: Final = descriptor
        self.path: Final = path

    @classmethod
    @contextmanager
    def at(cls, path: Path, *, make: bool = True) -> Iterator[Self]:
        """Open the folder that a person named, made if only its last part is missing."""
        with writing(str(path)):
            if make:
                _made_durable(path)
            # The person's own link to a disk is followed, and no other.
            descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            yield cls(descriptor, path=str(path))
        finally:
            os.close(descriptor)

    def called(self, name: str) -> str:
        """Return what people call something in this folder."""
        return f"{self.path}/{name}"

    @contextmanager
    def folder(self, place: str, *, make: bool = False) -> Iterator["Target"]:
        """Open a folder below this one, step by step; ``""`` is this one.

        Raises:
            FileNotFoundError: it is not there, and was not to be made.
            NotADirectoryError: the place does not lead down only, or over what is no folder.
        """
        descriptor = os.dup(self.descriptor)
        try:
            for name in filter(None, place.split("/")):
                if name in {".", ".."}:
                    raise NotADirectoryError(errno.ENOTDIR, "not below", place)
                if make and _made(name, descriptor):
                    os.fsync(descriptor)
                below = os.open(name, _FOLDER, dir_fd=descriptor)
                os.close(descriptor)
                descriptor = below
            yield Target(descriptor, path=self.called(place) if place else self.path)
        finally:
            os.close(descriptor)

    def lock(self) -> None:
        """Keep every other export out of this folder until it is closed. Raises Refused."""
        try:
            fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Refused(
                f"another export is writing to {self.path}",
                next_step="Wait for it: two into one folder would write over one another.",
            ) from None

    def has(self, name: str) -> bool:
        """Return whether anything of this name is here."""
        try:
            os.stat(name, dir_fd=self.descriptor, follow_symlinks=False)
        except FileNotFoundError:
            return False
        return True

    def size_bytes(self, name: str) -> int | None:
        """Return the size of a regular file here, by its name's entry; None if there is none."""
        try:
            found = os.stat(name, dir_fd=self.descriptor, follow_symlinks=False)
        except FileNotFoundError:
            return None
        return found.st_size if stat.S_ISREG(found.st_mode) else None

    def content(self, name: str, *, limit_bytes: int) -> bytes:
        """Return what is in a regular file here; b"" where there is none, or a larger one."""
        size_bytes = self.size_bytes(name)
        if size_bytes is None or size_bytes > limit_bytes:
            return b""
        with os.fdopen(self.opened(name), "rb") as file:
            return file.read(limit_bytes)

    def names(self) -> Sequence[str]:
        """Return the names in this folder."""
        with os.scandir(self.descriptor) as entries:
            return sorted(each.name for each in entries)

    def opened(self, name: str) -> int:
        """Return the descriptor of a file here. Raises OSError, and for a link too."""
        return os.open(name, _READ, dir_fd=self.descriptor)

    def new(self, name: str) -> int:
        """Return the descriptor of a new file here; what was there is not written into."""
        self.remove(name)
        return os.open(name, _NEW, 0o666, dir_fd=self.descriptor)

    def write(self, name: str, content: bytes) -> None:
        """Write a small file, durable but for its name."""
        with os.fdopen(self.new(name), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())

    def remove(self, name: str) -> None:
        """Remove a file, a link or a whole folder, if it is there."""
        try:
            os.unlink(name, dir_fd=self.descriptor)
        except FileNotFoundError:
            return
        except (IsADirectoryError, PermissionError):
            shutil.rmtree(name, dir_fd=self.descriptor)

    def others(self, places: Collection[str]) -> Sequence[str]:
        """Return the places of all regular files below this folder that are none of these."""
        walk = os.fwalk(".", follow_symlinks=False, dir_fd=self.descriptor)
        return [
            place
            for above, _, names, descriptor in walk
            for name in names
            if (place := f"{above}/{name}".removeprefix("./")) not in places
            and stat.S_ISREG(os.stat(name, dir_fd=descriptor, follow_symlinks=False).st_mode)
        ]

    def keep_only(self, places: Collection[str]) -> None:
        """Remove every file below this folder that is at none of these places, and empty folders.

        What is no folder is never gone into, and a link to one is removed as a link.
        """
        walk = os.fwalk(".", topdown=False, follow_symlinks=False, dir_fd=self.descriptor)
        for above, folders, names, descriptor in walk:
            for name in names:
                if f"{above}/{name}".removeprefix("./") not in places:
                    os.unlink(name, dir_fd=descriptor)
            for name in folders:
                _remove_if_empty(name, descriptor)

    def rename(self, name: str, *, to: "Target", as_name: str) -> None:
        """Rename, and make both folders durable."""
        os.rename(name, as_name, src_dir_fd=self.descriptor, dst_dir_fd=to.descriptor)
        to.sync()
        self.sync()

    def sync(self) -> None:
        """Make the names in this folder durable."""
        os.fsync(self.descriptor)

    def refuse_without_room(self, what: str, *, size_bytes: int) -> None:
        """Refuse what the disk has no room for. Raises ExportDiskFull."""
        with writing(self.path):
            room = os.fstatvfs(self.descriptor)
        free_bytes = room.f_bavail * room.f_frsize
        if free_bytes < size_bytes:
            raise ExportDiskFull(
                f"{what} has {size_bytes} bytes, and {self.path} has room for {free_bytes}"
            )


def _made_durable(path: Path) -> None:
    """Make a folder unless it is there, and its name durable: all of an export lies behind that."""
    try:
        path.mkdir()
    except FileExistsError:
        return
    above = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(above)
    finally:
        os.close(above)


def _remove_if_empty(name: str, descriptor: int) -> None:
    try:
        os.rmdir(name, dir_fd=descriptor)
    except NotADirectoryError:
        os.unlink(name, dir_fd=descriptor)
    except OSError as error:
        if error.errno != errno.ENOTEMPTY:
            raise


def _made(name: str, descriptor: int) -> bool:
    try:
        os.mkdir(name, dir_fd=descriptor)
    except FileExistsError:
        return False
    return True
