"""One USB device, read from sysfs; once opened it cannot be exchanged.

Source: Documentation/ABI/testing/sysfs-bus-usb.
"""

import errno
import os
import stat
from contextlib import suppress
from pathlib import Path
from weakref import finalize

from dockd.errors import Refused
from dockd.helper.rules import Identity


class Device:
    """One USB device, held by its own folder: when it leaves, this never becomes the next one.

    Whatever is asked of one that left raises OSError.
    """

    def __init__(self, folder: Path, *, slot: str = "") -> None:
        self.name, self.slot = folder.name, slot
        held = self.held(os.open(folder, os.O_PATH | os.O_DIRECTORY))
        # By way of the descriptor, for a path leads to whatever is there by then.
        self._folder = Path(f"/proc/self/fd/{held}")
        # All of this can be read before the device is authorised.
        serial = read(self._folder / "serial") if (self._folder / "serial").exists() else ""
        self.identity = Identity(
            vendor_id=read(self._folder / "idVendor"),
            product_id=read(self._folder / "idProduct"),
            serial=serial if serial.isprintable() else "",
            descriptors=(self._folder / "descriptors").read_bytes(),
        )

    def held(self, descriptor: int) -> int:
        """Return the descriptor, which is closed when nobody knows of this device any more."""
        # At its end a process closes all there is by itself, and no thread is surprised.
        finalize(self, os.close, descriptor).atexit = False
        return descriptor

    @property
    def is_authorised(self) -> bool:
        """Whether the kernel may bind drivers to it."""
        return read(self._folder / "authorized") == "1"

    def authorise(self, *, allowed: bool) -> None:
        """Let the kernel bind its drivers to this very device, or take them away."""
        # Asking first, for a write waits as long as the kernel is busy with the device.
        if self.is_authorised is not allowed:
            write(self._folder / "authorized", "1" if allowed else "0")

    def disk(self) -> Path:
        """Return the folder of its one disk; raises Refused where it has none yet, or several."""
        units = list(self._folder.glob("*:*/host*/target*/*:*:*:*"))
        if len(units) > 1:
            raise self.bad_medium(f"it has {len(units)} units (LUNs)")
        disks = [disk for unit in units for disk in unit.glob("block/*")]
        if len(disks) != 1:
            raise self._no_disk_yet()
        return disks[0]

    def node(self, folder: Path) -> int:
        """Return the node of its disk's or a partition's folder, open as long as this is held."""
        try:
            node = self.held(os.open(Path("/dev") / folder.name, os.O_RDONLY | os.O_NOFOLLOW))
            number = read(folder / "dev")
        except OSError as error:
            # Linux shows a disk a moment before it can be opened, and its node goes first.
            if error.errno in {errno.ENOENT, errno.ENXIO, errno.ENODEV}:
                raise self._no_disk_yet() from error
            raise
        status = os.fstat(node)
        own = f"{os.major(status.st_rdev)}:{os.minor(status.st_rdev)}"
        if not stat.S_ISBLK(status.st_mode) or number != own:
            raise self.bad_medium("its device node is another's")
        return node

    def bad_medium(self, why: str) -> Refused:
        """Return the refusal of what is on it."""
        reason = f"The camera in slot {self.slot} cannot be used: {why}."
        return Refused(reason, slug="camera-media-refused")

    def _no_disk_yet(self) -> Refused:
        reason = f"The disk of the camera in slot {self.slot} has not appeared yet."
        return Refused(reason, slug="slot-settling")


def is_cut(port: Path) -> bool | None:
    """Return whether the folder of a port says that it has no power, None where that is unknown."""
    with suppress(OSError), (port / "disable").open() as switch:
        return {"0": False, "1": True}.get(switch.read(1))
    return None


def read(attribute: Path) -> str:
    """Return what an attribute says; raises OSError."""
    return attribute.read_text(errors="replace").strip()


def write(attribute: Path, value: str) -> None:
    """Set an attribute that is there; raises OSError."""
    with attribute.open("r+") as opened:
        opened.write(value)
