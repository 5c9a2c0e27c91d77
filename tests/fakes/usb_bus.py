"""A sysfs made of plain files, with a hub into which devices can be plugged; and udev's bell.

The real `dockd.station.udev` reads it. What the kernel does to its files when a device comes or
goes, this does to these.
"""

import errno
import os
import shutil
from pathlib import Path
from typing import Final

CONTROLLER: Final = "pci-0000:00:14.0"
HUB: Final = "1-1"


class FakeBus:
    """Bus 1 of one controller, with an eight-port hub on its first port."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.tags = root / "run/udev/tags/dockd"
        self.settles = True
        self._controller = root / "devices/pci0000:00/0000:00:14.0"
        self._listed = root / "bus/usb/devices"
        self._listed.mkdir(parents=True)
        (root / "bus/pci").mkdir()
        self._controller.mkdir(parents=True)
        (self._controller / "subsystem").symlink_to(root / "bus/pci")
        self._came = 0
        self._disks = 0
        ids = {"idVendor": "0409", "idProduct": "55aa"}
        self._hub = self._device(self._controller / "usb1" / HUB, bDeviceClass="09", **ids)

    def _device(self, folder: Path, **attributes: str) -> Path:
        self._came += 1
        attributes = {"devnum": str(self._came), **attributes}
        # The kernel shows a device with all it has; and so does this.
        staged = self.root / "staged"
        staged.mkdir()
        for name, value in attributes.items():
            (staged / name).write_bytes(os.fsencode(value) + b"\n")
        (staged / "subsystem").symlink_to(self.root / "bus/usb")
        folder.parent.mkdir(exist_ok=True)
        staged.rename(folder)
        (self._listed / folder.name).symlink_to(folder)
        return folder

    def plug(
        self, name: str, *, serial: str | None, vendor_id: str = "46f4", product_id: str = "0001"
    ) -> Path:
        """Plug a device into a port, named by the kernel's name for what is there."""
        attributes = {
            "idVendor": vendor_id,
            "idProduct": product_id,
            "bDeviceClass": "00",
            "authorized": "0",
        }
        if serial is not None:
            attributes["serial"] = serial
        parent = self._hub if "." in name else self._controller / "usb1"
        return self._device(parent / name, **attributes)

    def authorise(self, name: str) -> None:
        """Bind the kernel's drivers: a disk appears."""
        device = self._listed / name
        if (device / "authorized").read_text() == "1":
            return
        (device / "authorized").write_text("1")
        self._disks += 1
        unit = (
            device
            / f"{name}:1.0/host{self._disks}/target{self._disks}:0:0"
            / (f"{self._disks}:0:0:0")
        )
        disk = unit / "block/sda"
        disk.mkdir(parents=True)
        (unit / "state").write_text("running\n")
        (unit / "ioerr_cnt").write_text("0x2\n")
        (disk / "diskseq").write_text(f"{self._disks}\n")
        (disk / "dev").write_text(f"8:{16 * self._disks}\n")
        if self.settles:
            self.settle(disk)
        (disk / "device").symlink_to(unit.resolve())

    def settle(self, block: Path) -> None:
        """Be done with a disk or a partition, as udev is after its rules."""
        self.tags.mkdir(parents=True, exist_ok=True)
        (self.tags / f"b{(block / 'dev').read_text().strip()}").touch()

    def unit(self, name: str) -> Path:
        """Return the folder of a device's SCSI unit."""
        (unit,) = (self._listed / name).glob("*/host*/target*/*")
        return unit

    def unplug(self, name: str) -> None:
        """Pull a device."""
        device = (self._listed / name).resolve()
        (self._listed / name).unlink()
        shutil.rmtree(device)

    def there(self) -> list[str]:
        """Return the names of what is plugged into the hub and the controller."""
        names = (entry.name for entry in self._listed.iterdir())
        return sorted(name for name in names if name != HUB)

    def attribute(self, name: str, attribute: str) -> str:
        """Return what a device says of itself, as text; "" where it says nothing."""
        try:
            return (self._listed / name / attribute).read_text(errors="replace").strip()
        except OSError:
            return ""


class Bell:
    """Implements ``dockd.station.udev.monitor.Monitor``: rings when told to."""

    def __init__(self) -> None:
        self._descriptor = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self.broken = False
        self.opened = 0

    def open(self) -> "Bell":
        """Stand for a monitor that has just begun to listen."""
        self.opened += 1
        self.broken = False
        return self

    def fileno(self) -> int:
        return self._descriptor

    def drain(self) -> None:
        os.eventfd_read(self._descriptor)
        if self.broken:
            raise OSError(errno.ENOBUFS, os.strerror(errno.ENOBUFS))

    def ring(self) -> None:
        os.eventfd_write(self._descriptor, 1)

    def overflow(self) -> None:
        """Lose events, as the kernel does when nobody takes them."""
        self.broken = True
        self.ring()

    def close(self) -> None:
        os.close(self._descriptor)
