"""A camera that is a disk, read below the mount that dockd-helper handed out."""

import errno
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Final

from dockd.cameras import quirks
from dockd.cameras.tree_camera import TreeCamera
from dockd.config.quirks import QuirkConfig
from dockd.core import patterns
from dockd.core.battery_word import BatteryWord
from dockd.core.camera_clock import ClockSource
from dockd.errors import CameraGone, ClipUnreadable, DockdError, HelperRefused
from dockd.ports.camera import Eraser, Listing, Medium, ReadPacer, RefusedName
from dockd.ports.helper import Helper, Mounted, WritableMedium
from dockd.ports.usb import Disk, UsbBus, UsbDevice

_ROOT_FLAGS: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_WRITABLE_AT_MOST_S: Final = 60
# A pulled device fails its reads some milliseconds before the kernel takes its entry away.
_SETTLE_S: Final = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Bay:
    """A slot with a device in it, and what dockd goes by there.

    ``clearable`` are the patterns of what may be deleted.
    """

    slot: str
    serial: str
    device: UsbDevice
    quirk: QuirkConfig
    clearable: tuple[str, ...]


class MassStorageCamera(TreeCamera):
    """Implements ``dockd.ports.camera.Camera`` for one docking.

    It is there as long as the very device is, with the very disk that was mounted. What the mount
    itself says proves nothing: a pulled FAT lists as empty without an error, and so does a folder
    whose sectors cannot be read, so the disk's count of errors is compared as well.
    """

    def __init__(
        self,
        bay: Bay,
        mounted: Mounted,
        *,
        bus: UsbBus,
        helper: Helper,
        pacer: ReadPacer,
        has_left: Callable[[], bool],
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """``has_left`` says whether the slot was seen to change, however shortly.

        ``mounted.root`` is closed with the camera.

        Raises:
            CameraGone: it left meanwhile; ``mounted.root`` is closed.
        """
        self._bay: Final = bay
        self._bus: Final = bus
        self._helper: Final = helper
        self._has_left: Final = has_left
        self._sleep: Final = sleep
        self._mount: int = mounted.root
        self._lost_mount = False
        self._medium: Final = Medium(
            file_system=mounted.file_system,
            volume=mounted.volume,
            dirty=mounted.dirty,
            fill_fraction=_fill_fraction(mounted.root),
        )
        try:
            # The mount's own descriptor is O_PATH: nothing can be listed through it.
            root = os.open(".", _ROOT_FLAGS, dir_fd=mounted.root)
        except OSError as error:
            os.close(mounted.root)
            raise CameraGone(
                f"what is in slot {bay.slot} cannot be read: {error.strerror}", slot=bay.slot
            ) from error
        super().__init__(
            root,
            serial=bay.serial,
            slot=bay.slot,
            pacer=pacer,
            flagging=partial(quirks.is_flagged, bay.quirk),
        )
        self._sequence: Final = mounted.disk_sequence
        if not self.is_present():
            self._close_descriptors()
            raise self._gone()

    @property
    def medium(self) -> Medium:
        """The file system, as the helper found it."""
        return self._medium

    @property
    def clock_source(self) -> ClockSource:
        """What its model's quirks say."""
        return ClockSource(self._bay.quirk.clock)

    def is_present(self) -> bool:
        """Return whether this very device is still there, and in it the disk that was mounted."""
        return self._disk() is not None

    def _disk(self) -> Disk | None:
        """Return the disk, if it and its device are still those that were mounted."""
        if self._lost_mount or self._has_left():
            return None
        disk = self._bus.disk(self._bay.device)
        is_ours = disk is not None and disk.works and disk.sequence == self._sequence
        return disk if is_ours else None

    def _settle(self) -> None:
        if self.is_present():
            self._sleep(_SETTLE_S)

    def listing(self) -> Listing:
        """Return all its files; the camera was there before and after, and gave no error."""
        before = self._disk()
        if before is None:
            raise self._gone()
        found = super().listing()
        after = self._disk()
        if after is None or after.errors != before.errors:
            self._settle()
        after = self._disk()
        if after is None:
            raise self._gone()
        if after.errors == before.errors:
            return found
        # FAT passes over a sector that cannot be read, and says nothing.
        self._troubled = True
        hidden = RefusedName(
            path=b"",
            slug=ClipUnreadable.slug,
            reason="the medium gave errors while it was listed; there may be more on it",
        )
        return Listing(files=found.files, refused=(hidden, *found.refused))

    def battery(self) -> BatteryWord | None:
        """Return what its model writes on its medium, as it was when it was plugged in."""
        quirk = self._bay.quirk
        if not quirk.battery_file:
            return None
        return self.battery_in(
            self._root,
            os.fsencode(quirk.battery_file),
            error_percent=quirk.battery_error_percent,
        )

    def is_clearable(self, path: bytes) -> bool:
        """Return whether a file at ``path`` is footage, by its rule or its model's quirks."""
        return any(patterns.matches(pattern, path) for pattern in self._bay.clearable)

    def is_troubled(self) -> bool:
        """Return whether its file system is dirty or gave an error in this docking."""
        return self._medium.dirty or super().is_troubled()

    @contextmanager
    def writable(self) -> Iterator[Eraser]:
        """Make the medium writable, for a minute at most, and lend what erases."""
        self.refuse_absent()
        window = self._opened_window()
        try:
            with super().writable() as eraser:
                yield eraser
        finally:
            self._end(window)

    def _opened_window(self) -> WritableMedium:
        try:
            return self._helper.make_writable(
                self.slot, mount=self._mount, deadline_s=_WRITABLE_AT_MOST_S
            )
        except DockdError as error:
            self.refuse_absent_after(errno.EIO)
            # A helper that began anew does not know this mount: only a new one can be cleared.
            self._lost_mount = isinstance(error, HelperRefused)
            raise

    def _end(self, window: WritableMedium) -> None:
        """Go back to read-only.

        Where that fails the mount is given up with the docking: the helper makes the medium
        read-only when its connection ends, and the last descriptor to close writes it out.
        """
        try:
            self._troubled |= not window.close()
        except DockdError:
            self._troubled = True
            self.refuse_absent_after(errno.EIO)
            self._lost_mount = True
            raise

    def close(self) -> None:
        """Let go of the mount, and have the helper let go of it as well."""
        self._close_descriptors()
        # One that is gone, or whose camera is, has nothing to let go of.
        with suppress(DockdError):
            self._helper.unmount(self.slot)

    def _close_descriptors(self) -> None:
        super().close()
        if self._mount >= 0:
            os.close(self._mount)
            self._mount = -1


def _fill_fraction(mount: int) -> float | None:
    """Return how full a file system says that it is; a camera's word, and it may say nothing."""
    with suppress(OSError):
        space = os.fstatvfs(mount)
        if space.f_blocks:
            return 1 - space.f_bfree / space.f_blocks
    return None
