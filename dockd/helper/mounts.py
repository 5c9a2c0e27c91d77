"""One camera's file system as a descriptor: mounted nowhere, read-only unless it is being wiped."""

import errno
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from dockd.errors import CameraGone, DockdError, Refused
from dockd.helper import linux, media
from dockd.helper.device import Device, read

# Per file system that may be footage: the options with which it is mounted.
FileSystems = Mapping[str, Sequence[str]]
_MOST_PARTITIONS: Final = 8


def for_user(uid: int, gid: int) -> FileSystems:
    """Return how a station mounts: footage belongs to dockd's user, times are UTC, names UTF-8."""
    owner = (f"uid={uid}", f"gid={gid}", "umask=0077")
    return {
        "vfat": (*owner, "tz=UTC", "utf8"),
        "exfat": (*owner, "iocharset=utf8", "time_offset=0"),
    }


class Mount:
    """A mount that was handed out as `descriptor`, its `volume`, and its disk by `diskseq`.

    It raises CameraGone where the device, or its disk, is not the one that was mounted. It is
    over when it is forgotten; what the client still holds of it goes on being the client's.
    """

    def __init__(self, device: Device, *, file_systems: FileSystems) -> None:
        """Mount the medium of `device`; raises Refused where none of it can be footage."""
        self._device, self._file_systems = device, file_systems
        self.diskseq = -1
        try:
            self._mount()
        except OSError as error:
            # Whatever a device says while it leaves is not about its medium.
            self.check()
            is_absent = error.errno == errno.ENOMEDIUM
            why = f"the kernel refuses it ({error.strerror or error})"
            raise self._device.bad_medium("it has no medium" if is_absent else why) from error
        self.check()

    def _mount(self) -> None:
        if not self._device.is_authorised:
            raise Refused(f"The camera in slot {self._device.slot} is not authorised yet.")
        folder = self._device.disk()
        self._disk = self._device.node(folder)
        self.diskseq = linux.disk_sequence(self._disk)
        if _is_in_use(self._disk):
            # A second mount would share the first one's state, its being writable included.
            raise self._device.bad_medium("it is still mounted")
        self._node, self.volume = self._footage(folder)
        missing_bytes = media.missing_bytes(self._node, volume=self.volume)
        if missing_bytes:
            # Linux reads zeros where a file goes beyond the end, and deletes a folder that does.
            raise self._device.bad_medium(
                f"its volume is {missing_bytes} bytes larger than the medium"
            )
        self.was_dirty = self.is_dirty()
        kind = self.volume.file_system
        options = self._file_systems[kind]
        mount = linux.mount_detached(self._node, file_system=kind, options=options)
        self.descriptor = self._device.held(mount)

    def _footage(self, disk: Path) -> tuple[int, media.Volume]:
        """Return the one block device of `disk` that can be footage, open, and what is on it."""
        partitions = sorted(part.parent for part in disk.glob("*/partition"))
        if len(partitions) > _MOST_PARTITIONS:
            raise self._device.bad_medium(f"it has {len(partitions)} partitions")
        nodes = [self._device.node(partition) for partition in partitions]
        for node in (self._disk, *nodes):
            linux.set_device_read_only(node, read_only=True)
        volumes = {node: media.probe(node) for node in nodes or [self._disk]}
        kinds = [volume.file_system for volume in volumes.values()]
        footage = [each for each in volumes.items() if each[1].file_system in self._file_systems]
        if len(footage) > 1:
            raise self._device.bad_medium(f"it holds {len(footage)} partitions with footage")
        if not footage:
            raise self._device.bad_medium(f"it holds {', '.join(kinds)}, not vfat or exfat")
        return footage[0]

    def check(self) -> None:
        """Return if the device is there and authorised, and its disk is the one that was opened."""
        with suppress(OSError, DockdError):
            present = int(read(self._device.disk() / "diskseq"))
            if present == self.diskseq and self._device.is_authorised:
                return
        slot = self._device.slot
        raise CameraGone(f"The disk of slot {slot} is gone, or another one is in its place.")

    def is_handed_out(self, descriptor: int) -> bool:
        """Return whether a client's descriptor is this very mount's root."""
        with suppress(OSError):
            return linux.mount_identity(descriptor) == linux.mount_identity(self.descriptor)
        return False

    def is_dirty(self) -> bool:
        """Return whether the file system says now that it was not closed properly."""
        return media.is_dirty(self._node, volume=self.volume)

    def set_read_only(self, *, read_only: bool) -> None:
        """Let the medium be written, or write everything out and let it not be; raises OSError."""
        if read_only:
            linux.reconfigure(self.descriptor, read_only=True)
        for node in (self._disk, self._node):
            linux.set_device_read_only(node, read_only=read_only)
        if not read_only:
            linux.reconfigure(self.descriptor, read_only=False)

    def take_back(self) -> None:
        """Make the medium read-only whatever a client holds open, or take the device away."""
        try:
            self.set_read_only(read_only=True)
        except OSError:
            # A device that does not answer, or a file that stays open for writing.
            with suppress(OSError):
                self._device.authorise(allowed=False)


def reclaim(device: Device) -> None:
    """Make the disk of `device` read-only, as an earlier helper may not have left it.

    Whoever still holds a writable mount of it could go on writing: then the device is taken away.
    """
    disk = device.node(device.disk())
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
