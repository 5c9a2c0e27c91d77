"""One camera's file system as a descriptor: mounted nowhere, read-only unless it is being wiped."""

import errno
import os
import stat
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from dockd.errors import CameraGone, Refused
from dockd.helper import linux, media
from dockd.helper.usb import Device, Usb

Options = tuple[tuple[str, str | None], ...]
_MOST_PARTITIONS: Final = 8
_NO_MEDIUM: Final = (errno.ENOMEDIUM, errno.ENXIO)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mounting:
    """How to mount: the folder of device nodes, and per file system that may be its options."""

    nodes: Path
    file_systems: Mapping[str, Options]


def for_user(uid: int, gid: int) -> Mounting:
    """Return how a station mounts: footage belongs to dockd's user, times are UTC, names UTF-8."""
    # The umask lets root read "." without any capability; nobody else can reach the mount.
    owner: Options = (("uid", str(uid)), ("gid", str(gid)), ("umask", "0022"))
    return Mounting(
        nodes=Path("/dev"),
        file_systems={
            "vfat": (*owner, ("tz", "UTC"), ("utf8", None)),
            "exfat": (*owner, ("iocharset", "utf8"), ("time_offset", "0")),
        },
    )


class Mount:
    """A mount that was handed out: our own descriptors of it and of what is below it.

    Attributes:
        descriptor: The mount's root, for the client.
        volume: What blkid said of it.
        dirty: Whether the file system was not closed properly before.
        diskseq: The disk's sequence number.
    """

    def __init__(self, device: Device, *, how: Mounting) -> None:
        """Mount the medium of `device`, which is closed with this once this succeeded.

        Raises:
            Refused: There is no medium that can be footage.
            CameraGone: The device left meanwhile.
        """
        self.device = device
        self._node, self.volume, name = _footage(device.disk(), how=how)
        self._name = name
        try:
            self.diskseq = linux.disk_sequence(self._node)
            _have_alone(self._node)
            linux.set_device_read_only(self._node, read_only=True)
            self.dirty = self.is_dirty()
            options = how.file_systems[self.volume.file_system]
            self.descriptor = linux.mount_detached(
                self._node, file_system=self.volume.file_system, options=options
            )
        except OSError as error:
            os.close(self._node)
            raise _unmountable(error) from error
        except Refused:
            os.close(self._node)
            raise
        try:
            self.check()
        except CameraGone:
            self._close()
            raise

    @property
    def trace(self) -> dict[str, object]:
        """What a later helper needs to find it by, if this one is killed."""
        return {"device": self.device.name, "node": self._name, "diskseq": self.diskseq}

    def check(self) -> None:
        """Return if the device, its disk and what was opened are still the same.

        Raises:
            CameraGone: They are not.
        """
        try:
            present = _number(self.device.disk() / "diskseq")
            same = present == self.diskseq == linux.disk_sequence(self._node)
        except (OSError, Refused) as error:
            raise CameraGone(f"the disk of {self.device.name} is gone") from error
        if not (same and self.device.is_authorised):
            raise CameraGone(f"another disk is at {self.device.name} now")

    def is_handed_out(self, descriptor: int) -> bool:
        """Return whether a client's descriptor is this very mount's root."""
        with suppress(OSError):
            return linux.mount_identity(descriptor) == linux.mount_identity(self.descriptor)
        return False

    def is_dirty(self) -> bool:
        """Return whether the file system says now that it was not closed properly."""
        return media.is_dirty(self._node, file_system=self.volume.file_system)

    def make_writable(self) -> None:
        """Let the medium be written; raises OSError, when it has to be taken back."""
        linux.set_device_read_only(self._node, read_only=False)
        linux.reconfigure(self.descriptor, read_only=False)

    def make_read_only(self) -> None:
        """Write everything out and let the medium not be written; raises OSError."""
        linux.sync(self.descriptor)
        linux.reconfigure(self.descriptor, read_only=True)
        linux.set_device_read_only(self._node, read_only=True)

    def take_back(self) -> None:
        """Make the medium read-only whatever a client holds open, or take the device away."""
        try:
            self.make_read_only()
        except OSError:
            # A device that does not answer, or a file that stays open for writing.
            with suppress(CameraGone):
                self.device.authorise(allowed=False)

    def close(self) -> None:
        """Forget it: what the client still holds goes on being the client's."""
        self._close()
        self.device.close()

    def _close(self) -> None:
        os.close(self.descriptor)
        os.close(self._node)


def take_from(trace: Mapping[str, Any], *, usb: Usb, nodes: Path) -> None:
    """Take away a device that an earlier helper left writable and that is still mounted."""
    with suppress(CameraGone, OSError), usb.open(trace["device"]) as device:
        node = os.open(nodes / trace["node"], os.O_RDONLY | os.O_NOFOLLOW)
        try:
            if linux.disk_sequence(node) == trace["diskseq"]:
                _have_alone(node)
                linux.set_device_read_only(node, read_only=True)
        except Refused:
            device.authorise(allowed=False)
        finally:
            os.close(node)


def _have_alone(node: int) -> None:
    """Return if the block device is mounted nowhere; raises Refused."""
    try:
        os.close(os.open(f"/proc/self/fd/{node}", os.O_RDONLY | os.O_EXCL))
    except OSError as error:
        if error.errno != errno.EBUSY:
            raise
        # A second mount would share the first one's state, its being writable included.
        raise Refused("it is still mounted", slug="camera-media-refused") from error


def _footage(disk: Path, *, how: Mounting) -> tuple[int, media.Volume, str]:
    """Return the one block device of `disk` that can be footage, opened once, and what is on it."""
    partitions = sorted(part.parent for part in disk.glob("*/partition"))
    if len(partitions) > _MOST_PARTITIONS:
        raise Refused(f"it has {len(partitions)} partitions", slug="camera-media-refused")
    found: list[tuple[int, media.Volume, str]] = []
    seen: list[str] = []
    try:
        for folder in partitions or [disk]:
            node = _open(folder, nodes=how.nodes)
            volume = _probe(node)
            if volume is not None and volume.file_system in how.file_systems:
                found.append((node, volume, folder.name))
            else:
                seen.append(volume.file_system if volume else "unknown")
                os.close(node)
        if len(found) == 1:
            return found[0]
    except (OSError, Refused) as error:
        _close_all(found)
        if isinstance(error, Refused):
            raise
        raise _unmountable(error) from error
    _close_all(found)
    detail = (
        f"{len(found)} partitions with footage"
        if found
        else f"{', '.join(seen)}, not vfat or exfat"
    )
    raise Refused(f"it holds {detail}", slug="camera-media-refused")


def _close_all(found: list[tuple[int, media.Volume, str]]) -> None:
    for node, _, _ in found:
        os.close(node)


def _probe(node: int) -> media.Volume | None:
    try:
        return media.probe(node)
    except (OSError, Refused):
        os.close(node)
        raise


def _open(folder: Path, *, nodes: Path) -> int:
    """Open the node of a disk's or partition's folder, and see that it is that one's."""
    node = os.open(nodes / folder.name, os.O_RDONLY | os.O_NOFOLLOW)
    status = os.fstat(node)
    number = f"{os.major(status.st_rdev)}:{os.minor(status.st_rdev)}"
    if stat.S_ISBLK(status.st_mode) and number == (folder / "dev").read_text().strip():
        return node
    os.close(node)
    raise OSError(errno.ENXIO, "its device node is another's")


def _number(file: Path) -> int:
    return int(file.read_text())


def _unmountable(error: OSError) -> Refused:
    if error.errno in _NO_MEDIUM:
        return Refused("it has no medium", slug="camera-media-refused")
    return Refused(f"the kernel refuses it ({error.strerror})", slug="camera-media-refused")
