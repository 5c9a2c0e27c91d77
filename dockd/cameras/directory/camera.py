"""A camera that is a directory RACK/SLOT/SERIAL/."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from dockd.cameras import tree
from dockd.cameras.tree_camera import TreeCamera
from dockd.core.battery_word import BatteryWord
from dockd.core.camera_clock import ClockSource
from dockd.errors import CameraGone
from dockd.ports.camera import Medium, ReadPacer

BATTERY: Final = ".{serial}.battery"
"""Where a camera's charge stands, beside its folder: all that is in there is footage."""
_ERROR_PERCENT: Final = 3.0
_ROOT_FLAGS: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class DirectoryCamera(TreeCamera):
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
        try:
            root = os.open(path, _ROOT_FLAGS)
        except OSError as error:
            raise CameraGone(
                f"{path.name} is no longer in slot {slot}", camera=path.name, slot=slot
            ) from error
        super().__init__(
            root, serial=path.name, slot=slot, pacer=pacer, flagging=tree.lies_in_flagged_folder
        )
        self._path: Final = path
        self._has_left: Final = has_left
        status = os.fstat(root)
        self._identity: Final = (status.st_dev, status.st_ino)

    @property
    def identity(self) -> tuple[int, int]:
        """Device and inode of the opened folder."""
        return self._identity

    @property
    def clock_source(self) -> ClockSource:
        """None: the times of a folder's files are those of whoever put them there."""
        return ClockSource.NONE

    @property
    def medium(self) -> Medium:
        """Somebody else's file system, of which nothing is known."""
        return Medium(file_system="directory", volume="", dirty=False)

    def is_present(self) -> bool:
        """Return whether its path still names the directory that was opened."""
        if self._has_left():
            return False
        try:
            status = self._path.lstat()
        except OSError:
            return False
        return (status.st_dev, status.st_ino) == self._identity

    def battery(self) -> BatteryWord | None:
        """Return what stands beside its folder, if whoever docks it keeps a gauge there."""
        try:
            slot = os.open(self._path.parent, _ROOT_FLAGS)
        except OSError:
            # A slot that is gone, its camera with it, or one that lets nobody look in.
            self.refuse_absent()
            return None
        try:
            name = os.fsencode(BATTERY.format(serial=self.serial))
            return self.battery_in(slot, name, error_percent=_ERROR_PERCENT)
        finally:
            os.close(slot)

    def is_clearable(self, path: bytes) -> bool:
        """Return true: all of a directory camera is footage (DESIGN.md section 5)."""
        del path
        return True
