"""A camera whose files lie below one descriptor: what is the same for folders and for mounts."""

import ctypes
import errno
import os
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Final

from dockd.cameras import battery_file, tree
from dockd.cameras.tree import Flagging
from dockd.core.battery_word import BatteryWord
from dockd.errors import CameraGone, ClipUnreadable, DockdError
from dockd.ports.camera import Eraser, FoundFile, Listing, ReadPacer, RefusedName

_libc: Final = ctypes.CDLL(None, use_errno=True)

_MEDIA_ERRORS: Final = frozenset(
    {errno.EIO, errno.ENODEV, errno.ENXIO, errno.ENOMEDIUM, errno.ESHUTDOWN}
)
"""What the kernel says of a medium that does not answer: it is bad, or it was just pulled."""

_HOLDING: Final = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
_MOST_HELD: Final = 256


class TreeCamera(ABC):
    """Implements ``dockd.ports.camera.Camera`` but for what a family knows of its presence.

    What it holds goes on answering after the camera has left, and wrongly: a pulled FAT lists as
    empty, a folder that was renamed away still opens. So nothing is believed unless the camera
    was there before and after.
    """

    def __init__(
        self, root: int, *, serial: str, slot: str, pacer: ReadPacer, flagging: Flagging
    ) -> None:
        """``root`` is the descriptor of its topmost folder, and is closed with the camera."""
        self._root = root
        self._serial: Final = serial
        self._slot: Final = slot
        self._pacer: Final = pacer
        self._flagging: Final = flagging
        self._troubled = False
        self._unconfirmed = False

    @abstractmethod
    def is_present(self) -> bool:
        """Return whether this very camera is still in its slot."""

    def _settle(self) -> None:  # noqa: B027 - a family whose cameras leave at once has nothing to do
        """Wait until a camera that has just been pulled is known to be gone."""

    @property
    def serial(self) -> str:
        """Its identity."""
        return self._serial

    @property
    def slot(self) -> str:
        """Where it is."""
        return self._slot

    @property
    def pacer(self) -> ReadPacer:
        """What its port can do."""
        return self._pacer

    def listing(self) -> Listing:
        """Return all its files; the camera was there before and after."""
        self.refuse_absent()
        found = tree.listing(self._root, flagging=self._flagging)
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
            self.failed(error.fields.get("errno"))
            raise

    def battery(self) -> BatteryWord | None:
        """Return None: a family whose cameras speak of their batteries knows where."""
        return None

    def battery_in(self, root: int, path: bytes, *, error_percent: float) -> BatteryWord | None:
        """Return what a file below the folder ``root`` says, the camera being there all the time.

        Raises:
            CameraGone: it left.
        """
        self.refuse_absent()
        try:
            word = battery_file.word_in(root, path, slot=self._slot, error_percent=error_percent)
        except OSError as error:
            self.failed(error.errno)
            return None
        self.refuse_absent()
        return word

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
        eraser = _TreeEraser(self, root=self._root)
        try:
            yield eraser
        finally:
            confirmed = eraser.let_go()
            confirmed &= self._synced()
            self._unconfirmed |= not confirmed
            self._troubled |= not confirmed
        self.refuse_absent_after(None if confirmed else errno.EIO)
        if not confirmed:
            raise ClipUnreadable(self._not_confirmed)

    def _deletions(self) -> RefusedName:
        """Return the word that a file which is not listed may be there all the same."""
        # What failed is reported once, and the kernel lists from its memory: only the next docking
        # reads what is on the medium.
        return RefusedName(path=b"", slug=ClipUnreadable.slug, reason=self._not_confirmed)

    @property
    def _not_confirmed(self) -> str:
        return f"{self._serial} did not confirm what was deleted on it"

    def _synced(self) -> bool:
        """Return whether everything written so far is on the medium (syncfs(2))."""
        return bool(_libc.syncfs(self._root) == 0)

    def close(self) -> None:
        """Let go of its topmost folder."""
        if self._root >= 0:
            os.close(self._root)
            self._root = -1

    def refuse_absent(self) -> None:
        """Raise CameraGone unless it is there."""
        if not self.is_present():
            raise self._gone()

    def refuse_absent_after(self, number: object) -> None:
        """Raise CameraGone unless it is there, though it has just failed with an error number.

        A medium fails a moment before the kernel says that its camera was pulled.
        """
        if number in _MEDIA_ERRORS:
            self._settle()
        self.refuse_absent()

    def failed(self, number: object) -> None:
        """Take in that its medium has just failed with an error number; raises CameraGone."""
        self._troubled |= number in _MEDIA_ERRORS
        # What a camera that left says about its files proves nothing.
        self.refuse_absent_after(number)

    def _gone(self) -> CameraGone:
        return CameraGone(
            f"{self._serial} is no longer in slot {self._slot}",
            camera=self._serial,
            slot=self._slot,
        )


class _TreeEraser:
    """Implements ``dockd.ports.camera.Eraser``.

    A file's clusters become free when nobody holds the file any more. So each is held until its
    name is off the medium: a camera that was pulled before that would list a file of which nothing
    is left, and one that is pulled after it has lost clusters that belong to nobody.
    """

    def __init__(self, camera: TreeCamera, *, root: int) -> None:
        self._camera: Final = camera
        self._root: Final = root
        self._held: list[int] = []
        self._folders: dict[bytes, int] = {}
        self._confirmed = True

    def erase(self, file: FoundFile) -> None:
        """Delete one file, if it still has this size and mtime and the camera is still there."""
        parent, _, name = file.path.rpartition(b"/")
        try:
            with tree.folder(self._root, parent) as folder:
                tree.refuse_to_walk(name)
                self._held.append(os.open(name, _HOLDING, dir_fd=folder))
                tree.refuse_another(os.fstat(self._held[-1]), file=file)
                if parent not in self._folders:
                    self._folders[parent] = os.dup(folder)
                # Last of all: nothing is deleted on a camera that has been taken.
                self._camera.refuse_absent()
                os.unlink(name, dir_fd=folder)
        except OSError as error:
            self._camera.failed(error.errno)
            raise tree.meaning_of(error, file=file) from error
        if len(self._held) == _MOST_HELD and not self.let_go():
            self._camera.failed(errno.EIO)

    def let_go(self) -> bool:
        """Have the names taken off the medium, then the clusters; return whether all names are."""
        for folder in self._folders.values():
            try:
                os.fsync(folder)
            except OSError:
                self._confirmed = False
        for descriptor in (*self._folders.values(), *self._held):
            os.close(descriptor)
        self._folders.clear()
        self._held.clear()
        return self._confirmed
