"""A camera that is a directory RACK/SLOT/SERIAL/."""

import ctypes
import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

from dockd.cameras import tree
from dockd.errors import CameraGone, ClipUnreadable, DockdError
from dockd.ports.camera import Eraser, FoundFile, Listing, ReadPacer, RefusedName

_libc: Final = ctypes.CDLL(None, use_errno=True)


class DirectoryCamera:
    """Implements ``dockd.ports.camera.Camera`` for one docking.

    An open directory goes on working after it was renamed away (measured), so the camera is there
    only as long as its path names the very directory that was opened. While its descriptor is
    held, its inode number cannot be given to another.
    """

    def __init__(
        self, path: Path, *, slot: str, pacer: ReadPacer, has_left: Callable[[], bool]
    ) -> None:
        """``has_left`` says whether the rack saw this stay end, however short the absence was.

        Raises:
            CameraGone: it is not there.
        """
        self._path: Final = path
        self._slot: Final = slot
        self._pacer: Final = pacer
        self._has_left: Final = has_left
        self._troubled = False
        self._unconfirmed = False
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            self._root: int = os.open(path, flags)
        except OSError as error:
            raise self._gone() from error
        status = os.fstat(self._root)
        self._identity: Final = (status.st_dev, status.st_ino)

    @property
    def serial(self) -> str:
        """Its identity: the folder's name."""
        return self._path.name

    @property
    def slot(self) -> str:
        """The slot's folder."""
        return self._slot

    @property
    def pacer(self) -> ReadPacer:
        """What its port can do."""
        return self._pacer

    @property
    def identity(self) -> tuple[int, int]:
        """Device and inode of the opened folder."""
        return self._identity

    def is_present(self) -> bool:
        """Return whether its path still names the directory that was opened."""
        if self._has_left():
            return False
        try:
            status = self._path.lstat()
        except OSError:
            return False
        return (status.st_dev, status.st_ino) == self._identity

    def listing(self) -> Listing:
        """Return all its files; the camera was there before and after."""
        self.refuse_absent()
        found = tree.listing(self._root)
        self.refuse_absent()
        if self._unconfirmed:
            found = replace(found, refused=(*found.refused, self._deletions()))
        if any(name.slug == ClipUnreadable.slug for name in found.refused):
            self._troubled = True
        return found

    def open(self, file: FoundFile) -> int:
        """Return a read-only descriptor of one regular file, never reached through a link."""
        self.refuse_absent()
        try:
            return tree.open_file(self._root, file)
        except DockdError as error:
            self._troubled |= error.fields.get("errno") == errno.EIO
            # What a camera that left says about its files proves nothing.
            self.refuse_absent()
            raise

    def is_clearable(self, path: bytes) -> bool:
        """Return true: all of a directory camera is footage (DESIGN.md section 5)."""
        del path
        return True

    def is_troubled(self) -> bool:
        """Return whether its file system gave an error in this docking."""
        return self._troubled

    @contextmanager
    def writable(self) -> Iterator[Eraser]:
        """Lend what erases; on leaving, all deletions are on the medium.

        Raises:
            CameraGone: it left, so whether they are is not known.
            ClipUnreadable: the medium did not confirm them.
        """
        self.refuse_absent()
        try:
            yield _DirectoryEraser(self, root=self._root)
        finally:
            confirmed = self._synced()
            self._unconfirmed |= not confirmed
            self._troubled |= not confirmed
        self.refuse_absent()
        if not confirmed:
            raise ClipUnreadable(self._not_confirmed)

    def _deletions(self) -> RefusedName:
        """Return the word that a file which is not listed may be there all the same."""
        # What failed is reported once, and the kernel lists from its memory: only the next docking
        # reads what is on the medium.
        return RefusedName(path=b"", slug=ClipUnreadable.slug, reason=self._not_confirmed)

    @property
    def _not_confirmed(self) -> str:
        return f"{self._path.name} did not confirm what was deleted on it"

    def _synced(self) -> bool:
        """Return whether everything written so far is on the medium (syncfs(2))."""
        return bool(_libc.syncfs(self._root) == 0)

    def close(self) -> None:
        """Let go of its directory."""
        if self._root >= 0:
            os.close(self._root)
            self._root = -1

    def refuse_absent(self) -> None:
        """Raise CameraGone unless it is there."""
        if not self.is_present():
            raise self._gone()

    def _gone(self) -> CameraGone:
        return CameraGone(
            f"{self._path.name} is no longer in slot {self._slot}",
            camera=self._path.name,
            slot=self._slot,
        )


class _DirectoryEraser:
    """Implements ``dockd.ports.camera.Eraser``."""

    def __init__(self, camera: DirectoryCamera, *, root: int) -> None:
        self._camera: Final = camera
        self._root: Final = root

    def erase(self, file: FoundFile) -> None:
        """Delete one file, if it still has this size and mtime and the camera is still there."""
        parent, _, name = file.path.rpartition(b"/")
        try:
            with tree.folder(self._root, parent) as folder:
                tree.refuse_to_walk(name)
                status = os.stat(name, dir_fd=folder, follow_symlinks=False)
                tree.refuse_another(status, file=file)
                # Last of all: nothing is deleted on a camera that has been taken.
                self._camera.refuse_absent()
                os.unlink(name, dir_fd=folder)
        except OSError as error:
            self._camera.refuse_absent()
            raise tree.meaning_of(error, file=file) from error
