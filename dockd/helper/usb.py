"""Which device is in which port, read from sysfs; a device once opened cannot be exchanged.

A slot's port is written as udev's ID_PATH begins (`pci-0000:00:14.0-usb-0:1.2`) or short
(`1-1.2`, which is also the name of a device in it). A USB 3 port and its USB 2 `peer` are one slot.
Sources: Documentation/ABI/testing/sysfs-bus-usb, systemd's udev-builtin-path_id.c.
"""

import errno
import os
import stat
from collections.abc import Mapping, Sequence
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
        """Hold it, and read what it says of itself, which it may before it is authorised."""
        self.name, self.slot = folder.name, slot
        held = self.held(os.open(folder, os.O_PATH | os.O_DIRECTORY))
        # By way of the descriptor, for a path leads to whatever is there by then.
        self._folder = Path(f"/proc/self/fd/{held}")
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


class Usb:
    """The buses, ports and devices of the sysfs at `root`, as they are at this moment."""

    def __init__(self, root: Path) -> None:
        self._devices = root / "bus/usb/devices"
        buses = [bus.resolve() for bus in self._devices.glob("usb*")]
        # The slower first: a port is found on the bus for USB 2, and its peer from there.
        buses.sort(key=lambda bus: (float(read(bus / "speed")), bus.name))
        self._controllers = {bus.name.removeprefix("usb"): _path_id(bus.parent) for bus in buses}
        # Each port's folder, by the name that a device in it has.
        self._ports = {_name_in(port): port for port in self._devices.glob("*:*/*-port*")}

    def names(self) -> Sequence[str]:
        """Return the names of all devices that are in a port."""
        return sorted(each.name for each in self._devices.glob("*-*") if ":" not in each.name)

    def inputs(self) -> Sequence[str]:
        """Return the names of the devices in use as a keyboard, a mouse or the like."""
        kinds = self._devices.glob("*-*:*/bInterfaceClass")
        return [kind.parent.name.partition(":")[0] for kind in kinds if read(kind) == "03"]

    def device(self, name: str, *, slot: str = "") -> Device | None:
        """Return the device `name`, or None: it may leave at any moment."""
        with suppress(OSError):
            return Device(self._devices / name, slot=slot)
        return None

    def at(self, port: str) -> Mapping[str, Path]:
        """Return the names that a device in this port has, and of each the half of the port."""
        for name in self._candidates(port):
            if folder := self._ports.get(name):
                halves = (folder, (folder / "peer").resolve())
                return {_name_in(half): half for half in halves if half.exists()}
        return {}

    def hubs_towards(self, port: str) -> set[str]:
        """Return the names of the devices that have to be hubs for `port` to be there."""
        chains = [name.split(".") for name in self._candidates(port)]
        return {".".join(steps[:upto]) for steps in chains for upto in range(1, len(steps))}

    def _candidates(self, port: str) -> Sequence[str]:
        controller, is_stable, chain = port.partition("-usb-0:")
        if not is_stable:
            return [port]
        return [f"{bus}-{chain}" for bus, of in self._controllers.items() if of == controller]

    def stable(self, name: str) -> str:
        """Return the stable form of the port that the device `name` is in."""
        bus, _, chain = name.partition("-")
        return f"{self._controllers.get(bus)}-usb-0:{chain}"

    def guards(self, port: str) -> Sequence[Path]:
        """Return, per bus of the controller of `port`, what says whether it binds by itself.

        What is faster than a rack's hub shows itself on the controller's other bus.
        """
        own = {self._controllers.get(name.partition("-")[0]) for name in self._candidates(port)}
        buses = [bus for bus, controller in self._controllers.items() if controller in own]
        return [self._devices / f"usb{bus}" / "authorized_default" for bus in buses]


def _name_in(port: Path) -> str:
    """Return the name of a device in the port `1-1-port2` of a hub, or `usb1-port2` of a bus."""
    owner, _, number = port.name.rpartition("-port")
    return f"{owner}.{number}" if "-" in owner else f"{owner.removeprefix('usb')}-{number}"


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
