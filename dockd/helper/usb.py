"""Which device is in which port, read from sysfs; a device once opened cannot be exchanged.

A slot's port is written as udev's ID_PATH begins (`pci-0000:00:14.0-usb-0:1.2`) or short
(`1-1.2`). A hub's port has a folder in sysfs; a USB 3 port and its USB 2 `peer` are one slot.
Sources: Documentation/ABI/testing/sysfs-bus-usb, systemd's udev-builtin-path_id.c.
"""

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final, Self

from dockd.errors import CameraGone, Refused
from dockd.helper.rules import Identity

_DEVICE: Final = re.compile(r"\d+-\d+(\.\d+)*")
_LUN: Final = re.compile(r"\d+:\d+:\d+:\d+")
_ATTRIBUTE_BYTES: Final = 65536


class Device:
    """One USB device, held by its own folder: when it leaves, this never becomes the next one."""

    def __init__(self, folder: Path) -> None:
        """Open the device at `folder`.

        Raises:
            CameraGone: There is none.
        """
        self.name = folder.name
        try:
            self._folder = os.open(folder, os.O_PATH | os.O_DIRECTORY)
            self.path = folder.resolve(strict=True)
        except OSError as error:
            raise CameraGone(f"there is no device at {self.name}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of it; once."""
        os.close(self._folder)

    def identity(self) -> Identity:
        """Return what it says of itself, which it may before it is authorised.

        Raises:
            CameraGone: It left.
        """
        serial = self.text("serial") if self.has("serial") else ""
        return Identity(
            vendor_id=self.text("idVendor"),
            product_id=self.text("idProduct"),
            serial=serial if serial.isprintable() else "",
            descriptors=self._read("descriptors"),
        )

    @property
    def is_authorised(self) -> bool:
        """Whether the kernel may bind drivers to it; raises CameraGone when it left."""
        return self.text("authorized") == "1"

    def authorise(self, *, allowed: bool) -> None:
        """Let the kernel bind its drivers to this very device, or take them away.

        Raises:
            CameraGone: It left.
        """
        try:
            descriptor = os.open("authorized", os.O_WRONLY, dir_fd=self._folder)
            try:
                os.write(descriptor, b"1" if allowed else b"0")
            finally:
                os.close(descriptor)
        except OSError as error:
            raise self._gone(error) from error

    def has(self, name: str) -> bool:
        """Return whether there is an attribute of that name."""
        return os.access(name, os.F_OK, dir_fd=self._folder)

    def text(self, name: str) -> str:
        """Return an attribute, without the spaces around it."""
        return self._read(name).decode(errors="replace").strip()

    def _read(self, name: str) -> bytes:
        try:
            descriptor = os.open(name, os.O_RDONLY, dir_fd=self._folder)
            try:
                return os.read(descriptor, _ATTRIBUTE_BYTES)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise self._gone(error) from error

    def _gone(self, error: OSError) -> CameraGone:
        return CameraGone(f"the device at {self.name} is gone ({error.strerror})")

    def disk(self) -> Path:
        """Return the folder of its one disk.

        Raises:
            Refused: It has several units, or none yet.
        """
        units = [
            found
            for found in self.path.glob(f"{self.name}:*/host*/target*/*")
            if _LUN.fullmatch(found.name)
        ]
        if len(units) > 1:
            raise Refused(f"it has {len(units)} units (LUNs)", slug="camera-media-refused")
        disks = [disk for unit in units for disk in unit.glob("block/*")]
        if len(disks) != 1:
            raise Refused("its disk has not appeared yet", slug="slot-settling")
        return disks[0]


class Usb:
    """The USB devices and ports of the sysfs at `root`."""

    def __init__(self, root: Path = Path("/sys")) -> None:
        self._devices = root / "bus/usb/devices"
        self._seen: list[tuple[str, Path]] = []
        self._known: list[tuple[str, int, int]] = []

    def has(self, name: str) -> bool:
        """Return whether there is a device of that name."""
        return (self._devices / name).exists()

    def names(self) -> list[str]:
        """Return the names of all devices that are on a port, such as `1-1.2`."""
        with suppress(FileNotFoundError):
            return sorted(
                each.name for each in self._devices.iterdir() if _DEVICE.fullmatch(each.name)
            )
        return []

    def open(self, name: str) -> Device:
        """Return the device `name`; raises CameraGone."""
        return Device(self._devices / name)

    def ports(self, port: str) -> tuple[Path, ...]:
        """Return the folders of a port and of its peer; none where the hub is not there."""
        for bus, chain in self._places(port):
            hub, _, number = chain.rpartition(".")
            found = self._port(f"{bus}-{hub}" if hub else f"usb{bus}", number)
            if found.exists():
                with suppress(OSError):
                    owner, _, number = (found / "peer").readlink().name.rpartition("-port")
                    return found, self._port(owner, number)
                return (found,)
        return ()

    def _port(self, owner: str, number: str) -> Path:
        # A hub has one configuration, which is the first.
        prefix = owner if "-" in owner else f"{owner.removeprefix('usb')}-0"
        return self._devices / f"{prefix}:1.0" / f"{owner}-port{number}"

    def hubs_towards(self, port: str) -> Iterator[str]:
        """Yield the names of the devices that have to be hubs for `port` to be there."""
        for bus, chain in self._places(port):
            steps = chain.split(".")
            yield from (f"{bus}-{'.'.join(steps[:upto])}" for upto in range(1, len(steps)))

    def _places(self, port: str) -> list[tuple[int, str]]:
        """Return the buses on which `port` may be, USB 2 first, and its chain of port numbers."""
        controller, is_stable, chain = port.partition("-usb-0:")
        if not is_stable:
            bus, _, chain = port.partition("-")
            return [(int(bus), chain)]
        buses = sorted(each for each in self._buses() if each[0] == controller)
        return [(number, chain) for _, _, number in buses]

    def _buses(self) -> list[tuple[str, int, int]]:
        """Return each bus's controller, speed in Mbit/s, and number, looked up once."""
        seen = [(bus.name, bus.resolve()) for bus in self._devices.glob("usb*")]
        if seen != self._seen:
            self._seen = seen
            self._known = [
                (
                    _path_id(folder.parent),
                    int(_attribute(folder / "speed") or 0),
                    int(name.removeprefix("usb")),
                )
                for name, folder in seen
            ]
        return self._known

    def stable(self, name: str) -> str:
        """Return the stable form of the port on which the device `name` is."""
        bus, _, chain = name.partition("-")
        return f"{_path_id((self._devices / f'usb{bus}').resolve().parent)}-usb-0:{chain}"

    def buses_of(self, port: str) -> Iterator[str]:
        """Yield `usbN` for every bus of the controller of `port`.

        What is faster than a rack's hub shows itself on the controller's other bus.
        """
        for bus, _ in self._places(port):
            controller = _path_id((self._devices / f"usb{bus}").resolve().parent)
            yield from (f"usb{number}" for of, _, number in self._buses() if of == controller)

    def bus_has_input(self, bus: str) -> bool:
        """Return whether a keyboard, a mouse or the like is in use on the bus `usbN`."""
        number = bus.removeprefix("usb")
        kinds = self._devices.glob(f"{number}-*:*/bInterfaceClass")
        return any(_attribute(kind) == "03" for kind in kinds)

    def guard(self, bus: str) -> None:
        """Let the kernel bind nothing that appears on the bus `usbN` from now on."""
        with self._bus_default(bus).open("r+") as default:
            default.write("0")

    def is_guarded(self, bus: str) -> bool:
        """Return whether nothing new on the bus `usbN` is bound by itself."""
        return _attribute(self._bus_default(bus)) == "0"

    def _bus_default(self, bus: str) -> Path:
        return self._devices / bus / "authorized_default"


def device_at(port: Path) -> str:
    """Return the name that a device on the port of this folder has: `1-1-port2` is for `1-1.2`."""
    owner, _, number = port.name.rpartition("-port")
    return f"{owner.removeprefix('usb')}-{number}" if "-" not in owner else f"{owner}.{number}"


def _path_id(folder: Path) -> str:
    """Return what udev's path_id says of a controller: `pci-0000:00:14.0`."""
    parts: list[str] = []
    last = ""
    while (folder / "subsystem").exists():
        subsystem = (folder / "subsystem").resolve().name
        # Of several in a row (bridges, buses within buses) the lowest alone is named.
        if subsystem != last and subsystem in {"pci", "platform"}:
            parts.insert(0, f"{subsystem}-{folder.name}")
        folder, last = folder.parent, subsystem
    return "-".join(parts)


def _attribute(file: Path) -> str:
    with suppress(OSError):
        return file.read_text(errors="replace").strip()
    return ""
