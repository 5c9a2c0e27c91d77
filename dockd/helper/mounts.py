"""One camera's file system as a descriptor: mounted nowhere, read-only unless it is being wiped."""

import errno
import os
import stat
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Final

from dockd.errors import DockdError
from dockd.helper import linux, media
from dockd.helper.refusals import refusal
from dockd.helper.usb import Device

# Per file system that may be footage: the options with which it is mounted.
FileSystems = Mapping[str, Sequence[tuple[str, str | None]]]
_MOST_PARTITIONS: Final = 8


def for_user(uid: int, gid: int) -> FileSystems:
    """Return how a station mounts: footage belongs to dockd's user, times are UTC, names UTF-8."""
    owner = (("uid", str(uid)), ("gid", str(gid)), ("umask", "0077"))
    return {
        "vfat": (*owner, ("tz", "UTC"), ("utf8", None)),
        "exfat": (*owner, ("iocharset", "utf8"), ("time_offset", "0")),
    }


class Mount:
    """A mount that was handed out as `descriptor`, its `volume`, and its disk by `diskseq`.

    It raises CameraGone where the device, or its disk, is not the one that was mounted.
    """

    def __init__(self, device: Device, *, file_systems: FileSystems) -> None:
        """Mount the medium of `device`; raises Refused where none of it can be footage."""
        self._file_systems = file_systems
        self.diskseq = -1
        with ExitStack() as held:
            self._device = held.enter_context(device.copy())
            try:
                self._mount(held)
            except OSError as error:
                # Whatever a device says while it leaves is not about its medium.
                self.check()
                is_absent = error.errno == errno.ENOMEDIUM
                why = f"the kernel refuses it ({error.strerror or error})"
                raise self._bad("it has no medium" if is_absent else why) from error
            self.check()
            self._held = held.pop_all()

    def _mount(self, held: ExitStack) -> None:
        if not self._device.is_authorised:
            raise refusal("unauthorised", self._device.slot)
        folder = self._device.disk()
        self._disk = _opened(folder, held=held, slot=self._device.slot)
        self.diskseq = linux.disk_sequence(self._disk)
        if _is_in_use(self._disk):
            # A second mount would share the first one's state, its being writable included.
            raise self._bad("it is still mounted")
        linux.set_device_read_only(self._disk, read_only=True)
        self._node, self.volume = self._footage(folder, held)
        missing_bytes = media.missing_bytes(self._node, volume=self.volume)
        if missing_bytes:
            # Linux reads zeros where a file goes beyond the end, and deletes a folder that does.
            raise self._bad(f"its volume is {missing_bytes} bytes larger than the medium")
        self.was_dirty = self.is_dirty()
        kind = self.volume.file_system
        options = self._file_systems[kind]
        self.descriptor = linux.mount_detached(self._node, file_system=kind, options=options)
        held.callback(os.close, self.descriptor)

    def _footage(self, disk: Path, held: ExitStack) -> tuple[int, media.Volume]:
        """Return the one block device of `disk` that can be footage, open, and what is on it."""
        partitions = sorted(part.parent for part in disk.glob("*/partition"))
        if len(partitions) > _MOST_PARTITIONS:
            raise self._bad(f"it has {len(partitions)} partitions")
        slot = self._device.slot
        nodes = [_opened(partition, held=held, slot=slot) for partition in partitions]
        found, others = [], []
        for node in nodes or [self._disk]:
            linux.set_device_read_only(node, read_only=True)
            volume = media.probe(node)
            if volume is not None and volume.file_system in self._file_systems:
                found.append((node, volume))
            else:
                others.append("unknown" if volume is None else volume.file_system)
        if len(found) > 1:
            raise self._bad(f"it holds {len(found)} partitions with footage")
        if not found:
            raise self._bad(f"it holds {', '.join(others)}, not vfat or exfat")
        return found[0]

    def _bad(self, why: str) -> DockdError:
        return refusal("bad-medium", self._device.slot, why=why)

    def check(self) -> None:
        """Return if the device is there and authorised, and its disk is the one that was opened."""
        with suppress(OSError, DockdError):
            present = int((self._device.disk() / "diskseq").read_text())
            if present == self.diskseq and self._device.is_authorised:
                return
        raise refusal("disk-left", self._device.slot)

    def is_handed_out(self, descriptor: int) -> bool:
        """Return whether a client's descriptor is this very mount's root."""
        with suppress(OSError, ValueError):
            return linux.mount_identity(descriptor) == linux.mount_identity(self.descriptor)
        return False

    def is_dirty(self) -> bool:
        """Return whether the file system says now that it was not closed properly."""
        return media.is_dirty(self._node, volume=self.volume)

    def make_writable(self) -> None:
        """Let the medium be written; raises OSError, when it has to be taken back."""
        self._set_disk(read_only=False)
        linux.reconfigure(self.descriptor, read_only=False)

    def make_read_only(self) -> None:
        """Write everything out and let the medium not be written; raises OSError."""
        linux.reconfigure(self.descriptor, read_only=True)
        self._set_disk(read_only=True)

    def _set_disk(self, *, read_only: bool) -> None:
        for node in (self._disk, self._node):
            linux.set_device_read_only(node, read_only=read_only)

    def take_back(self) -> None:
        """Make the medium read-only whatever a client holds open, or take the device away."""
        try:
            self.make_read_only()
        except OSError:
            # A device that does not answer, or a file that stays open for writing.
            with suppress(OSError):
                self._device.authorise(allowed=False)

    def close(self) -> None:
        """Forget it: what the client still holds goes on being the client's."""
        self._held.close()


def reclaim(device: Device) -> None:
    """Make the disk of `device` read-only, as an earlier helper may not have left it.

    Whoever still holds a writable mount of it could go on writing: then the device is taken away.
    """
    with ExitStack() as held:
        disk = _opened(device.disk(), held=held, slot=device.slot)
        was_writable = not linux.is_device_read_only(disk)
        linux.set_device_read_only(disk, read_only=True)
        if was_writable and _is_in_use(disk):
            device.authorise(allowed=False)


def _is_in_use(disk: int) -> bool:
    """Return whether the disk or a partition of it is mounted anywhere."""
    try:
        os.close(os.open(f"/proc/self/fd/{disk}", os.O_RDONLY | os.O_EXCL))
    except OSError as error:
        if error.errno != errno.EBUSY:
            raise
        return True
    return False


def _opened(folder: Path, *, held: ExitStack, slot: str) -> int:
    """Return the node of a disk's or partition's folder, open, if it is that one's."""
    try:
        node = os.open(Path("/dev") / folder.name, os.O_RDONLY | os.O_NOFOLLOW)
        held.callback(os.close, node)
        number = (folder / "dev").read_text().strip()
    except OSError as error:
        # Linux shows a disk a moment before it can be opened, and its node goes first.
        if error.errno in {errno.ENOENT, errno.ENXIO, errno.ENODEV}:
            raise refusal("no-disk-yet", slot) from error
        raise
    status = os.fstat(node)
    device = f"{os.major(status.st_rdev)}:{os.minor(status.st_rdev)}"
    if not stat.S_ISBLK(status.st_mode) or number != device:
        raise refusal("bad-medium", slot, why="its device node is another's")
    return node
