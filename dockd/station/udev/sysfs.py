"""USB devices and disks as sysfs shows them; everything here may be read without privileges.

Sources: Documentation/ABI/testing/sysfs-bus-usb, sysfs-block and sysfs-devices; the stable form
of a port is what systemd's udev-builtin-path_id.c begins ID_PATH with.
"""

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from dockd.ports.usb import Disk, UsbDevice

SYS: Final = Path("/sys")
TAGS: Final = Path("/run/udev/tags/dockd")
"""A file per disk and partition that our rules tagged, made once all rules are done with it."""

_ON_A_PORT: Final = re.compile(r"\d+-\d+(\.\d+)*")
_HUB_CLASS: Final = b"09"
_WORKS: Final = frozenset({b"running", b"quiesce", b"blocked", b"created-blocked"})
"""States of a SCSI device that answers, or will; the others are on their way out or given up."""


def devices(root: Path = SYS) -> Sequence[UsbDevice]:
    """Return every device that is on a port now; one that leaves meanwhile is left out."""
    try:
        names = sorted(folder.name for folder in (root / "bus/usb/devices").iterdir())
    except FileNotFoundError:
        return ()
    found = (_device(root, name) for name in names if _ON_A_PORT.fullmatch(name))
    return tuple(device for device in found if device is not None)


def is_there(device: UsbDevice, *, root: Path = SYS) -> bool:
    """Return whether this very device is still there."""
    return _entry(root / "bus/usb/devices" / device.name) == device.entry


def _device(root: Path, name: str) -> UsbDevice | None:
    folder = root / "bus/usb/devices" / name
    entry = _entry(folder)
    try:
        path = folder.resolve(strict=True)
        device = UsbDevice(
            name=name,
            port=f"{controller_of(path)}-usb-0:{name.partition('-')[2]}",
            entry=entry or "",
            vendor_id=_text(path / "idVendor"),
            product_id=_text(path / "idProduct"),
            serial=_text(path / "serial") if (path / "serial").exists() else "",
            is_hub=_read(path / "bDeviceClass") == _HUB_CLASS,
        )
    except OSError:
        return None
    # What was read in two halves of two devices is neither.
    return device if entry is not None and _entry(folder) == entry else None


def _entry(folder: Path) -> str | None:
    """Return what tells a device from all others on its port: the kernel's folder and address.

    sysfs gives every folder that it makes another inode number; a folder that stays while its
    device is exchanged does not exist (drivers/usb/core/hub.c: a change ends the device).
    """
    try:
        status = folder.stat()
        return f"{status.st_dev}:{status.st_ino}:{_text(folder / 'devnum')}"
    except OSError:
        return None


def controller_of(path: Path) -> str:
    """Return the stable name of the controller above a device, as ``pci-0000:00:14.0``."""
    parts: list[str] = []
    last = ""
    for folder in path.parents:
        kind = (folder / "subsystem").resolve().name
        # path_id takes the innermost of several bridges in a row, and passes over USB itself.
        if kind in {"pci", "platform"} and kind != last:
            parts.insert(0, f"{kind}-{folder.name}")
        last = kind if kind in {"pci", "platform"} else last
        if folder.name == "devices":
            break
    return "-".join(parts)


def disk(device: UsbDevice, *, root: Path = SYS) -> Disk | None:
    """Return the one disk of this very device; None when it has none, or has left."""
    folder = root / "bus/usb/devices" / device.name
    # A host of the SCSI kind stands below the interface, its units below that (scsi(7)).
    disks = list(folder.glob(f"{device.name}:*/host*/target*/*/block/*"))
    if len(disks) != 1:
        return None
    try:
        found = Disk(
            sequence=int(_read(disks[0] / "diskseq")),
            works=_read(disks[0] / "device/state") in _WORKS,
            errors=int(_read(disks[0] / "device/ioerr_cnt"), 16),
        )
    except (OSError, ValueError):
        return None
    return found if is_there(device, root=root) else None


def is_settled(device: UsbDevice, *, root: Path = SYS, tags: Path = TAGS) -> bool:
    """Return whether udev's rules are done with all there is to mount of this device."""
    folder = root / "bus/usb/devices" / device.name
    disks = list(folder.glob(f"{device.name}:*/host*/target*/*/block/*"))
    parts = [part.parent for disk in disks for part in disk.glob("*/partition")]
    try:
        numbers = [_text(block / "dev") for block in (*disks, *parts)]
    except OSError:
        return False
    # systemd, sd-device.c: a block device is known by its number.
    return bool(disks) and all((tags / f"b{number}").exists() for number in numbers)


def _text(file: Path) -> str:
    # A device may say anything of itself; what is no text is kept apart, to be refused by name.
    return os.fsdecode(_read(file))


def _read(file: Path) -> bytes:
    return file.read_bytes().strip()
